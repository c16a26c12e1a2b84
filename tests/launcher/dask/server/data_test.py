"""Data that clients put on workers and move between them, and what they tell each other. Usage: data_test.py SCHEDULER"""

import unittest

from dask.utils import key_split
from distributed import wait

from cluster import OneCluster, until


class Data(OneCluster):
    def test_scatter(self):
        futures = self.client.scatter(list(range(10)))
        self.assertEqual(self.client.gather(futures), list(range(10)))
        holders = {holder for holders in self.client.who_has(futures).values() for holder in holders}
        self.assertEqual(len(holders), 2)
        self.assertEqual(self.client.submit(sum, futures).result(timeout=20), 45)

    def test_scatter_by_name_to_one_worker(self):
        bob = self.address_of("bob")
        futures = self.client.scatter({"x": 1, ("y", 2): 3}, workers=[bob])
        self.assertEqual(self.client.gather(futures), {"x": 1, ("y", 2): 3})
        self.assertEqual(set(self.client.who_has(list(futures.values())).values()), {(bob,)})

    def test_broadcast(self):
        future = self.client.scatter(b"everywhere", broadcast=True)
        self.assertEqual(len(self.client.who_has([future])[future.key]), 2)

    def test_direct(self):
        futures = self.client.scatter([1, 2, 3], direct=True)
        self.assertEqual(self.client.gather(futures, direct=True), [1, 2, 3])

    def test_scattered_data_is_dropped_with_its_future(self):
        future = self.client.scatter("gone", hash=False)
        key = future.key
        del future
        until(lambda: not self.client.who_has().get(key))

    def test_replicate(self):
        futures = self.client.map(str, range(6), workers=["alice"], pure=False)
        wait(futures, timeout=20)
        self.client.replicate(futures)
        self.assertEqual({len(holders) for holders in self.client.who_has(futures).values()}, {2})
        self.client.replicate(futures, n=1)
        until(lambda: {len(holders) for holders in self.client.who_has(futures).values()} == {1})
        self.assertEqual(self.client.gather(futures), [str(x) for x in range(6)])

    def test_rebalance(self):
        futures = self.client.map(bytes, [1_000_000] * 8, workers=["alice"], pure=False)
        wait(futures, timeout=20)
        self.client.rebalance(futures)
        half = [(self.address_of(name),) for name in ["alice", "bob"] for _ in range(4)]
        until(lambda: sorted(self.client.who_has(futures).values()) == sorted(half))  # nobody has what another has
        self.assertEqual(self.client.gather(futures), [bytes(1_000_000)] * 8)

    def test_queries(self):
        future = self.client.submit(bytes, 5000, workers=["alice"], key="question-1")
        wait(future, timeout=20)
        alice = self.address_of("alice")
        self.assertEqual(self.client.who_has([future]), {"question-1": (alice,)})
        self.assertIn("question-1", self.client.has_what()[alice])
        self.assertGreater(self.client.nbytes()["question"], 4999)
        self.assertGreater(self.client.nbytes(summary=False)["question-1"], 4999)
        self.assertEqual(set(self.client.ncores().values()), {1})
        self.assertEqual(dict(self.client.processing()), {alice: (), self.address_of("bob"): ()})
        self.assertEqual(self.client.get_versions()["workers"].keys(), self.client.ncores().keys())

    def test_sizes_are_summed_by_kind_as_dask_names_kinds(self):
        futures = [self.client.submit(bytes, 100, key=key) for key in
                   ["my-own-key-7", ("sum-of-parts-0123abcd", 0), ("sum-of-parts-0123abcd", 1), "x-deadbeef", "Total_2"]]
        futures += self.client.scatter([1, "two"])
        wait(futures, timeout=20)
        kinds = {}
        for key, size in self.client.nbytes([future.key for future in futures], summary=False).items():
            kinds[key_split(key)] = kinds.get(key_split(key), 0) + size
        self.assertEqual(self.client.nbytes([future.key for future in futures]), kinds)
        self.assertEqual(kinds["sum-of-parts"], 2 * kinds["x"])

    def test_publish(self):
        other = self.connect(set_as_default=False)
        futures = self.client.map(str, range(5), pure=False)
        self.client.publish_dataset(futures, name="numbers")
        self.client.publish_dataset(plain=[1, 2, 3])
        self.assertEqual(sorted(other.list_datasets()), ["numbers", "plain"])
        keys = [future.key for future in futures]
        del futures
        self.assertEqual(other.gather(other.get_dataset("numbers")), [str(x) for x in range(5)])
        self.assertEqual(other.get_dataset("plain"), [1, 2, 3])
        with self.assertRaises(KeyError):
            other.publish_dataset(7, name="plain")
        other.publish_dataset(7, name="plain", override=True)
        self.assertEqual(self.client.get_dataset("plain"), 7)
        other.unpublish_dataset("numbers")
        other.unpublish_dataset("plain")
        self.assertEqual(list(self.client.list_datasets()), [])
        with self.assertRaises(KeyError):
            self.client.get_dataset("numbers")
        until(lambda: not any(self.client.who_has().get(key) for key in keys))

    def test_metadata(self):
        self.client.set_metadata("x", 1)
        self.client.set_metadata(["a", "b"], {"c": [1, "two"]})
        self.assertEqual(self.client.get_metadata("x"), 1)
        self.assertEqual(self.client.get_metadata(["a", "b", "c"]), (1, "two"))
        self.assertEqual(self.client.get_metadata("none", default=None), None)
        self.assertEqual(self.client.get_metadata(["a", "none"], default=5), 5)
        with self.assertRaises(KeyError):
            self.client.get_metadata("none")

    def test_events(self):
        heard = []
        self.client.subscribe_topic("news", heard.append)
        self.client.submit(str, 1, pure=False).result(timeout=20)  # behind the subscription on the client's stream
        self.client.log_event("news", {"what": "first"})
        self.client.log_event(["news", "others"], "second")
        until(lambda: len(heard) == 2)
        self.assertEqual([event for _, event in heard], [{"what": "first"}, "second"])
        self.assertEqual([event for _, event in self.client.get_events("news")], [{"what": "first"}, "second"])
        self.assertEqual(len(self.client.get_events("others")), 1)
        self.client.unsubscribe_topic("news")

    def test_events_from_workers(self):
        def say(x):
            from distributed import get_worker
            get_worker().log_event("from-worker", {"x": x})

        self.client.submit(say, 5, pure=False).result(timeout=20)
        event = until(lambda: self.client.get_events("from-worker"))[0][1]
        self.assertEqual(event["x"], 5)
        self.assertIn(event["worker"], self.client.ncores())

    def test_large_data(self):
        block = bytes(120_000_000)
        future = self.client.scatter(block)
        self.assertEqual(self.client.submit(len, future).result(timeout=60), len(block))
        self.assertEqual(future.result(timeout=60), block)


if __name__ == "__main__":
    unittest.main(verbosity=2)
