"""A cluster of its own for a test, and gRPC clients made of nothing but what the server says of itself."""

import os
import pathlib
import socket
import subprocess
import tempfile

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """Nodes in a scratch state folder; taken down at the end of the `with` block, also when the test fails."""

    def __init__(self, launcher, nodes):
        self.launcher, self.nodes = launcher, nodes

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="cluster-")
        self.folder = pathlib.Path(self.scratch.name)
        self.environment = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), "TMPDIR": str(self.folder)}
        self.dask, self.http = free_ports(2)
        self.launch("up", "--nodes", self.nodes, "--dask-port", self.dask, "--http-port", self.http)
        return self

    def __exit__(self, *_):
        subprocess.run([self.launcher, "down"], env=self.environment, capture_output=True, check=False)
        self.scratch.cleanup()

    def launch(self, *arguments):
        words = [self.launcher, *map(str, arguments)]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(words)} returned {done.returncode}: {done.stderr}")
        return done.stdout


class Reflected:
    """`reflected.call("Nodes.List", page_size=1)`: methods and messages by reflection."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def close(self):
        self.channel.close()

    def call(self, name, /, timeout=20, **fields):
        service, method = name.split(".")
        found = self.pool.FindServiceByName(f"trireme.v1.{service}").methods_by_name[method]
        request = message_factory.GetMessageClass(found.input_type)(**fields)
        connect = self.channel.unary_stream if found.server_streaming else self.channel.unary_unary
        return connect(f"/trireme.v1.{service}/{method}", request_serializer=type(request).SerializeToString,
                       response_deserializer=message_factory.GetMessageClass(found.output_type).FromString)(
                           request, timeout=timeout)
