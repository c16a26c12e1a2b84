"""Workers that come, are told something, and go. Usage: workers_test.py SCHEDULER"""

import os
import tempfile
import time
import unittest

from distributed import NannyPlugin, WorkerPlugin, wait
from distributed.core import rpc
from distributed.deploy.cluster import Cluster
from distributed.diagnostics.plugin import InstallPlugin, UploadDirectory

from cluster import PROGRAM, OneCluster, Worker, until


def increment(x):
    return x + 1


def slowly(x, seconds):
    time.sleep(seconds)
    return x


class Watching(Cluster):
    """What the managers of clusters have in common, for a scheduler that somebody else runs."""

    def __init__(self, client):
        super().__init__(asynchronous=True, quiet=True, loop=client.loop)
        self.scheduler_comm = client.sync(self.connect, client.scheduler.address)

    async def connect(self, address):
        return rpc(address)

    def names(self):
        return {worker["name"] for worker in list(self.scheduler_info["workers"].values())}


class Mark(WorkerPlugin):
    name = "mark"

    def setup(self, worker):
        worker.mark = 7

    def teardown(self, worker):
        worker.mark = 0


class Messages(OneCluster):
    def test_run(self):
        self.assertEqual(sorted(self.client.run(lambda dask_worker: dask_worker.name).values()), ["alice", "bob"])
        alice = self.address_of("alice")
        self.assertEqual(self.client.run(increment, 1, workers=[alice]), {alice: 2})
        with self.assertRaises(ZeroDivisionError):
            self.client.run(lambda: 1 / 0)
        self.assertEqual({type(error) for error in self.client.run(lambda: 1 / 0, on_error="return").values()},
                         {ZeroDivisionError})

        async def coroutine(dask_worker):
            return dask_worker.name

        self.assertEqual(len(self.client.run(coroutine)), 2)

    def test_a_worker_that_does_not_exist(self):
        with self.assertRaises(Exception):
            self.client.run(increment, 1, workers=["tcp://127.0.0.1:1"])
        self.assertEqual(self.client.run(increment, 1, workers=["tcp://127.0.0.1:1"], on_error="ignore"), {})

    def test_upload_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "uploaded_module.py")
            with open(path, "w") as file:
                file.write("def answer(x):\n    return x * 2\n")
            self.client.upload_file(path)

        def uses(x):
            import uploaded_module
            return uploaded_module.answer(x)

        self.assertEqual(self.client.gather(self.client.map(uses, range(4))), [0, 2, 4, 6])

    def test_worker_plugins_reach_present_and_later_workers(self):
        self.client.register_plugin(Mark())
        self.assertEqual(set(self.client.run(lambda dask_worker: dask_worker.mark).values()), {7})
        later = self.start_worker(name="later")
        self.client.wait_for_workers(3, timeout=60)
        self.assertEqual(set(self.client.run(lambda dask_worker: dask_worker.mark).values()), {7})
        later.close()
        until(lambda: len(self.client.ncores()) == 2)
        self.client.unregister_worker_plugin("mark")
        self.assertEqual(set(self.client.run(lambda dask_worker: dask_worker.mark).values()), {0})
        with self.assertRaises(ValueError):
            self.client.unregister_worker_plugin("mark")

    def test_plugins_that_install_something(self):
        def install():
            os.environ["INSTALLED"] = "yes"

        def fail():
            raise OSError("no such package")

        plugin = InstallPlugin(install, restart_workers=False)
        self.client.register_plugin(plugin)
        self.assertEqual(list(self.client.run(os.getenv, "INSTALLED").values()), ["yes", "yes"])
        self.client.unregister_scheduler_plugin(plugin.name)
        with self.assertRaises(ValueError):
            self.client.unregister_scheduler_plugin(plugin.name)
        with self.assertRaisesRegex(OSError, "no such package"):
            self.client.register_plugin(InstallPlugin(fail, restart_workers=False))

    def test_a_taken_name_is_refused(self):
        second = self.start_worker(name="alice")
        self.assertNotEqual(second.process.wait(timeout=60), None)
        self.assertEqual(len(self.client.ncores()), 2)

    def test_identity(self):
        info = self.client.scheduler_info(n_workers=-1)
        self.assertEqual(info["n_workers"], 2)
        self.assertEqual(info["total_threads"], 2)
        worker = info["workers"][self.address_of("alice")]
        self.assertEqual((worker["status"], worker["nthreads"], worker["resources"]), ("running", 1, {"GPU": 1}))
        self.assertIn("cpu", worker["metrics"])
        self.client._repr_html_()

    def test_call_stack_and_logs(self):
        future = self.client.submit(slowly, 1, 5, pure=False)
        until(lambda: any(self.client.processing().values()))
        self.assertIn("slowly", str(until(lambda: self.client.call_stack())))
        future.cancel()
        self.assertEqual(len(self.client.get_worker_logs()), 2)

    def test_an_adaptive_cluster_may_ask(self):
        futures = self.client.map(slowly, range(40), [0.05] * 40, pure=False)
        wait(futures[0], timeout=20)
        wanted = self.client.sync(self.client.scheduler.adaptive_target, target_duration="0.1s")
        self.assertGreaterEqual(wanted, 1)
        wait(futures, timeout=30)
        until(lambda: len(self.client.sync(self.client.scheduler.workers_to_close, n=1)) == 1)


