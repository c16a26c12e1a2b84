#!/usr/bin/env python3
"""Every service of trireme.v1 against a real cluster, by reflection: pages, filters, tokens, streams, deadlines, errors.

    grpc_calls.py build/dev/bin/launcher
"""

import json
import signal
import sys
import time
import unittest

import grpc
from cluster_client import Cluster, Reflected
from google.rpc import error_details_pb2
from grpc_status import rpc_status

LAUNCHER = sys.argv.pop(1)
RANKS = 3

# A rank's program: three records and lines on both streams; then it waits for the file to appear and reports once more.
PROGRAM = """
import json, os, pathlib, socket, sys, time
rank = int(os.environ["RANK"])
agent = socket.socket(socket.AF_UNIX)
agent.connect(os.environ["TRIREME_STATUS_SOCKET"])
def report(step):
    record = {"v": 1, "type": "status", "run_id": os.environ["TRIREME_RUN_ID"], "rank": rank, "time": 1000.0 + step,
              "phase": "train", "step": step, "metrics": {"loss": 4.0 - step, "step_ms": 10.0 * (rank + 1)}}
    agent.sendall(json.dumps(record).encode() + b"\\n")
for step in range(3):
    report(step)
    print("output", step, flush=True)
    print("errors", step, file=sys.stderr, flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
report(3)
print("last", flush=True)
"""


def details_of(error):
    """The google.rpc messages of an error, by their type."""
    found = {}
    for each in rpc_status.from_call(error).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.ResourceInfo):
            if each.Is(kind.DESCRIPTOR):
                message = kind()
                each.Unpack(message)
                found[kind.__name__] = message
    return found


