#!/usr/bin/env python3
"""Runs the code cells of a notebook one after the other, in one namespace, against a cluster of its own.

    notebook.py NOTEBOOK LAUNCHER PACKAGE_FOLDER     # the folder of trireme_dask
"""
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from cluster_client import free_ports


def use_free_ports():
    import trireme_dask
    dask, http = free_ports(2)
    trireme_dask.VMCluster = functools.partial(trireme_dask.VMCluster, dask_port=dask, http_port=http)


def run_cells(cells):
    namespace = {"__name__": "__main__"}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            print(f"cell {number}", flush=True)
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), namespace)  # noqa: S102  (that is a notebook)


def main():
    notebook, launcher, package = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:
        os.environ.update({"XDG_STATE_HOME": folder, "PATH": f"{launcher.parent}:{os.environ['PATH']}"})
        sys.path.insert(0, str(package))
        os.environ["PYTHONPATH"] = str(package)
        use_free_ports()
        try:
            run_cells(json.loads(notebook.read_text(encoding="utf-8"))["cells"])
        finally:
            for cluster in (pathlib.Path(folder) / "trireme").glob("*/cluster.json"):
                subprocess.run([launcher, "down", "--name", cluster.parent.name], check=False)
    print("all cells ran")


if __name__ == "__main__":
    main()
