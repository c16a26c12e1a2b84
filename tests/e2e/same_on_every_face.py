#!/usr/bin/env python3
"""Four clients of one cluster while a run is active: the command line, gRPC that knows nothing but reflection, HTTP, Dask.

    same_on_every_face.py build/dev/bin/launcher

They must agree to the last key. A revision stands for one content, so the documents are compared at a common revision.
"""

import json
import signal
import sys
import time
import unittest
import urllib.request

import grpc
from distributed import Client
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from cluster_client import Cluster

LAUNCHER = sys.argv.pop(1)
RANKS = 3

# A rank's program: reports one status record, then waits for the file to appear.
PROGRAM = """
import json, os, pathlib, socket, sys, time
rank = int(os.environ["RANK"])
agent = socket.socket(socket.AF_UNIX)
agent.connect(os.environ["TRIREME_STATUS_SOCKET"])
record = {"v": 1, "type": "status", "run_id": os.environ["TRIREME_RUN_ID"], "rank": rank, "time": time.time(),
          "phase": "train", "step": 7, "metrics": {"loss": 1.5, "tokens_per_s": 1000.0}}
agent.sendall(json.dumps(record).encode() + b"\\n")
print("waits", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
"""


class ReflectedCluster:
    """A gRPC client made of what the server says of itself."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        database = ProtoReflectionDescriptorDatabase(self.channel)
        [service] = [name for name in database.get_services() if name.endswith(".Cluster")]
        method = DescriptorPool(database).FindServiceByName(service).methods_by_name["GetStatus"]
        self.request = message_factory.GetMessageClass(method.input_type)
        reply = message_factory.GetMessageClass(method.output_type)
        self.call = self.channel.unary_unary(f"/{service}/{method.name}",
                                             request_serializer=self.request.SerializeToString,
                                             response_deserializer=reply.FromString)

    def status(self):
        return json_format.MessageToDict(self.call(self.request(), timeout=10), preserving_proto_field_name=True,
                                         always_print_fields_with_no_presence=True)


def run_of_grpc(run):
    """A Run message as the JSON documents have it: absent is null, a rank's record is an object."""
    for name in ("exit_code", "started", "ended"):
        run.setdefault(name, None)
    insight = run["insight"]
    for name in ("stalled", "efficiency", "exposed", "straggling", "remaining", "step", "total_steps"):
        insight.setdefault(name, None)
    for name in ("step", "total_steps"):  # 64 bits are text in protobuf's JSON
        insight[name] = int(insight[name]) if insight[name] is not None else None
    for rank in run["rank_views"]:
        rank.setdefault("exit_code", None)
        record = rank.pop("status_json")
        rank["status"] = json.loads(record) if record else None
    return run


def status_of_grpc(status):
    ports = {"dask": status.pop("dask_port"), "http": status.pop("http_port")}
    return {**status, "ports": ports, "revision": int(status["revision"]), "runs": [run_of_grpc(run) for run in status["runs"]]}


def comparable(status):
    """Without what moves within a revision: heartbeats are no change. The records' own envelope is gRPC's only."""
    for node in status["nodes"]:
        del node["last_seen"]
    for run in status["runs"]:
        for rank in run["rank_views"]:
            record = rank["status"] or {}
            rank["status"] = {key: record.get(key) for key in ("time", "phase", "step", "metrics")}
    return status


class SameOnEveryFace(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.cluster = self.enterContext(Cluster(LAUNCHER, 2))
        self.dask = Client(f"tcp://127.0.0.1:{self.cluster.dask}", timeout=10)
        self.addCleanup(self.dask.close)
        self.grpc = ReflectedCluster(self.cluster.http)
        self.addCleanup(self.grpc.channel.close)

    def over_http(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.cluster.http}/json/status", timeout=10) as answer:
            return json.load(answer)

    def faces(self):
        """The four documents at one revision."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            shown = {"launcher status --json": json.loads(self.cluster.launch("status", "--json")),
                     "gRPC by reflection": status_of_grpc(self.grpc.status()),
                     "HTTP": self.over_http(),
                     # Dask's own msgpack reader makes tuples of arrays.
                     "Dask": json.loads(json.dumps(self.dask.scheduler_info()["trireme"]))}
            if len({status["revision"] for status in shown.values()}) == 1:
                return {face: comparable(status) for face, status in shown.items()}
        self.fail("the four faces never showed the same revision")

    def wait_for_run(self, is_so):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            runs = self.over_http()["runs"]
            if runs and is_so(runs[0]):
                return
            time.sleep(0.05)
        self.fail(f"the run did not get there: {runs}")

    def expect_agreement(self):
        faces = self.faces()
        reference = faces["launcher status --json"]
        for face, shown in faces.items():
            with self.subTest(face):
                self.assertEqual(shown, reference)
        return reference

    def test_an_active_run_and_its_nodes(self):
        end = self.cluster.folder / "end"
        run_id = json.loads(self.cluster.launch("submit", "-n", str(RANKS), "--name", "waiting", "--no-mpi", "--json", "--",
                                                sys.executable, "-c", PROGRAM, str(end)))["run_id"]
        self.wait_for_run(lambda run: len([rank for rank in run["rank_views"] if rank["status"]]) == RANKS)
        status = self.expect_agreement()
        self.assertEqual([(node["name"], node["state"], node["ranks"]) for node in status["nodes"]],
                         [("node0", "up", 2), ("node1", "up", 1)])
        [run] = status["runs"]
        self.assertEqual((run["run_id"], run["name"], run["status"], run["ranks"]), (run_id, "waiting", "running", RANKS))
        self.assertEqual(run["metrics"], {"loss": 1.5, "tokens_per_s": 1000.0})
        self.assertEqual([rank["node"] for rank in run["rank_views"]], ["node0", "node0", "node1"])

        end.touch()
        self.wait_for_run(lambda run: run["ended"])
        status = self.expect_agreement()
        self.assertEqual((status["runs"][0]["status"], status["runs"][0]["exit_code"]), ("succeeded", 0))
        self.assertEqual([node["ranks"] for node in status["nodes"]], [0, 0])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout takes the cluster down too
    unittest.main(verbosity=2)
