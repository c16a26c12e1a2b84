"""Starts a scheduler, `dask worker`s and clients for a test. The first argument of the test's program is the scheduler's:
dask_server_demo, or "real" for the one of `distributed` (to check the tests themselves)."""

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

import distributed
from distributed import Client

if os.environ.get("EXPECTED_DASK", distributed.__version__) != distributed.__version__:
    raise SystemExit(f"this is Dask {distributed.__version__} from {distributed.__file__}; scripts/setup --tests installs "
                     f"{os.environ['EXPECTED_DASK']}")
PROGRAM = sys.argv.pop(1)
ENVIRONMENT = dict(os.environ, DASK_DISTRIBUTED__DASHBOARD__LINK="", PYTHONWARNINGS="ignore",
                   DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="10s", OMP_NUM_THREADS="1")


def end(process):
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Scheduler:
    """One scheduler on a free port, or on the one given."""

    def __init__(self, *arguments, port=0, protocol="tcp", python=sys.executable):
        self.log = tempfile.TemporaryFile("w+")
        if PROGRAM == "real":
            command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port),
                       "--no-dashboard", *arguments]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
            line = next(line for line in self.process.stderr if "Scheduler at" in line)
            self.port = int(re.search(r"//127.0.0.1:(\d+)", line).group(1))
        else:
            self.process = subprocess.Popen([PROGRAM, "--port", str(port), "--python", python, *arguments],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                            env=ENVIRONMENT)
            self.port = int(self.process.stdout.readline())
        self.address = f"{protocol}://127.0.0.1:{self.port}"

    def close(self):
        if PROGRAM == "real":
            end(self.process)
            self.process.stderr.close()
            self.process.stdin.close()
        else:
            self.process.stdin.close()
            self.process.stdout.close()
            status, log = self.process.wait(timeout=20), self.log_text()
            if status != 0 or "runtime error" in log:  # also what sanitizers found
                raise AssertionError(f"the scheduler ended with {status}: {log[-4000:]}")
        self.log.close()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log_text(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()


class Worker:
    """One `dask worker` in a process of its own."""

    def __init__(self, address, *arguments, nanny=False, threads=1, name=None):
        self.folder = tempfile.TemporaryDirectory()
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nanny" if nanny else "--no-nanny",
                   "--nthreads", str(threads), "--no-dashboard", "--local-directory", self.folder.name, *arguments]
        if name is not None:
            command += ["--name", name]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=ENVIRONMENT)

    def close(self):
        end(self.process)
        self.folder.cleanup()

    def kill(self):
        self.process.kill()
        self.process.wait()


def until(condition, timeout=30):
    """Looks until the condition holds; its value."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout} s: {condition}")


class OneCluster(unittest.TestCase):
    """Tests that share a scheduler with WORKERS (arguments and options each) and have a client of their own."""

    SCHEDULER = ()
    PYTHON = sys.executable  # that opens graphs
    WORKERS = ((("--resources", "GPU=1"), {"name": "alice"}), ((), {"name": "bob"}))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scheduler = Scheduler(*cls.SCHEDULER, python=cls.PYTHON)
        cls.addClassCleanup(cls.scheduler.close)
        cls.workers = [cls.start_worker(*arguments, **options) for arguments, options in cls.WORKERS]

    @classmethod
    def start_worker(cls, *arguments, **options):
        worker = Worker(cls.scheduler.address, *arguments, **options)
        cls.addClassCleanup(worker.close)
        return worker

    def setUp(self):
        self.client = self.connect()
        if self.WORKERS:
            self.client.wait_for_workers(len(self.WORKERS), timeout=60)

    def connect(self, **options):
        client = Client(self.scheduler.address, timeout=20, **options)
        self.addCleanup(client.close)
        return client

    def address_of(self, name):
        for address, worker in self.client.scheduler_info(n_workers=-1)["workers"].items():
            if worker["name"] == name:
                return address
        raise KeyError(name)
