"""Clients that come, share, lose their connection and go. Usage: client_test.py SCHEDULER"""

import logging
import socket
import threading
import time
import unittest

from distributed import Client, wait

from cluster import OneCluster, Scheduler, Worker, until


def increment(x):
    return x + 1


class Clients(OneCluster):
    def test_several_clients_at_once(self):
        clients = [self.connect(set_as_default=False) for _ in range(5)]
        futures = [client.map(increment, range(50), pure=False) for client in clients]
        for client, mine in zip(clients, futures):
            self.assertEqual(client.gather(mine), list(range(1, 51)))

    def test_a_client_that_leaves_drops_its_results(self):
        other = self.connect(set_as_default=False)
        futures = other.map(increment, range(20), pure=False)
        wait(futures, timeout=20)
        keys = [future.key for future in futures]
        other.close()
        until(lambda: not any(self.client.who_has().get(key) for key in keys))

    def test_closes_cleanly(self):
        client = Client(self.scheduler.address, timeout=20, set_as_default=False)
        with self.assertNoLogs("distributed", logging.WARNING):
            began = time.monotonic()
            client.close()
            self.assertLess(time.monotonic() - began, 2)
        self.assertEqual(client.status, "closed")

    def test_probes_disturb_nobody(self):
        for probe in [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", bytes(64), b"\xff" * 64]:
            with socket.create_connection(("127.0.0.1", self.scheduler.port), timeout=10) as peer:
                peer.sendall(probe)
        self.assertEqual(self.client.submit(increment, 1, pure=False).result(timeout=20), 2)

    def test_submitting_from_many_threads(self):
        results = []

        def work(base):
            futures = [self.client.submit(increment, base + x) for x in range(30)]
            results.extend(self.client.gather(futures))

        threads = [threading.Thread(target=work, args=(100 * base,)) for base in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), sorted(100 * base + x + 1 for base in range(5) for x in range(30)))


class LostLinks(OneCluster):
    def test_a_client_whose_connection_breaks_comes_back_alone(self):
        other = self.connect(set_as_default=False)
        kept = other.map(increment, range(10), pure=False)
        lost = self.client.map(increment, range(10), pure=False)
        wait([*kept, *lost], timeout=20)
        keys = [future.key for future in lost]
        self.client.loop.add_callback(self.client.scheduler_comm.comm.abort)
        until(lambda: {future.status for future in lost} == {"cancelled"})
        self.assertEqual(self.client.submit(increment, 1, pure=False).result(timeout=20), 2)
        self.assertEqual(other.gather(kept), list(range(1, 11)))
        until(lambda: not any(other.who_has().get(key) for key in keys))


class Reconnects(unittest.TestCase):
    def test_after_the_scheduler_comes_back(self):
        first = Scheduler()
        port = first.port
        client = Client(first.address, timeout=20)
        self.addCleanup(client.close)
        future = client.submit(increment, 1)
        self.assertEqual(future.status, "pending")
        first.kill()
        until(lambda: future.status == "cancelled")
        second = Scheduler(port=port)
        self.addCleanup(second.close)
        worker = Worker(second.address)
        self.addCleanup(worker.close)
        client.wait_for_workers(1, timeout=60)
        self.assertEqual(client.submit(increment, 2).result(timeout=30), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
