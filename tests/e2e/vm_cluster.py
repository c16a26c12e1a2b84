#!/usr/bin/env python3
"""VMCluster with the real launcher: nodes come and go with workers, and no result is lost.

    vm_cluster.py LAUNCHER PACKAGE_FOLDER     # the folder of trireme_dask
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from cluster_client import free_ports


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition.__name__}")
        time.sleep(0.05)


def scale_up_and_down(launcher, folder):
    from distributed import Client, wait
    from trireme_dask import VMCluster

    counts = folder / "counts"

    def count_and_square(x):
        with open(counts, "a") as file:
            file.write("once ")
        return x * x

    dask, http = free_ports(2)
    options = {"nthreads": 1, "memory_limit": 0}
    with VMCluster(n_workers=1, worker_class="distributed.Worker", worker_options=options, launcher=str(launcher),
                   dask_port=dask, http_port=http) as cluster, Client(cluster) as client:

        def nodes():
            status = subprocess.run([launcher, "status", "--name", cluster.name, "--json"], check=True, capture_output=True)
            return sorted(node["name"] for node in json.loads(status.stdout)["nodes"] if node["state"] == "up")

        def has_one_node():
            return len(nodes()) == 1

        def has_one_worker():
            return len(client.scheduler_info()["workers"]) == 1

        client.wait_for_workers(1, timeout=60)
        assert nodes() == ["node0"], nodes()
        cluster.scale(3)
        client.wait_for_workers(3, timeout=60)
        where = client.run(lambda: os.environ["TRIREME_NODE"])
        assert sorted(where.values()) == nodes() == ["node0", "node1", "node2"], where

        futures = [client.submit(count_and_square, x, workers=[worker], allow_other_workers=True, pure=False)
                   for x, worker in enumerate(where)]
        wait(futures, timeout=30)
        cluster.scale(1)
        until(has_one_node)
        until(has_one_worker)
        assert list(client.run(lambda: os.environ["TRIREME_NODE"]).values()) == nodes()
        assert client.gather(futures) == [0, 1, 4]
        assert counts.read_text().split() == ["once"] * 3, counts.read_text()


def main():
    launcher, package = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="vm-cluster-") as name:
        folder = pathlib.Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        sys.path.insert(0, str(package))
        try:
            scale_up_and_down(launcher, folder)
        finally:
            for cluster in (folder / "state" / "trireme").glob("*/cluster.json"):
                subprocess.run([launcher, "down", "--name", cluster.parent.name], check=False)
    print("nodes followed the workers")


if __name__ == "__main__":
    main()
