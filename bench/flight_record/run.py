#!/usr/bin/env python3
"""What the flight record costs an operation, in nanoseconds.

    scripts/bench flight_record [--json FILE]
"""
import argparse
import pathlib
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--build", required=True, help="folder of the build")
parser.add_argument("--json", metavar="FILE", help="also write the row as JSON")
parser.add_argument("--quick", action="store_true", help="accepted like everywhere; it takes a second anyway")
options = parser.parse_args()
command = [str(pathlib.Path(options.build) / "bin" / "bench_flight_record")]
sys.exit(subprocess.run(command + (["--json", options.json] if options.json else [])).returncode)
