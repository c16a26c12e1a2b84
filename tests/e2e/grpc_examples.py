#!/usr/bin/env python3
"""The clients of examples/grpc against a real cluster.

    grpc_examples.py build/dev/bin/launcher build/dev/bin/grpc_client
"""

import pathlib
import re
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

    def test_readme(self):
        """README's snippet and its curl line, as they stand but for the port."""
        readme = (CLIENT.parents[2] / "README.md").read_text(encoding="utf-8")
        snippet = next(block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if ":8787" in block)
        curl = re.search(r"`(curl 127\.0\.0\.1:8787/[a-z]+)`", readme)[1]
        with Cluster(LAUNCHER, 2) as cluster:
            cluster.launch("run", "-n", "2", "--", "/bin/echo", "hello")
            run = {"capture_output": True, "text": True, "check": True, "timeout": 60}
            said = subprocess.run([sys.executable, "-c", snippet.replace("8787", str(cluster.http))], **run).stdout
            self.assertEqual(said, "[('r-0001', 'succeeded')]\n")
            metrics = subprocess.run(curl.replace("8787", str(cluster.http)).split(), **run).stdout
            self.assertIn('trireme_runs{status="succeeded"} 1', metrics)

    def test_cpp(self):
        self.assertEqual(self.lines_of(CLIENT_CC), ["[0] hello", "[1] hello"])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout takes the cluster down too
    unittest.main(verbosity=2)
