"""VMCluster against a stand-in for the launcher: what it calls, and what it says when a command fails.

Run as: PYTHONPATH=launcher/dask/python python vm_cluster_test.py
"""

import asyncio
import json
import os
import sys
import tempfile
import textwrap
import unittest
import warnings

from distributed import Client
from trireme_dask import LauncherError, VMCluster

# A launcher that notes its arguments. `up` starts Dask's own scheduler, `submit` starts the program, and `down` ends both.
# Nodes are names; `scale` takes away the last ones that run nothing, as often as it is asked to, and fails where it cannot.
STAND_IN = f"""#!{sys.executable}
import fcntl, json, os, signal, subprocess, sys
folder = os.path.dirname(os.path.abspath(__file__))
verb, arguments = sys.argv[1], sys.argv[2:]
with open(os.path.join(folder, "calls"), "a") as file:
    file.write(json.dumps(sys.argv[1:]) + chr(10))
lock = open(os.path.join(folder, "lock"), "w")
fcntl.flock(lock, fcntl.LOCK_EX)  # until it ends
failure = os.path.join(folder, verb + ".fails")
if os.path.exists(failure):
    code, text = open(failure).read().split(" ", 1)
    sys.stderr.write(text)
    sys.exit(int(code))
pids = os.path.join(folder, "pids")

def start(name, command):
    with open(os.path.join(folder, name + ".log"), "w") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    with open(pids, "a") as file:
        file.write(f"{{name}} {{process.pid}} ")

def value_of(option, otherwise=None):
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return words[words.index(option) + 1] if option in words else otherwise

nodes_file, runs_file = os.path.join(folder, "nodes"), os.path.join(folder, "runs")  # runs: name and node of what runs

def read_lines(file):
    return open(file).read().split(chr(10))[:-1] if os.path.exists(file) else []

def write_lines(file, lines):
    with open(file + ".new", "w") as out:
        out.writelines(line + chr(10) for line in lines)
    os.replace(file + ".new", file)

def ranks_on(node):
    return sum(run.split()[1] == node for run in read_lines(runs_file))

def scale(count):
    nodes = read_lines(nodes_file)
    while len(nodes) < count:
        nodes.append(next(name for name in map("node{{}}".format, range(99)) if name not in nodes))
    while len(nodes) > count:
        idle = [node for node in nodes if ranks_on(node) == 0]
        if not idle:
            sys.exit("every node runs something")
        nodes.remove(idle[-1])
    write_lines(nodes_file, nodes)

if verb == "up":
    scale(int(value_of("--nodes")))
    port_file = os.path.join(folder, "scheduler.json")
    start("scheduler", [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
                        "--no-dashboard", "--scheduler-file", port_file])
    while not os.path.exists(port_file) or not open(port_file).read().strip().endswith("}}"):
        pass
    port = json.load(open(port_file))["address"].rsplit(":", 1)[1]
    print(json.dumps({{"name": value_of("--name"), "host": "127.0.0.1", "nodes": 1, "ports": {{"dask": int(port), "http": 1}}}}))
elif verb == "submit":
    run_id = value_of("--name")
    write_lines(runs_file, read_lines(runs_file) + [run_id + " " + value_of("--node", "any")])
    start(run_id, arguments[arguments.index("--") + 1 :])
    print(json.dumps({{"run_id": run_id}}))
elif verb in ("cancel", "down"):
    running = open(pids).read().split()
    for name, pid in zip(running[::2], running[1::2]):
        if verb == "down" or name == arguments[-1]:
            try:
                os.killpg(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
    write_lines(runs_file, [run for run in read_lines(runs_file) if run.split()[0] != arguments[-1]])
elif verb == "scale":
    scale(int(arguments[-1]))
elif verb == "logs":
    print(open(os.path.join(folder, arguments[-1] + ".log")).read())
elif verb == "status":
    nodes = [{{"name": node, "state": "up", "ranks": ranks_on(node)}} for node in read_lines(nodes_file)]
    print(json.dumps({{"nodes": nodes}}) if "--json" in arguments else "up")
"""

QUIET = {"nthreads": 1, "memory_limit": 0}


