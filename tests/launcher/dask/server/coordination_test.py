"""Variable, Queue, Lock, MultiLock, Event and Semaphore. Usage: coordination_test.py SCHEDULER"""

import threading
import time
import unittest

from distributed import Event, Lock, MultiLock, Queue, Semaphore, TimeoutError, Variable, wait

from cluster import OneCluster, until


def increment(x):
    return x + 1


class Coordination(OneCluster):
    def test_variable_of_data_and_of_futures(self):
        other = self.connect(set_as_default=False)
        variable = Variable("v", client=self.client)
        variable.set({"x": [1, 2]})
        self.assertEqual(Variable("v", client=other).get(timeout=10), {"x": (1, 2)})
        future = self.client.submit(increment, 10, pure=False)
        variable.set(future)
        key = future.key
        del future
        received = Variable("v", client=other).get(timeout=10)
        self.assertEqual(received.result(timeout=20), 11)
        variable.set(5)
        self.assertEqual(received.result(timeout=20), 11)
        del received
        until(lambda: not self.client.who_has().get(key))
        variable.delete()
        until(lambda: not self.is_set("v"))

    def is_set(self, name):
        try:
            Variable(name, client=self.client).get(timeout=0.1)
            return True
        except TimeoutError:
            return False

    def test_variable_is_waited_for(self):
        variable = Variable("later", client=self.client)
        threading.Timer(0.3, lambda: variable.set("here")).start()
        self.assertEqual(Variable("later", client=self.client).get(timeout=20), "here")

    def test_variable_of_an_erred_future(self):
        future = self.client.submit(increment, "text", pure=False)
        wait(future, timeout=20)
        Variable("bad", client=self.client).set(future)
        other = self.connect(set_as_default=False)
        with self.assertRaises(TypeError):
            Variable("bad", client=other).get(timeout=10).result(timeout=10)

    def test_queue(self):
        queue = Queue("q", client=self.client)
        other = Queue("q", client=self.connect(set_as_default=False))
        queue.put(1)
        queue.put(self.client.submit(increment, 1, pure=False))
        self.assertEqual(other.qsize(), 2)
        self.assertEqual(other.get(timeout=10), 1)
        self.assertEqual(other.get(timeout=10).result(timeout=20), 2)
        with self.assertRaises(TimeoutError):
            other.get(timeout=0.2)
        for x in range(5):
            queue.put(x)
        self.assertEqual(other.get(batch=2), [0, 1])
        self.assertEqual(other.get(batch=True), [2, 3, 4])
        queue.close()
        other.close()

    def test_a_full_queue_waits(self):
        queue = Queue("full", maxsize=2, client=self.client)
        queue.put(1)
        queue.put(2)
        with self.assertRaises(TimeoutError):
            queue.put(3, timeout=0.2)
        threading.Timer(0.3, lambda: queue.get()).start()
        queue.put(4, timeout=20)
        self.assertEqual([queue.get(timeout=10), queue.get(timeout=10)], [2, 4])

    def test_queue_between_tasks(self):
        Queue("between", client=self.client).put(0)

        def work(n):
            queue = Queue("between")
            for _ in range(n):
                queue.put(queue.get(timeout=20) + 1)
            return n

        self.assertEqual(sum(self.client.gather(self.client.map(work, [5, 6], pure=False))), 11)
        self.assertEqual(Queue("between", client=self.client).get(timeout=10), 11)

    def test_lock(self):
        def work(x):
            with Lock("only-one"):
                before = int(Variable("inside").get(timeout=10))
                Variable("inside").set(before + 1)
                time.sleep(0.02)
                assert Variable("inside").get(timeout=10) == before + 1
            return x

        Variable("inside", client=self.client).set(0)
        self.client.gather(self.client.map(work, range(10), pure=False))
        self.assertEqual(Variable("inside", client=self.client).get(timeout=10), 10)
        lock = Lock("held")
        self.assertTrue(lock.acquire(timeout=10))
        self.assertFalse(Lock("held").acquire(timeout=0.2))
        self.assertTrue(lock.locked())
        lock.release()
        self.assertTrue(Lock("held").acquire(timeout=10))

    def test_multi_lock(self):
        first = MultiLock(["a", "b"], client=self.client)
        second = MultiLock(["b", "c"], client=self.client)
        third = MultiLock(["c", "d"], client=self.client)
        self.assertTrue(first.acquire(timeout=10))
        self.assertFalse(second.acquire(timeout=0.2))
        self.assertTrue(third.acquire(timeout=10))
        third.release()
        first.release()
        self.assertTrue(second.acquire(timeout=10))
        self.assertTrue(MultiLock(["b", "d"], client=self.client).acquire(timeout=10, num_locks=1))
        second.release()

    def test_event(self):
        event = Event("e", client=self.client)
        self.assertFalse(event.is_set())
        self.assertFalse(event.wait(timeout=0.2))

        def waits():
            return Event("e").wait(timeout=20)

        future = self.client.submit(waits, pure=False)
        event.set()
        self.assertTrue(future.result(timeout=20))
        self.assertTrue(event.is_set())
        event.clear()
        self.assertFalse(event.is_set())

    def test_semaphore(self):
        semaphore = Semaphore(max_leases=2, name="s")
        self.assertTrue(semaphore.acquire(timeout=10))
        self.assertTrue(semaphore.acquire(timeout=10))
        self.assertFalse(semaphore.acquire(timeout=0.2))
        self.assertEqual(semaphore.get_value(), 2)
        semaphore.release()
        self.assertTrue(semaphore.acquire(timeout=10))
        semaphore.release()
        semaphore.release()

        def work(x, lease):
            with lease:
                return x

        self.assertEqual(sum(self.client.gather(self.client.map(work, range(10), lease=semaphore, pure=False))), 45)
        semaphore.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
