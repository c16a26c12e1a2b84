#!/usr/bin/env python3
"""The clients of examples/grpc against a real cluster.

    grpc_examples.py build/dev/bin/launcher build/dev/bin/grpc_client
"""

import pathlib
import signal
import subprocess
import sys
import unittest

from cluster_client import Cluster

CLIENT = pathlib.Path(__file__).resolve().parents[2] / "examples" / "grpc" / "client.py"
LAUNCHER, CLIENT_CC = sys.argv.pop(1), sys.argv.pop(1)


class GrpcExamples(unittest.TestCase):
    def lines_of(self, *client):
        with Cluster(LAUNCHER, 2) as cluster:
            words = [*client, f"127.0.0.1:{cluster.http}", "/bin/echo", "hello"]
            return sorted(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines())

    def test_python(self):
        self.assertEqual(self.lines_of(sys.executable, str(CLIENT)), ["[0] hello", "[1] hello", "r-0001 succeeded"])

    def test_cpp(self):
        self.assertEqual(self.lines_of(CLIENT_CC), ["[0] hello", "[1] hello"])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout takes the cluster down too
    unittest.main(verbosity=2)
