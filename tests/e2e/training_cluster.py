"""A cluster that trains, and ways to disturb it: a rank that is slowed, or held where the others wait for it."""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import urllib.request

from cluster_client import Cluster

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ("--layers", "2", "--width", "64", "--heads", "2", "--length", "64", "--batch", "8", "--validate-every", "50",
         "--checkpoint-every", "0", "--steps", "100000", "--zero", "3")


class TrainingCluster(Cluster):
    """Four local nodes that train on a text."""

    def __init__(self, launcher, program):
        super().__init__(launcher, 4)
        self.program = program

    def train(self, name, *options):
        reply = self.launch("submit", "--json", "--name", name, "-n", "4", "--", self.program, "--data", self.text(), *MODEL,
                            "--run-dir", self.folder / name, *options)
        return json.loads(reply)["run_id"]

    def text(self):
        prepared = self.folder / "text.bin"
        if not prepared.exists():
            source = self.folder / "text"
            source.write_bytes((ROOT / "README.md").read_bytes() + (ROOT / "ARCHITECTURE.md").read_bytes())
            subprocess.run([ROOT / "scripts/prepare_text", "--source", source, "--output", prepared], check=True,
                           capture_output=True)
        return prepared

    def processes(self, **wanted):
        """Processes of this cluster that have these variables."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = dict(entry.split("=", 1) for entry in (folder / "environ").read_text(errors="replace").split("\0")
                                 if "=" in entry)
                if variables.get("XDG_STATE_HOME") != self.environment["XDG_STATE_HOME"]:
                    continue
                if all(variables.get(key) == value for key, value in wanted.items()):
                    found.append((int(folder.name), (folder / "comm").read_text().strip()))
        return found

    def rank(self, number, run_id):
        programs = [pid for pid, name in self.processes(OMPI_COMM_WORLD_RANK=str(number), TRIREME_RUN_ID=run_id)
                    if name == "train_gpt2"]
        if len(programs) != 1:
            raise AssertionError(f"rank {number} of {run_id} has the processes {programs}")
        return programs[0]

    def agent(self, node):
        for pid, _ in self.processes():
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "agent" in words and node in words:
                return pid
        raise AssertionError(f"{node} has no agent")

    def url(self, path):
        return f"http://127.0.0.1:{self.http}/{path}"

    def get(self, path):
        with urllib.request.urlopen(self.url(path), timeout=10) as reply:
            return reply.read().decode()

    def insight(self, run_id):
        return json.loads(self.get(f"json/run?run={run_id}"))["insight"]


class Slowed:
    """Holds a process up for half of its time."""

    def __init__(self, pid):
        self.pid, self.done = pid, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.done.wait(0.05)
            os.kill(self.pid, signal.SIGCONT)
            self.done.wait(0.05)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class MainThreadHeld:
    """Stops the main thread of a process and no other, as a debugger does: it lives, and does nothing."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, pid):
        self.pid = pid
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def call(self, request):
        if self.libc.ptrace(request, self.pid, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {self.pid}")

    def __enter__(self):
        self.call(self.SEIZE)
        self.call(self.INTERRUPT)
        os.waitpid(self.pid, 0x40000000)  # __WALL

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.call(self.DETACH)


@contextlib.contextmanager
def held_outside(cluster, run_id, number):
    """Holds a rank where the others wait for it, and not in the collective that they are in."""
    for _ in range(20):
        with MainThreadHeld(cluster.rank(number, run_id)):
            time.sleep(2.5)  # two pulses of every rank
            places = [view["status"]["collective"] for view in json.loads(cluster.get(f"json/run?run={run_id}"))["rank_views"]]
            held = places.pop(number)
            if all(place["running"] and place["sequence"] > held["sequence"] for place in places):
                yield
                return
    raise AssertionError(f"rank {number} was never found outside: {held}, the others in {places}")