class WithLauncher(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.launcher = self.path("launcher")
        with open(self.launcher, "w") as file:
            file.write(textwrap.dedent(STAND_IN))
        os.chmod(self.launcher, 0o755)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def let_fail(self, verb, exit_code, text):
        with open(self.path(verb + ".fails"), "w") as file:
            file.write(f"{exit_code} {text}")

    def calls(self, verb):
        with open(self.path("calls")) as file:
            return [call for call in map(json.loads, file) if call[0] == verb]

    def nodes(self):
        with open(self.path("nodes")) as file:
            return file.read().split()

    def nodes_of_runs(self):
        return [call[call.index("--node") + 1] for call in self.calls("submit") if "--node" in call]

    def cluster(self, **options):
        return VMCluster(launcher=self.launcher, worker_class="distributed.Worker", worker_options=QUIET, **options)


class TheCluster(WithLauncher):
    def test_is_used_as_every_other(self):
        with self.cluster(n_workers=2, name="mine", env_vars={"COLOUR": "red"}) as cluster, Client(cluster) as client:
            client.wait_for_workers(2, timeout=60)
            self.assertEqual(client.submit(lambda x: x + 1, 1).result(timeout=30), 2)
            self.assertTrue(cluster.scheduler_address.startswith("tcp://127.0.0.1:"))
            self.assertIn("VMCluster", cluster._repr_html_())
            self.assertEqual(cluster.name, "mine")
            logs = cluster.get_logs()
            self.assertIn("Scheduler", logs)
            self.assertTrue(any("Start worker" in text or "Registered" in text for text in logs.values()), logs)
        (up,) = self.calls("up")
        self.assertEqual(up[up.index("--nodes") + 1], "2")
        self.assertIn("COLOUR=red", self.calls("submit")[0])
        self.assertEqual(len(self.calls("cancel")), 2)
        self.assertEqual(self.calls("down"), [["down", "--name", "mine"]])

    def test_scales_its_nodes_with_its_workers(self):
        with self.cluster() as cluster, Client(cluster) as client:
            self.assertEqual(self.nodes(), ["node0"])
            cluster.scale(3)
            client.wait_for_workers(3, timeout=60)
            self.assertEqual(self.nodes(), ["node0", "node1", "node2"])
            self.assertEqual([call[-1] for call in self.calls("scale")], ["3"])
            cluster.scale(1)
            while len(self.nodes()) != 1 or len(client.scheduler_info()["workers"]) != 1:
                pass
            cluster.scale(0)
            while client.scheduler_info()["workers"]:
                pass
            self.assertEqual(len(self.nodes()), 1)
            cluster.scale(1)
            client.wait_for_workers(1, timeout=60)
        self.assertEqual(sorted(self.nodes_of_runs()[:3]), ["node0", "node1", "node2"])
        self.assertEqual(len(self.nodes()), 1)

    def test_gives_no_node_back_on_which_something_runs(self):
        with self.cluster(n_workers=2) as cluster, Client(cluster) as client:
            client.wait_for_workers(2, timeout=60)
            with open(self.path("runs"), "a") as file:
                file.write("training node0\ntraining node1\n")
            cluster.scale(1)
            while len(client.scheduler_info()["workers"]) != 1:
                pass
            cluster.sync(cluster._nodes.give_back, "nobody")
            self.assertEqual(len(self.nodes()), 2)

    def test_keeps_the_nodes_that_were_asked_for(self):
        with self.cluster(n_nodes=2) as cluster, Client(cluster) as client:
            cluster.scale(3)
            client.wait_for_workers(3, timeout=60)
        self.assertEqual(self.nodes_of_runs(), [])
        self.assertEqual(len(self.nodes()), 2)
        self.assertFalse(self.calls("scale"))

    def test_adapts(self):
        with self.cluster() as cluster, Client(cluster) as client:
            cluster.adapt(minimum=0, maximum=2, interval="100ms", wait_count=1)
            futures = client.map(lambda x: x + 1, range(1000), pure=False)
            self.assertEqual(client.submit(sum, futures).result(timeout=60), 500500)
            del futures
            while client.scheduler_info()["workers"] or len(self.nodes()) != 1:
                pass

    def test_is_asynchronous_too(self):
        async def use():
            async with self.cluster(n_workers=1, asynchronous=True) as cluster:
                async with Client(cluster, asynchronous=True) as client:
                    return await client.submit(lambda x: x + 1, 1)

        self.assertEqual(asyncio.run(use()), 2)
        self.assertEqual(len(self.calls("down")), 1)


class TheArguments(WithLauncher):
    def test_of_the_cloud_are_ignored_with_one_warning(self):
        self.let_fail("up", 6, "not needed here")
        with warnings.catch_warnings(record=True) as caught, self.assertRaises(RuntimeError):
            warnings.simplefilter("always")
            self.cluster(resource_group="mine", vm_size="Standard_NC24", docker_image="rapidsai/base")
        texts = [str(warning.message) for warning in caught if warning.category is UserWarning]
        self.assertEqual(texts, ["the local provider ignores docker_image, resource_group, vm_size"])

    def test_that_do_not_exist_are_errors(self):
        with self.assertRaisesRegex(TypeError, "unexpected arguments: n_wokers"):
            self.cluster(n_wokers=2)

    def test_name_only_providers_that_exist(self):
        with self.assertRaisesRegex(ValueError, "no provider 'azure'"):
            self.cluster(provider="azure")


class Failures(WithLauncher):
    def test_of_up_say_what_the_launcher_said(self):
        self.let_fail("up", 6, "launcher: error: port 8786 is taken")
        with self.assertRaisesRegex(RuntimeError, "launcher up failed: launcher: error: port 8786 is taken") as raised:
            self.cluster()
        self.assertEqual(raised.exception.__cause__.exit_code, 6)
        self.assertEqual(len(self.calls("up")), 1)

    def test_of_a_worker_take_the_cluster_down(self):
        self.let_fail("submit", 2, "launcher: error: no such program")
        with self.assertRaisesRegex(LauncherError, "launcher submit failed"):
            self.cluster(n_workers=1)
        self.assertEqual(len(self.calls("down")), 1)

    def test_to_cancel_in_a_cluster_that_is_gone_are_no_failures(self):
        self.let_fail("cancel", 3, "launcher: error: no such cluster")
        with self.cluster(n_workers=1):
            pass
        self.assertEqual(len(self.calls("down")), 1)

    def test_to_find_a_launcher_say_how_to_name_one(self):
        with self.assertRaisesRegex(LauncherError, "TRIREME_LAUNCHER"):
            VMCluster(launcher="/nowhere/launcher")


if __name__ == "__main__":
    unittest.main(verbosity=2)