class GrpcCalls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(LAUNCHER, 2))
        cls.grpc = Reflected(cls.cluster.http)
        cls.addClassCleanup(cls.grpc.close)

    def expect_error(self, code, name, /, **fields):
        with self.assertRaises(grpc.RpcError) as raised:
            answer = self.grpc.call(name, **fields)
            if hasattr(answer, "__next__"):
                next(answer)
        self.assertEqual(raised.exception.code(), code)
        return details_of(raised.exception)

    def submit(self, *words):
        return json.loads(self.cluster.launch("submit", "--no-mpi", "--json", *words))["run_id"]

    def wait_for(self, is_so):
        deadline = time.monotonic() + 30
        while not is_so():
            self.assertLess(time.monotonic(), deadline, "it did not get there")
            time.sleep(0.05)

    def status_of(self, run_id):
        return self.grpc.call("Runs.Get", run_id=run_id).status

    def reporting_run(self, name):
        """A run whose ranks have reported and wait; and the file that ends them."""
        end = self.cluster.folder / f"end-{name}"
        run_id = self.submit("-n", RANKS, "--name", name, "--", sys.executable, "-c", PROGRAM, end)
        self.wait_for(lambda: all(len(self.query(run_id, rank)) == 3 for rank in range(RANKS)))
        self.wait_for(lambda: len(self.read_log(run_id)[0]) == 2 * 3 * RANKS)
        return run_id, end

    def query(self, run_id, rank):
        return list(self.grpc.call("Metrics.Query", run_id=run_id, ranks=[rank]).points)

    def read_log(self, run_id, **fields):
        chunks = list(self.grpc.call("Logs.Read", run_id=run_id, **fields))
        return [line for chunk in chunks for line in chunk.lines], chunks[-1].next_token

    def pages(self, name, rows, /, **fields):
        """All rows, and how many each page had."""
        found, sizes, token = [], [], ""
        while True:
            page = self.grpc.call(name, page_token=token, **fields)
            found += getattr(page, rows)
            sizes.append(len(getattr(page, rows)))
            token = page.next_page_token
            if not token:
                return found, sizes

    def test_nodes_and_ranks_come_in_pages(self):
        nodes, sizes = self.pages("Nodes.List", "nodes", page_size=1)
        self.assertEqual(([node.name for node in nodes], sizes), (["node0", "node1"], [1, 1]))
        self.assertEqual(self.grpc.call("Nodes.Get", name="node1").state, "up")
        self.assertFalse(self.grpc.call("Nodes.List", states=["lost"]).nodes)
        run_id, end = self.reporting_run("ranks")
        ranks, sizes = self.pages("Ranks.List", "ranks", run_id=run_id, page_size=2)
        self.assertEqual(([rank.rank for rank in ranks], sizes), ([0, 1, 2], [2, 1]))
        there = self.grpc.call("Ranks.List", run_id=run_id, node="node1", states=["running"]).ranks
        self.assertEqual([rank.rank for rank in there], [2])
        self.assertEqual(self.grpc.call("Ranks.Get", run_id=run_id, rank=1).node, "node0")
        end.touch()

    def test_runs_come_in_pages_and_again(self):
        wrong = self.submit("-n", 1, "--name", "wrong", "--", "/bin/sh", "-c", "exit 3")
        self.wait_for(lambda: self.status_of(wrong) == "failed")
        again = self.cluster.launch("rerun", wrong).strip()
        self.wait_for(lambda: self.status_of(again) == "failed")
        more = self.grpc.call("Runs.Rerun", run_id=wrong).run_id
        self.wait_for(lambda: self.status_of(more) == "failed")
        runs, sizes = self.pages("Runs.List", "runs", statuses=["failed"], page_size=2)
        self.assertEqual([run.run_id for run in runs if run.name == "wrong"], [more, again, wrong])
        self.assertEqual(sizes[0], 2)
        token = self.grpc.call("Runs.List", statuses=["failed"], page_size=1).next_page_token
        details = self.expect_error(grpc.StatusCode.INVALID_ARGUMENT, "Runs.List", page_token=token)
        self.assertEqual(details["BadRequest"].field_violations[0].field, "page_token")

    def test_logs_go_on_from_a_token(self):
        run_id, end = self.reporting_run("logs")
        errors, _ = self.read_log(run_id, ranks=[1], stream=2)
        self.assertEqual([(line.rank, line.text) for line in errors], [(1, b"errors %d" % step) for step in range(3)])
        tail, token = self.read_log(run_id, ranks=[2], stream=1, tail=2)
        self.assertEqual([line.text for line in tail], [b"output 1", b"output 2"])
        end.touch()
        rest, _ = self.read_log(run_id, token=token, follow=True)
        self.assertEqual(sorted((line.rank, line.text) for line in rest), [(rank, b"last") for rank in range(RANKS)])

    def test_metrics_go_on_from_a_token(self):
        run_id, end = self.reporting_run("metrics")
        self.assertEqual([point.metrics["loss"] for point in self.query(run_id, 0)], [4.0, 3.0, 2.0])
        window = self.grpc.call("Metrics.Query", run_id=run_id, ranks=[2], **{"from": 1000.5, "to": 1001.5}).points
        self.assertEqual([(point.rank, point.step, point.metrics["step_ms"]) for point in window], [(2, 1, 30.0)])
        watch = self.grpc.call("Metrics.Watch", run_id=run_id, ranks=[0])
        first = next(watch)
        self.assertEqual([point.step for point in first.points], [0, 1, 2])
        watch.cancel()
        end.touch()
        rest = [point.step for chunk in self.grpc.call("Metrics.Watch", run_id=run_id, ranks=[0], token=first.next_token)
                for point in chunk.points]
        self.assertEqual(rest[-1], 3)
        self.wait_for(lambda: {value for point in self.query(run_id, -1)
                               for value in (point.low["step_ms"], point.high["step_ms"])} >= {10.0, 30.0})

    def test_watches_go_on_from_a_revision(self):
        watch = self.grpc.call("Cluster.WatchStatus")
        revision = next(watch).revision
        watch.cancel()
        status = next(self.grpc.call("Cluster.WatchStatus", after_revision=revision - 1))
        self.assertGreaterEqual(status.revision, revision)
        later = self.grpc.call("Cluster.WatchStatus", after_revision=status.revision)
        self.submit("-n", 1, "--", "/bin/true")
        self.assertGreater(next(later).revision, status.revision)
        later.cancel()

    def test_deadlines_end_watches(self):
        quiet = self.grpc.call("Cluster.WatchStatus", after_revision=2**53, timeout=0.5)
        begin = time.monotonic()
        with self.assertRaises(grpc.RpcError) as raised:
            next(quiet)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertLess(time.monotonic() - begin, 5)

    def test_drained_nodes_get_no_ranks(self):
        first = self.grpc.call("Cluster.ListEvents", page_size=1000).events[-1].sequence
        events = self.grpc.call("Cluster.WatchEvents", after_sequence=first)
        self.assertIn("node1 gets no new ranks", self.cluster.launch("drain", "node1"))
        try:
            run_id = self.submit("-n", 2, "--", "/bin/true")
            self.wait_for(lambda: self.status_of(run_id) == "succeeded")
            self.assertEqual(list(self.grpc.call("Runs.Get", run_id=run_id).nodes), ["node0"])
            self.assertEqual(self.grpc.call("Nodes.Get", name="node1").state, "draining")
        finally:
            self.assertEqual(self.cluster.launch("undrain", "node1"), "node1 is up\n")
        kinds = []
        while "node_undrained" not in kinds:
            kinds.append(next(events).kind)
        self.assertLess(kinds.index("node_draining"), kinds.index("run_succeeded"))
        events.cancel()

    def test_a_drain_may_end_what_runs(self):
        run_id = self.submit("-n", 2, "--", "/bin/sleep", "1000")
        self.wait_for(lambda: self.status_of(run_id) == "running")
        self.grpc.call("Nodes.Drain", name="node1", cancel_after=0)
        self.wait_for(lambda: self.status_of(run_id) == "cancelled")
        self.assertEqual(self.grpc.call("Nodes.Undrain", name="node1").state, "up")

    def test_errors_say_what_is_wrong(self):
        details = self.expect_error(grpc.StatusCode.NOT_FOUND, "Runs.Get", run_id="r-9999")
        self.assertEqual((details["ErrorInfo"].reason, details["ErrorInfo"].domain, dict(details["ErrorInfo"].metadata)),
                         ("NO_SUCH_RUN", "trireme", {"run_id": "r-9999"}))
        self.assertEqual((details["ResourceInfo"].resource_type, details["ResourceInfo"].resource_name), ("run", "r-9999"))
        for name, fields in (("Nodes.Get", {"name": "node9"}), ("Nodes.Drain", {"name": "node9"}),
                             ("Ranks.List", {"run_id": "r-9999"}), ("Logs.Read", {"run_id": "r-9999"}),
                             ("Metrics.Watch", {"run_id": "r-9999"}), ("Runs.Rerun", {"run_id": "r-9999"})):
            self.assertIn("ResourceInfo", self.expect_error(grpc.StatusCode.NOT_FOUND, name, **fields), name)
        details = self.expect_error(grpc.StatusCode.INVALID_ARGUMENT, "Runs.Submit")
        self.assertEqual(details["BadRequest"].field_violations[0].field, "spec.command")
        for name, fields in (("Nodes.List", {"page_size": -1}), ("Nodes.List", {"page_token": "x"}),
                             ("Nodes.Drain", {"name": "node0", "cancel_after": -1})):
            details = self.expect_error(grpc.StatusCode.INVALID_ARGUMENT, name, **fields)
            self.assertEqual(details["ErrorInfo"].reason, "BAD_REQUEST")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout takes the cluster down too
    unittest.main(verbosity=2)
