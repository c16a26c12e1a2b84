#!/usr/bin/env python3
"""Checks who includes whom: the arrows of ARCHITECTURE.md and no others.

    scripts/check_deps.py            # fails with one line per forbidden include
    scripts/check_deps.py --arrows   # prints the arrows that exist

An area is a folder with rules of its own. A file may include headers of its own area, of the areas listed for it, the
standard library, POSIX, and the foreign libraries listed for it.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# area (longest prefix wins) -> (areas it may include, foreign libraries it may include)
RULES = {
    "collectives/base": ([], ["spdlog", "nlohmann"]),
    "collectives/topology": (["collectives/base"], ["hwloc"]),
    "collectives": (["collectives/base", "collectives/topology"], []),
    "collectives/src/mpi": (["collectives", "collectives/base", "collectives/topology"], ["mpi"]),
    "collectives/src/nccl": (["collectives", "collectives/base", "collectives/topology"], ["nccl", "cuda"]),
    "runtime": (["collectives", "collectives/base", "collectives/topology"], ["torch", "nlohmann", "zlib"]),
    "runtime/src/kernels/cuda": (["runtime", "collectives/base"], ["cuda"]),
    "models": (["runtime", "collectives/base"], ["torch", "cli11", "nlohmann"]),
    "launcher": (["collectives/base", "collectives/topology"],
                 ["grpc", "protobuf", "boost", "msgpack", "sqlite", "cli11", "spdlog", "fmt", "nlohmann", "yaml",
                  "curl", "openssl", "zlib"]),
}
# Tests, benchmarks and examples may use every public header; foreign libraries keep to the same worlds.
FREE = ("tests", "bench", "examples")

FOREIGN = {
    "torch": r"(torch|ATen|c10)/", "nccl": r"nccl\.h", "cuda": r"(cuda|cuda_bf16|cuda_fp16|cuda_runtime|cuda_runtime_api|driver_types)\.h",
    "mpi": r"mpi\.h", "hwloc": r"hwloc", "spdlog": r"spdlog/", "fmt": r"fmt/", "nlohmann": r"nlohmann/",
    "grpc": r"(grpc|grpcpp|grpc\+\+)/", "protobuf": r"(google/protobuf|trireme/v1)/", "boost": r"boost/",
    "msgpack": r"msgpack", "sqlite": r"sqlite3", "cli11": r"CLI/", "yaml": r"yaml-cpp/", "curl": r"curl/",
    "openssl": r"openssl/", "zlib": r"zlib\.h",
}
PUBLIC = {"trireme/base/": "collectives/base", "trireme/topology/": "collectives/topology",
          "trireme/collectives/": "collectives", "trireme/runtime": "runtime", "trireme/models/": "models"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)
SOURCES = (".h", ".cc", ".cu", ".cpp")


def tracked_files():
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                             check=True)
    return [pathlib.PurePosixPath(line) for line in listing.stdout.splitlines() if line.endswith(SOURCES)]


def area_of(path):
    prefixes = [area for area in RULES if str(path).startswith(area + "/")]
    return max(prefixes, key=len) if prefixes else None


def target_of(include, path):
    """('area', name), ('foreign', name), or None for the standard library, POSIX and headers beside the file."""
    for prefix, area in PUBLIC.items():
        if include.startswith(prefix):
            return "area", area
    for name, pattern in FOREIGN.items():
        if re.match(pattern, include):
            return "foreign", name
    folder = include.split("/")[0]
    if "/" in include and (ROOT / folder).is_dir() and folder in ("launcher", "models", "runtime", "collectives"):
        return "area", area_of(pathlib.PurePosixPath(include)) or folder
    return None


def violations_and_arrows():
    violations, arrows = [], set()
    for path in tracked_files():
        area = area_of(path)
        if area is None:
            continue
        areas, libraries = RULES[area]
        text = (ROOT / path).read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            target = target_of(match.group(1), path)
            if target is None or target == ("area", area):
                continue
            kind, name = target
            if kind == "area":
                arrows.add((area, name))
            inside = name.startswith(area + "/src") or area.startswith(name + "/src")
            if name not in (areas if kind == "area" else libraries) and not inside:
                line = text.count("\n", 0, match.start()) + 1
                violations.append(f"{path}:{line}: {area} may not include {match.group(1)} ({name})")
    violations += public_header_violations()
    return violations, arrows


def public_header_violations():
    """Public headers never show a library that LibTorch ships in another version."""
    found = []
    for path in tracked_files():
        if "/include/trireme/" not in f"/{path}":
            continue
        for match in INCLUDE.finditer((ROOT / path).read_text(encoding="utf-8")):
            if re.match(r"(fmt|spdlog|nlohmann|google/protobuf)/", match.group(1)):
                found.append(f"{path}: a public header may not include {match.group(1)}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arrows", action="store_true", help="print the arrows between areas")
    options = parser.parse_args()
    violations, arrows = violations_and_arrows()
    if options.arrows:
        for source, target in sorted(arrows):
            print(f"{source} -> {target}")
    for violation in violations:
        print(violation, file=sys.stderr)
    print(f"check_deps: {len(violations)} forbidden includes, {len(arrows)} arrows")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
