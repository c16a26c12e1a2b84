"""An unmodified dask client beside nodes and runs: both faces at once. Usage: client_test.py FACES_DEMO

What the scheduler does with tasks and workers is tested in server/.
"""

import http.client
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import distributed
from distributed import Client

from faces import Faces

PROGRAM = sys.argv.pop(1)


class DaskClient(unittest.TestCase):
    def setUp(self):
        self.faces = self.enterContext(Faces(PROGRAM, "--still", "--dask-python", sys.executable))
        self.address = f"tcp://127.0.0.1:{self.faces.dask}"
        self.client = Client(self.address, timeout=10)
        self.addCleanup(self.client.close)

    def start_worker(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        worker = subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--no-nanny",
                                   "--no-dashboard", "--nthreads", "1", "--local-directory", folder],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(worker.wait)
        self.addCleanup(worker.terminate)
        self.client.wait_for_workers(1, timeout=60)

    def test_versions_are_the_ones_this_test_is_written_for(self):
        self.assertEqual(distributed.__version__, "2026.8.0")

    def test_shows_nodes_and_runs_as_json_status_does(self):
        shown = self.client.scheduler_info()["trireme"]
        status = self.faces.status()
        self.assertEqual([node["name"] for node in shown["nodes"]], [node["name"] for node in status["nodes"]])
        self.assertEqual([run["run_id"] for run in shown["runs"]], [run["run_id"] for run in status["runs"]])
        self.assertEqual(len(shown["nodes"]), 4)

    def test_nodes_are_no_workers(self):
        self.assertEqual(dict(self.client.scheduler_info()["workers"]), {})
        self.assertEqual(dict(self.client.ncores()), {})
        self.assertEqual(self.client.run(len, [1]), {})

    def test_links_to_the_dashboard(self):
        self.assertEqual(self.client.dashboard_link, self.faces.url("/status"))
        self.assertIn("Dashboard", self.client._repr_html_())
        with urllib.request.urlopen(self.client.dashboard_link, timeout=10) as page:
            self.assertIn("Trireme", page.read().decode())

    def test_a_task_waits_for_a_worker(self):
        future = self.client.submit(sum, [1, 2])
        with self.assertRaises(distributed.TimeoutError):
            future.result(timeout=0.5)
        self.start_worker()
        self.assertEqual(future.result(timeout=30), 3)
        self.assertEqual(len(self.client.scheduler_info()["trireme"]["nodes"]), 4)

    def test_a_client_cannot_stop_the_cluster(self):
        with self.assertRaisesRegex(RuntimeError, "launcher down"):
            self.client.sync(self.client.scheduler.terminate)
        self.assertEqual(len(self.client.scheduler_info()["trireme"]["nodes"]), 4)

    def test_an_http_probe_disturbs_nobody(self):
        with self.assertRaises((OSError, http.client.HTTPException)):
            urllib.request.urlopen(f"http://127.0.0.1:{self.faces.dask}/health", timeout=10)
        self.assertEqual(len(self.client.scheduler_info()["trireme"]["nodes"]), 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
