#!/usr/bin/env python3
"""A Python user's cluster: VMCluster around a real launcher grows, shrinks and adapts, and loses no result.

    dask_cluster.py LAUNCHER PACKAGE_FOLDER     # the folder of trireme_dask
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from cluster_client import free_ports
from distributed import Client, wait

LAUNCHER, PACKAGE = (str(pathlib.Path(word).resolve()) for word in (sys.argv.pop(1), sys.argv.pop(1)))
sys.path.insert(0, PACKAGE)
os.environ["PYTHONPATH"] = PACKAGE


def slowly(x):
    time.sleep(0.1)
    return x


def until(condition, timeout=60):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s")
        time.sleep(0.05)


class Elastic(unittest.TestCase):
    def setUp(self):
        from trireme_dask import VMCluster

        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="dask-cluster-"))
        os.environ["XDG_STATE_HOME"] = folder
        dask, self.http = free_ports(2)
        self.addCleanup(subprocess.run, [LAUNCHER, "down", "--name", "elastic"], capture_output=True, check=False)
        self.cluster = self.enterContext(VMCluster(
            n_workers=1, n_nodes=2, name="elastic", launcher=LAUNCHER, dask_port=dask, http_port=self.http,
            worker_class="distributed.Worker", worker_options={"nthreads": 1, "memory_limit": 0},
            env_vars={"COLOUR": "red"}))
        self.client = self.enterContext(Client(self.cluster))
        self.until_workers({"worker-0"})

    def until_workers(self, names):
        """As the scheduler has told the cluster."""
        until(lambda: self.names() == names)

    def names(self):
        return {worker["name"] for worker in list(self.cluster.scheduler_info["workers"].values())}

    def test_grows_shrinks_and_adapts(self):
        self.assertEqual(set(self.client.run(os.getenv, "COLOUR").values()), {"red"})
        self.assertEqual(self.cluster.dashboard_link, f"http://127.0.0.1:{self.http}/status")
        self.assertIn("workers=1, threads=1", repr(self.cluster))

        self.cluster.scale(2)
        self.until_workers({"worker-0", "worker-1"})
        kept = [self.client.submit(slowly, name, workers=name, allow_other_workers=True) for name in self.names()]
        wait(kept, timeout=30)
        self.assertEqual(set(self.cluster.get_logs(scheduler=False, cluster=False)),
                         set(self.cluster.scheduler_info["workers"]))
        self.cluster.scale(1)
        until(lambda: len(self.names()) == 1)
        self.assertEqual(set(self.client.gather(kept)), {"worker-0", "worker-1"})

        self.cluster.adapt(minimum=0, maximum=2, interval="200ms", target_duration="1s", wait_count=2)
        futures = self.client.map(slowly, range(100))
        until(lambda: len(self.names()) == 2)
        self.assertEqual(self.client.gather(futures), list(range(100)))
        del futures, kept
        until(lambda: not self.names())
        self.assertEqual(self.client.run_on_scheduler(os.getenv, "TRIREME_DASK_PYTHON"), sys.executable)  # beside no worker
        self.assertEqual(self.client.submit(slowly, 5, pure=False).result(timeout=60), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
