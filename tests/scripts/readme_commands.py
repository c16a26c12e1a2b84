#!/usr/bin/env python3
"""Runs a block of README.md as it stands.

    readme_commands.py NAME --build BUILD_DIR [--path FOLDER]…

A block is a ```bash fence behind the line <!-- runs: NAME -->. It runs in one bash, in the checkout, with `build/release`
replaced by BUILD_DIR and the cluster in a scratch state folder. Fails when a command fails; an unknown NAME is an error.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def block(name):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- runs: {re.escape(name)} -->\n```\w+\n(.*?)```", readme, re.S)
    if not found:
        sys.exit(f"README.md has no block <!-- runs: {name} -->")
    return found.group(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--path", action="append", default=[])
    options = parser.parse_args()
    script = block(options.name).replace("build/release", str(options.build))
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "XDG_STATE_HOME": scratch,
                       "PATH": ":".join([str(options.build / "bin"), *options.path, os.environ["PATH"]])}
        print(script, flush=True)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=environment, check=False)
        subprocess.run(["launcher", "down"], env=environment, capture_output=True, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
