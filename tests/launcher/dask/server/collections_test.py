"""numpy and dask.array through an unmodified client and workers. Usage: collections_test.py SCHEDULER"""

import operator
import unittest

import dask.array as da
import dask.bag
import numpy as np
from distributed import wait

from cluster import OneCluster


class Arrays(OneCluster):
    def test_numpy_values_of_any_layout(self):
        values = [
            np.arange(12, dtype="f4").reshape(3, 4),
            np.arange(24, dtype="i8").reshape(2, 3, 4).transpose(2, 0, 1),
            np.array(["a", None, {"b": 1}], dtype=object),
            np.array([(1, 2.5)], dtype=[("x", "i4"), ("y", "f8")]),
            np.float32(2.5),
            np.zeros((0, 3)),
            np.asfortranarray(np.random.default_rng(0).normal(size=(300, 400))),
        ]
        for value in values:
            for result in [self.client.scatter(value).result(timeout=20),
                           self.client.submit(lambda x: x, value, pure=False).result(timeout=20)]:
                np.testing.assert_array_equal(result, value)
                self.assertEqual(result.dtype, value.dtype)

    def test_large_arrays_travel_between_workers(self):
        halves = [self.client.submit(np.full, 3_000_000, value, workers=name, pure=False)
                  for value, name in [(1.5, "alice"), (2.5, "bob")]]
        total = self.client.submit(lambda a, b: a + b, *halves, pure=False)
        np.testing.assert_array_equal(total.result(timeout=60), np.full(3_000_000, 4.0))

    def test_creation_and_reductions(self):
        x = da.random.default_rng(1).normal(size=(600, 400), chunks=(150, 100))
        local = x.compute(scheduler="sync")
        np.testing.assert_array_equal(x.compute(), local)
        np.testing.assert_allclose(da.stack([x.sum(), x.mean(), x.std(), x.max()]).compute(),
                                   [local.sum(), local.mean(), local.std(), local.max()])
        np.testing.assert_allclose(x.sum(axis=0).compute(), local.sum(axis=0))
        np.testing.assert_allclose(da.percentile(x.ravel(), [50]).compute(), np.percentile(local, [50]), atol=0.2)

    def test_linear_algebra_and_indexing(self):
        x = da.arange(400, chunks=70).reshape(20, 20).rechunk((7, 9))
        local = np.arange(400).reshape(20, 20)
        np.testing.assert_array_equal((x @ x.T).compute(), local @ local.T)
        np.testing.assert_array_equal(x[x % 3 == 0].compute(), local[local % 3 == 0])
        np.testing.assert_array_equal(da.concatenate([x, x[::-1]], axis=1).compute(),
                                      np.concatenate([local, local[::-1]], axis=1))
        u, s, v = da.linalg.svd(x.rechunk((5, 20)).astype("f8"))
        np.testing.assert_allclose((u * s @ v).compute(), local, atol=1e-9)

    def test_map_blocks_and_overlap(self):
        x = da.ones((60, 60), chunks=20)
        np.testing.assert_array_equal(x.map_blocks(lambda block: block * 2).compute(), np.full((60, 60), 2.0))
        smooth = x.map_overlap(lambda block: (block + np.roll(block, 1, 0)) / 2, depth=1, boundary="reflect")
        np.testing.assert_array_equal(smooth.compute(), np.ones((60, 60)))

    def test_persisted_arrays_stay_on_the_workers(self):
        x = da.random.default_rng(2).random((1000, 200), chunks=(100, 200)).persist()
        wait(x, timeout=30)
        self.assertEqual(len(self.client.who_has(x)), 10)
        self.assertAlmostEqual(x.sum().compute(), x.compute().sum(), places=6)

    def test_bags_of_records(self):
        records = [{"name": f"n{i % 4}", "amount": i} for i in range(100)]
        bag = dask.bag.from_sequence(records, npartitions=5)
        sums = bag.foldby("name", lambda total, record: total + record["amount"], 0, operator.add, 0).compute()
        self.assertEqual(dict(sums), {f"n{n}": sum(range(n, 100, 4)) for n in range(4)})
        self.assertEqual(bag.pluck("amount").topk(3).compute(), [99, 98, 97])
        self.assertEqual(bag.pluck("name").frequencies().compute(), [(f"n{n}", 25) for n in range(4)])
        self.assertGreater(len(bag.random_sample(0.5, random_state=1).compute()), 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
