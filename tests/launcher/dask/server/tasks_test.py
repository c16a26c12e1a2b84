"""Tasks of every kind through an unmodified client and unmodified workers. Usage: tasks_test.py SCHEDULER"""

import operator
import os
import time
import unittest

import dask
import dask.bag
from distributed import (Event, Reschedule, TimeoutError, as_completed, fire_and_forget, get_client, get_worker, rejoin,
                         secede, wait, worker_client)
from distributed.client import FutureCancelledError

from cluster import OneCluster, until


def increment(x):
    return x + 1


def name_of_worker(*_):
    return get_worker().name


def slowly(x, seconds=0.2):
    time.sleep(seconds)
    return x


def note_order(x):
    get_worker().order.append(x)
    return x


def wait_until_known(client, futures):
    """Until the scheduler has the tasks, which none of them has begun."""
    keys = [future.key for future in futures]
    until(lambda: None not in client.sync(client.scheduler.get_task_status, keys=keys).values())


def load(x):
    time.sleep(0.005)
    return bytes(1_000_000)


def reduce(block):
    tasks = list(get_worker().state.tasks.values())
    loaded = [task for task in tasks if task.state == "memory" and str(task.key).startswith("load-")]
    return len(block), len(loaded), len([task for task in tasks if task.state in ("waiting", "ready")])


class Counter:
    count = 0

    def __init__(self):
        self.count = 0

    def add(self, amount):
        self.count += amount
        return self.count