class Comings(OneCluster):
    """Every test starts and ends workers of its own beside these."""

    WORKERS = (((), {"name": "stays"}),)

    def start_another(self, **options):
        before = len(self.client.ncores())
        worker = Worker(self.scheduler.address, **options)
        self.addCleanup(worker.close)
        self.client.wait_for_workers(before + 1, timeout=60)
        return worker

    def test_a_worker_that_is_killed_loses_no_task(self):
        another = self.start_another(name="dies")
        futures = self.client.map(slowly, range(40), [0.05] * 40, pure=False)
        wait(futures[:4], timeout=20, return_when="FIRST_COMPLETED")
        until(lambda: self.client.has_what()[self.address_of("dies")])
        another.kill()
        self.assertEqual(self.client.gather(futures), list(range(40)))
        total = self.client.submit(sum, futures)
        self.assertEqual(total.result(timeout=30), sum(range(40)))

    def test_a_lost_result_is_computed_again(self):
        another = self.start_another(name="holder")
        first = self.client.submit(increment, 1, workers=["holder"], allow_other_workers=True, pure=False)
        second = self.client.submit(increment, first, workers=["holder"], allow_other_workers=True)
        wait(second, timeout=20)
        another.kill()
        self.assertEqual(second.result(timeout=30), 3)

    def test_retire_moves_results(self):
        self.start_another(name="leaves")
        address = self.address_of("leaves")
        futures = self.client.map(increment, range(10), workers=["leaves"], allow_other_workers=True, pure=False)
        scattered = self.client.scatter([1, 2, 3], workers=[address])
        wait(futures, timeout=20)
        retired = self.client.retire_workers([address], close_workers=True)
        self.assertEqual(list(retired), [address])
        self.assertNotIn(address, self.client.ncores())
        self.assertEqual(self.client.gather(futures), list(range(1, 11)))
        self.assertEqual(self.client.gather(scattered), [1, 2, 3])

    @unittest.skipIf(PROGRAM == "real", "it knows addresses only")
    def test_retire_takes_names_for_addresses(self):
        """As SpecCluster gives them when it scales down."""
        self.start_another(name="named")
        future = self.client.submit(increment, 1, workers=["named"], allow_other_workers=True, pure=False)
        wait(future, timeout=20)
        address = self.address_of("named")
        self.assertEqual(list(self.client.retire_workers(workers=["named", "nobody"])), [address])
        self.assertEqual(future.result(timeout=20), 2)

    @unittest.skipIf(PROGRAM == "real", "only the launcher's does so")
    def test_the_workers_of_a_node_retire_together(self):
        names = ["node1", "node1-0", "node10", "node1-x"]
        for name in names:
            self.start_another(name=name)
        futures = [self.client.submit(increment, number, workers=[name], allow_other_workers=True, pure=False)
                   for number, name in enumerate(names)]
        wait(futures, timeout=20)
        process = self.scheduler.process
        for name in ("node1", "nobody"):
            process.stdin.write(name + "\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), name + "\n")
        states = {worker["name"]: worker["status"] for worker in self.client.scheduler_info()["workers"].values()}
        self.assertEqual([states[name] for name in names],
                         ["closing_gracefully", "closing_gracefully", "running", "running"])
        holders = self.client.who_has(futures)
        self.assertEqual([len(holders[future.key]) > 1 for future in futures], [True, True, False, False])

    def test_retire_keeps_the_only_holder(self):
        future = self.client.submit(increment, 1, pure=False)
        wait(future, timeout=20)
        self.assertEqual(self.client.retire_workers([self.address_of("stays")]), {})
        self.assertEqual(self.client.submit(increment, future).result(timeout=20), 3)

    def test_a_busy_worker_at_the_end_of_its_lifetime_starts_anew(self):
        limited = Worker(self.scheduler.address, "--lifetime", "3s", "--lifetime-restart", nanny=True, name="mortal")
        self.addCleanup(limited.close)
        self.client.wait_for_workers(2, timeout=60)
        first = self.address_of("mortal")
        futures = self.client.map(slowly, range(120), [0.05] * 120, pure=False)
        others = [self.client.submit(slowly, x, 0.05, workers="mortal", pure=False) for x in range(100)]
        again = until(lambda: {worker["name"]: address for address, worker in
                               self.client.scheduler_info()["workers"].items() if address != first}.get("mortal"))
        self.assertIn(again, self.client.ncores())
        self.client.cancel(others)
        self.assertEqual(self.client.gather(futures), list(range(120)))

    def test_cluster_managers_hear_of_workers_that_come_and_go(self):
        cluster = Watching(self.client)
        self.addCleanup(self.client.sync, cluster._close)
        self.client.sync(cluster._start)
        self.assertEqual(cluster.names(), {"stays"})
        another = self.start_another(name="watched")
        until(lambda: cluster.names() == {"stays", "watched"})
        (added,) = (worker for worker in cluster.scheduler_info["workers"].values() if worker["name"] == "watched")
        self.assertEqual((added["type"], added["nthreads"]), ("Worker", 1))
        another.kill()
        until(lambda: cluster.names() == {"stays"})

    def test_a_worker_that_ends_orderly(self):
        another = self.start_another(name="polite")
        future = self.client.submit(slowly, 5, 0.1, workers=["polite"], allow_other_workers=True, pure=False)
        another.process.terminate()
        self.assertEqual(future.result(timeout=30), 5)
        until(lambda: len(self.client.ncores()) == 1)


class Restarts(OneCluster):
    WORKERS = (((), {"nanny": True}), ((), {"nanny": True}))

    def test_restart(self):
        before = set(self.client.ncores())
        future = self.client.submit(increment, 1, pure=False)
        wait(future, timeout=20)
        self.client.restart(timeout=60)
        self.assertEqual(future.status, "cancelled")
        self.assertFalse(before & set(self.client.ncores()))
        self.assertEqual(self.client.submit(increment, 2).result(timeout=20), 3)

    def test_restart_one_worker(self):
        first, second = sorted(self.client.ncores())
        self.assertEqual(self.client.restart_workers([first], timeout=60), {first: "OK"})
        self.assertIn(second, self.client.ncores())
        self.assertNotIn(first, self.client.ncores())
        self.assertEqual(len(self.client.ncores()), 2)

    def test_nanny_plugins(self):
        class Environ(NannyPlugin):
            name = "environ"
            restart = False

            def setup(self, nanny):
                nanny.marked = True

        self.client.register_plugin(Environ())
        self.addCleanup(self.client.unregister_worker_plugin, "environ", nanny=True)
        self.assertEqual(set(self.client.run(lambda dask_worker: dask_worker.marked, nanny=True).values()), {True})

    def test_uploaded_directories(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "brought"))
            with open(os.path.join(folder, "brought", "__init__.py"), "w") as file:
                file.write("ANSWER = 42\n")
            plugin = UploadDirectory(os.path.join(folder, "brought"), restart_workers=True, update_path=True)
        before = set(self.client.ncores())
        self.client.register_plugin(plugin)
        until(lambda: len(self.client.ncores()) == 2 and not before & set(self.client.ncores()))
        self.assertEqual(list(self.client.run(lambda: __import__("brought").ANSWER).values()), [42, 42])


@unittest.skipIf(PROGRAM == "real", "it opens graphs itself")
class GraphsOpenedInAWorker(OneCluster):
    SCHEDULER = ("--in-worker",)

    def test_tasks(self):
        self.assertEqual(self.client.submit(increment, 1).result(timeout=30), 2)
        self.assertEqual(self.client.gather(self.client.map(increment, range(100))), list(range(1, 101)))
        with self.assertRaises(TypeError):
            self.client.submit(increment, "x").result(timeout=20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
