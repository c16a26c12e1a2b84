#!/usr/bin/env python3
"""A run that writes as fast as it can, beside one that reports and writes a little, on the same node.

    flooding.py LAUNCHER
"""

import contextlib
import json
import pathlib
import signal
import sys
import time
import urllib.request

from cluster_client import Cluster, Reflected

LAUNCHER = sys.argv[1]
SECONDS = 4
MOST_MEMORY = 150  # MiB, of the scheduler and of the agent
QUIET = """
import json, os, socket, time
with socket.socket(socket.AF_UNIX) as agent:
    agent.connect(os.environ["TRIREME_STATUS_SOCKET"])
    for step in range(1, 100000):
        record = {"v": 1, "type": "status", "run_id": os.environ["TRIREME_RUN_ID"], "rank": 0, "time": time.time(),
                  "phase": "train", "step": step, "metrics": {"loss": 1.0, "step_ms": 100.0}}
        agent.sendall(json.dumps(record).encode() + b"\\n")
        print("written at", time.time(), flush=True)
        time.sleep(0.1)
"""


def get(cluster, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.http}/{path}", timeout=20) as reply:
        return json.loads(reply.read())


def submit(cluster, *command):
    return json.loads(cluster.launch("submit", "--json", "--no-mpi", "-n", 1, "--", *command))["run_id"]


def wait_for(what, patience=20):
    until = time.monotonic() + patience
    while not what():
        if time.monotonic() > until:
            raise AssertionError(f"not within {patience} s")
        time.sleep(0.02)


def state_of(cluster, run_id):
    return get(cluster, f"json/run?run={run_id}")["status"]


def delays(cluster, quiet, reflected):
    """Seconds: of a status call, since the newest record was made, since the newest line was written."""
    began = time.monotonic()
    reflected.call("Cluster.GetStatus")
    call = time.monotonic() - began
    [rank] = get(cluster, f"json/run?run={quiet}")["rank_views"]
    record = time.time() - rank["status"]["time"]
    [line] = get(cluster, f"json/logs?run={quiet}&lines=1")["lines"]
    return call, record, time.time() - float(line.split()[-1])


def peaks(cluster):
    """MiB that the scheduler and the agent have had at most."""
    record = json.loads((pathlib.Path(cluster.environment["XDG_STATE_HOME"]) / "trireme/default/cluster.json").read_text())
    for process in record["processes"]:
        with contextlib.suppress(FileNotFoundError):
            status = pathlib.Path(f"/proc/{process['pid']}/status").read_text()
            yield process["role"], int(status.split("VmHWM:")[1].split()[0]) / 1024


def size_of_log(cluster, run_id):
    return sum(file.stat().st_size for file in cluster.folder.rglob(f"runs/{run_id}/output.log"))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout takes the cluster down too
    with Cluster(LAUNCHER, 1) as cluster, contextlib.closing(Reflected(cluster.http)) as reflected:
        quiet = submit(cluster, sys.executable, "-c", QUIET)
        wait_for(lambda: get(cluster, f"json/logs?run={quiet}&lines=1")["lines"])
        flood = submit(cluster, "yes", "0123456789 " * 20)
        wait_for(lambda: size_of_log(cluster, flood) > 1 << 20)
        size, found = size_of_log(cluster, flood), []
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            found.append(delays(cluster, quiet, reflected))
            time.sleep(0.02)
        size = size_of_log(cluster, flood) - size
        memory = dict(peaks(cluster))
        began = time.monotonic()
        cluster.launch("cancel", "--force", flood)
        ended = time.monotonic() - began
        print(f"  {size / SECONDS / 2**20:.0f} MiB/s were logged; {len(found)} looks; the flood ended after "
              f"{ended:.1f} s; peaks: {({role: round(peak) for role, peak in memory.items()})} MiB")
        for name, each, most in zip(("status call", "record", "line"), zip(*found), (0.25, 1.0, 1.0)):
            late = sorted(each)[int(0.99 * (len(each) - 1))]
            print(f"  {name}: median {1000 * sorted(each)[len(each) // 2]:.0f} ms, 99 % within {1000 * late:.0f} ms")
            if late > most:
                raise AssertionError(f"{name}: 99 % within {late:.2f} s, {most} s are allowed")
        if ended > 3 or state_of(cluster, flood) != "cancelled":
            raise AssertionError(f"the flood is {state_of(cluster, flood)}, {ended:.1f} s after it was cancelled")
        if max(memory.values()) > MOST_MEMORY or size == 0 or state_of(cluster, quiet) != "running":
            raise AssertionError(f"{memory} MiB, {size} bytes logged, the quiet run is {state_of(cluster, quiet)}")
    print("a flood slows nobody")


main()
