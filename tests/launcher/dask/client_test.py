"""An unmodified dask client and worker against port 8786's face. Usage: client_test.py FACES_DEMO"""

import http.client
import logging
import subprocess
import sys
import time
import unittest
import urllib.request
import warnings

import distributed
from distributed import Client

from faces import Faces

PROGRAM = sys.argv.pop(1)
REFUSAL = "runs no Dask tasks yet"


class DaskClient(unittest.TestCase):
    def setUp(self):
        self.faces = self.enterContext(Faces(PROGRAM, "--still"))
        self.client = self.connect()

    def connect(self):
        client = Client(f"tcp://127.0.0.1:{self.faces.dask}", timeout=10)
        self.addCleanup(client.close)
        return client

    def test_versions_are_the_ones_this_test_is_written_for(self):
        self.assertEqual(distributed.__version__, "2026.8.0")

    def test_shows_nodes_and_runs_as_json_status_does(self):
        shown = self.client.scheduler_info()["trireme"]
        status = self.faces.status()
        self.assertEqual([node["name"] for node in shown["nodes"]], [node["name"] for node in status["nodes"]])
        self.assertEqual([run["run_id"] for run in shown["runs"]], [run["run_id"] for run in status["runs"]])
        self.assertEqual(len(shown["nodes"]), 4)

    def test_lists_no_workers(self):
        self.assertEqual(dict(self.client.scheduler_info()["workers"]), {})
        self.assertEqual(dict(self.client.ncores()), {})
        self.assertEqual(dict(self.client.has_what()), {})
        self.assertEqual(self.client.run(len, [1]), {})

    def test_links_to_the_dashboard(self):
        self.assertEqual(self.client.dashboard_link, self.faces.url("/status"))
        self.assertIn("Dashboard", self.client._repr_html_())
        with urllib.request.urlopen(self.client.dashboard_link, timeout=10) as page:
            self.assertIn("Trireme", page.read().decode())

    def test_a_task_fails_at_once_with_a_reason(self):
        began = time.monotonic()
        with self.assertRaisesRegex(RuntimeError, REFUSAL):
            self.client.submit(sum, [1, 2]).result(timeout=10)
        self.assertLess(time.monotonic() - began, 1)

    def test_every_task_of_many_fails(self):
        futures = self.client.map(str, range(2000))
        distributed.wait(futures, timeout=10)
        self.assertEqual({future.status for future in futures}, {"error"})

    def test_keys_of_any_type_fail(self):
        for key in ["text", ("tuple", 1), ("nested", ("tuple", 2), 3.5)]:
            with self.assertRaisesRegex(RuntimeError, REFUSAL):
                self.client.submit(len, [key], key=key).result(timeout=10)

    def test_a_large_graph_fails_the_same_way(self):
        with warnings.catch_warnings(), self.assertRaisesRegex(RuntimeError, REFUSAL):
            warnings.simplefilter("ignore")  # distributed advises against such graphs
            self.client.submit(len, bytes(100_000_000)).result(timeout=30)

    def test_the_client_goes_on_after_a_refusal(self):
        for refused in [lambda: self.client.scatter([1]), lambda: self.client.run_on_scheduler(len),
                        lambda: self.client.get_metadata("x"), lambda: self.client.submit(len, []).result(timeout=10)]:
            with self.assertRaises(RuntimeError):
                refused()
        self.assertEqual(len(self.client.scheduler_info()["trireme"]["nodes"]), 4)

    def test_several_clients_at_once(self):
        others = [self.connect() for _ in range(5)]
        for client in others:
            with self.assertRaisesRegex(RuntimeError, REFUSAL):
                client.submit(sum, [1, 2]).result(timeout=10)

    def test_closes_cleanly(self):
        with self.assertNoLogs("distributed", logging.WARNING):
            began = time.monotonic()
            self.client.close()
            self.assertLess(time.monotonic() - began, 2)
        self.assertEqual(self.client.status, "closed")

    def test_an_http_probe_disturbs_nobody(self):
        with self.assertRaises((OSError, http.client.HTTPException)):
            urllib.request.urlopen(f"http://127.0.0.1:{self.faces.dask}/health", timeout=10)
        self.assertEqual(len(self.client.scheduler_info()["trireme"]["nodes"]), 4)

    def test_a_worker_is_refused_with_a_reason(self):
        for nanny in ["--nanny", "--no-nanny"]:
            command = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{self.faces.dask}", nanny,
                       "--no-dashboard", "--nthreads", "1"]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertNotEqual(ended.returncode, 0)
            self.assertIn("takes no Dask workers yet", ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