class Tasks(OneCluster):
    def test_submit(self):
        future = self.client.submit(increment, 1)
        self.assertEqual(future.result(timeout=20), 2)
        self.assertEqual(future.status, "finished")
        self.assertIs(future.type, int)

    def test_map_and_gather(self):
        futures = self.client.map(increment, range(500))
        self.assertEqual(self.client.gather(futures), list(range(1, 501)))

    def test_many_tasks_through_both_workers(self):
        names = set(self.client.gather(self.client.map(name_of_worker, range(200), pure=False)))
        self.assertEqual(names, {"alice", "bob"})

    def test_keys_of_any_type(self):
        for key in ["text", ("tuple", 1), ("nested", ("tuple", 2), 3.5), ("negative", -7)]:
            self.assertEqual(self.client.submit(increment, 1, key=key).result(timeout=20), 2)

    def test_dependencies(self):
        a = self.client.submit(increment, 1)
        b = self.client.submit(operator.add, a, 10)
        c = self.client.submit(sum, [a, b])
        self.assertEqual(c.result(timeout=20), 14)
        del a, b
        self.assertEqual(c.result(timeout=20), 14)

    def test_a_chain_across_messages(self):
        future = self.client.submit(increment, 0)
        for _ in range(30):
            future = self.client.submit(increment, future)
        self.assertEqual(future.result(timeout=30), 31)

    def test_delayed(self):
        parts = [dask.delayed(increment)(x) for x in range(20)]
        self.assertEqual(dask.delayed(sum)(parts).compute(scheduler=self.client), 210)
        persisted = dask.delayed(sum)(parts).persist(scheduler=self.client)
        self.assertEqual(persisted.compute(), 210)

    def test_bag(self):
        bag = dask.bag.from_sequence(range(100), npartitions=8)
        self.assertEqual(bag.map(increment).filter(lambda x: x % 2).fold(operator.add).compute(), 2500)
        self.assertEqual(dict(bag.groupby(lambda x: x % 3).map(lambda kv: (kv[0], len(kv[1]))).compute()),
                         {0: 34, 1: 33, 2: 33})

    def test_get_of_a_plain_graph(self):
        self.assertEqual(self.client.get({"a": (increment, 1), "b": (operator.mul, "a", 5)}, ["b", "a"]), [10, 2])

    def test_priorities(self):
        def opened(gate):
            get_worker().order = []
            return Event(gate).wait(timeout=30)

        gate = self.client.submit(opened, "priorities", workers="alice", pure=False)
        until(lambda: self.client.run(lambda dask_worker: hasattr(dask_worker, "order"), workers=[self.address_of("alice")]))
        low = self.client.map(note_order, range(6), priority=-10, workers="alice", pure=False)
        high = self.client.map(note_order, range(10, 16), priority=10, workers="alice", pure=False)
        wait_until_known(self.client, high)
        Event("priorities").set()
        wait([gate, *low, *high], timeout=30)
        order = self.client.submit(lambda: get_worker().order, workers="alice", pure=False).result(timeout=20)
        # One of the lower ones may have been sent ahead.
        self.assertEqual([x >= 10 for x in order[1:]].count(True), 6 if order[0] < 10 else 5)
        self.assertTrue(all(x >= 10 for x in order[1:6]), order)
        self.assertEqual(sorted(order), [*range(6), *range(10, 16)])

    def test_retries(self):
        path = os.path.join(self.workers[0].folder.name, "tries")

        def fails_twice():
            with open(path, "a") as file:
                file.write("x")
            if os.path.getsize(path) < 3:
                raise OSError("not yet")
            return "done"

        self.assertEqual(self.client.submit(fails_twice, retries=5).result(timeout=20), "done")
        self.assertEqual(os.path.getsize(path), 3)

    def test_a_task_that_asks_to_be_run_again(self):
        path = os.path.join(self.workers[0].folder.name, "rescheduled")

        def asks_once():
            if not os.path.exists(path):
                open(path, "w").close()
                raise Reschedule
            return "done"

        self.assertEqual(self.client.submit(asks_once).result(timeout=20), "done")

    def test_workers_by_name_and_address(self):
        for name in ["alice", "bob"]:
            for where in [name, self.address_of(name)]:
                futures = self.client.map(name_of_worker, range(5), workers=where, pure=False)
                self.assertEqual(set(self.client.gather(futures)), {name})

    def test_unknown_workers_wait_unless_others_are_allowed(self):
        with self.assertRaises(TimeoutError):
            self.client.submit(increment, 1, workers="nobody", pure=False).result(timeout=0.5)
        future = self.client.submit(increment, 1, workers="nobody", allow_other_workers=True, pure=False)
        self.assertEqual(future.result(timeout=20), 2)

    def test_resources(self):
        futures = self.client.map(name_of_worker, range(6), resources={"GPU": 1}, pure=False)
        self.assertEqual(set(self.client.gather(futures)), {"alice"})

    def test_annotations_of_layers(self):
        with dask.annotate(workers="bob"):
            tasks = [dask.delayed(name_of_worker)(x) for x in range(4)]
        self.assertEqual(set(self.client.gather(self.client.compute(tasks, optimize_graph=False))), {"bob"})

    def test_cancel(self):
        slow = self.client.submit(slowly, 1, 30, pure=False)
        after = self.client.submit(increment, slow)
        slow.cancel()
        with self.assertRaises(FutureCancelledError):
            slow.result(timeout=20)
        self.assertEqual(until(lambda: after.status == "cancelled" and after.status), "cancelled")
        self.assertEqual(self.client.submit(increment, 5).result(timeout=40), 6)

    def test_wait_and_as_completed(self):
        futures = self.client.map(slowly, range(6), [0.05] * 6, pure=False)
        done, pending = wait(futures, timeout=30)
        self.assertEqual((len(done), len(pending)), (6, 0))
        results = [result for _, result in as_completed(futures, with_results=True)]
        self.assertEqual(sorted(results), list(range(6)))

    def test_tasks_from_tasks(self):
        def inside(n):
            client = get_client()
            futures = client.map(increment, range(n))
            secede()
            total = sum(client.gather(futures))
            rejoin()
            return total

        def with_worker_client(n):
            with worker_client() as client:
                return sum(client.gather(client.map(increment, range(n))))

        self.assertEqual(self.client.submit(inside, 10).result(timeout=30), 55)
        self.assertEqual(self.client.submit(with_worker_client, 10).result(timeout=30), 55)

    def test_more_seceding_tasks_than_threads(self):
        def inside(n):
            with worker_client() as client:
                return client.submit(increment, n).result()

        self.assertEqual(self.client.gather(self.client.map(inside, range(12))), list(range(1, 13)))

    def test_actors(self):
        counter = self.client.submit(Counter, actor=True).result(timeout=20)
        self.assertEqual([counter.add(2).result(timeout=10) for _ in range(3)], [2, 4, 6])
        self.assertEqual(counter.count, 6)

    def test_fire_and_forget(self):
        path = os.path.join(self.workers[0].folder.name, "fired")
        fire_and_forget(self.client.submit(open, path, "w"))
        until(lambda: os.path.exists(path))

    def test_memory_stays_flat_while_much_is_loaded_and_reduced(self):
        blocks = [dask.delayed(load)(x) for x in range(300)]
        seen = self.client.gather(self.client.compute([dask.delayed(reduce)(block) for block in blocks]))
        self.assertEqual({size for size, _, _ in seen}, {1_000_000})
        self.assertLess(max(loaded for _, loaded, _ in seen), 20)  # on a worker at one time: 2 to 4 usually
        self.assertLess(max(sent for _, _, sent in seen), 40)  # ahead: 35 ms of work, 7 tasks

    def test_results_are_dropped_when_nobody_wants_them(self):
        futures = self.client.map(increment, range(50), pure=False)
        wait(futures, timeout=20)
        keys = [future.key for future in futures]
        del futures
        until(lambda: not any(self.client.who_has().get(key) for key in keys))

    def test_large_arguments_and_results(self):
        block = os.urandom(30_000_000)
        self.assertEqual(self.client.submit(len, block).result(timeout=60), len(block))
        self.assertEqual(self.client.submit(bytes, 30_000_000).result(timeout=60), bytes(30_000_000))

    def test_the_same_key_again_is_not_computed_again(self):
        first = self.client.submit(os.urandom, 8, key="random")
        self.assertEqual(first.result(timeout=20), self.client.submit(os.urandom, 8, key="random").result(timeout=20))


if __name__ == "__main__":
    unittest.main(verbosity=2)
