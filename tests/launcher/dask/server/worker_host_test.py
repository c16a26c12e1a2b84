"""A scheduler on a host whose Python has no Dask: a worker opens the graphs. Usage: worker_host_test.py SCHEDULER"""

import os
import sys
import tempfile
import unittest

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd
from distributed import wait

from cluster import PROGRAM, OneCluster, until

FOLDER = tempfile.TemporaryDirectory()


def python_without_packages():
    """As a bare python3 of a distribution: it has the standard library."""
    path = os.path.join(FOLDER.name, "python3")
    with open(path, "w") as file:
        file.write(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    os.chmod(path, 0o755)
    os.chmod(FOLDER.name, 0o755)
    return path


def increment(x):
    return x + 1


def opens_graphs():
    return any(name.startswith("trireme_materializer") for name in sys.modules)


@unittest.skipIf(PROGRAM == "real", "it opens graphs itself")
class NoDaskBesideTheScheduler(OneCluster):
    PYTHON = python_without_packages()

    def hosts(self):
        return [address for address, is_host in self.client.run(opens_graphs).items() if is_host]

    def test_tasks_and_their_errors(self):
        self.assertEqual(self.client.gather(self.client.map(increment, range(100))), list(range(1, 101)))
        with self.assertRaises(TypeError):
            self.client.submit(increment, "x").result(timeout=20)
        self.assertEqual(len(self.hosts()), 1)

    def test_the_reason_is_in_the_log(self):
        self.client.submit(increment, 1, pure=False).result(timeout=30)
        self.assertIn("event=materializer_host_unusable", self.scheduler.log_text())

    def test_collections_and_shuffles(self):
        self.assertEqual(da.ones((100, 100), chunks=10).sum().compute(), 10000)
        self.assertEqual(dask.delayed(sum)([dask.delayed(increment)(x) for x in range(5)]).compute(), 15)
        frame = pd.DataFrame({"key": [n % 7 for n in range(200)], "value": range(200)})
        result = dd.from_pandas(frame, npartitions=4).shuffle("key").compute()
        self.assertEqual(sorted(result.value), list(range(200)))

    def test_functions_of_run_on_scheduler(self):
        def workers(dask_scheduler):
            dask_scheduler.seen = getattr(dask_scheduler, "seen", 0) + 1
            return len(dask_scheduler.workers), dask_scheduler.seen

        self.assertEqual(self.client.run_on_scheduler(workers), (2, 1))
        self.assertEqual(self.client.run_on_scheduler(workers), (2, 2))

    def test_uploaded_modules(self):
        path = os.path.join(FOLDER.name, "brought_along.py")
        with open(path, "w") as file:
            file.write("def double(x):\n    return 2 * x\n")
        self.client.upload_file(path)
        sys.path.insert(0, FOLDER.name)
        from brought_along import double
        self.assertEqual(self.client.submit(double, 21).result(timeout=20), 42)


@unittest.skipIf(PROGRAM == "real", "it opens graphs itself")
class WorkersThatOpenGraphs(OneCluster):
    PYTHON = python_without_packages()
    WORKERS = ()

    def test_graphs_wait_for_a_worker_and_go_on_with_the_next(self):
        first = self.client.submit(increment, 1)
        until(lambda: self.client.sync(self.client.scheduler.adaptive_target) == 1)  # an adaptive cluster begins with it
        worker = self.start_worker(name="alice")
        self.assertEqual(first.result(timeout=60), 2)
        worker.kill()
        until(lambda: not self.client.scheduler_info()["workers"])
        second = self.client.submit(increment, 2)
        self.start_worker(name="bob")
        wait(second, timeout=60)
        self.assertEqual(second.result(), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
