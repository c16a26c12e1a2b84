"""Every message, field, enum value and call of the .proto files says what it is. Usage: comments_test.py PROTOC PROTO_FOLDER"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from google.protobuf import descriptor_pb2

FOLDER = pathlib.Path(sys.argv.pop())
PROTOC = sys.argv.pop()
PARTS = {  # field number in the descriptor → its elements; see descriptor.proto
    "FileDescriptorProto": {4: "message_type", 5: "enum_type", 6: "service"},
    "DescriptorProto": {2: "field", 3: "nested_type", 4: "enum_type"},
    "EnumDescriptorProto": {2: "value"},
    "ServiceDescriptorProto": {2: "method"},
}


def files():
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "all"
        sources = sorted(FOLDER.rglob("*.proto"))
        subprocess.run([PROTOC, "-I", FOLDER, "--include_source_info", f"--descriptor_set_out={output}", *sources], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file


def without_comment(element, path, comments, name):
    """Names of elements below this one that no comment is about."""
    for number, attribute in PARTS.get(type(element).__name__, {}).items():
        for at, part in enumerate(getattr(element, attribute)):
            own, own_name = (*path, number, at), f"{name}.{part.name}"
            if isinstance(part, descriptor_pb2.DescriptorProto) and part.options.map_entry:
                continue
            if own not in comments:
                yield own_name
            yield from without_comment(part, own, comments, own_name)


class Comments(unittest.TestCase):
    def test_nothing_is_without_one(self):
        bare = []
        for file in files():
            comments = {tuple(location.path) for location in file.source_code_info.location
                        if location.leading_comments.strip() or location.trailing_comments.strip()}
            self.assertGreater(len(comments), 0, file.name)
            bare += without_comment(file, (), comments, file.name)
        self.assertFalse(bare, "\n".join(bare))


if __name__ == "__main__":
    unittest.main(verbosity=2)
