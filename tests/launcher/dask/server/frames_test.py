"""dask.dataframe, with its default settings, through an unmodified client and workers. Usage: frames_test.py SCHEDULER"""

import os
import tempfile
import unittest

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd

from cluster import OneCluster

ROWS = 4000


def people():
    random = np.random.default_rng(3)
    return pd.DataFrame({
        "id": random.permutation(ROWS),
        "city": random.choice(["Bern", "Oslo", "Rome", "Wien"], ROWS),
        "age": random.integers(1, 99, ROWS),
        "born": pd.Timestamp("1970-01-01") + pd.to_timedelta(random.integers(0, 20000, ROWS), unit="D"),
        "score": random.normal(size=ROWS),
    })


def visits():
    random = np.random.default_rng(4)
    return pd.DataFrame({"id": random.integers(0, ROWS, ROWS), "cost": random.random(ROWS)})


def same(self, result, expected, *by):
    """Equal but for the order of rows."""
    by = list(by or expected.columns)
    result, expected = (frame.sort_values(by).reset_index(drop=True) for frame in (result, expected))
    pd.testing.assert_frame_equal(result[expected.columns], expected, check_dtype=False)


class Frames(OneCluster):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people, cls.visits = people(), visits()

    def setUp(self):
        super().setUp()
        self.frame = dd.from_pandas(self.people, npartitions=6)

    def test_reductions(self):
        numbers = self.frame[["age", "score"]]
        for result, local in zip(dask.compute(numbers.sum(), numbers.std(), numbers.max()),
                                 [self.people[["age", "score"]].agg(name) for name in ("sum", "std", "max")]):
            pd.testing.assert_series_equal(result, local)
        self.assertEqual(len(self.frame), ROWS)
        self.assertEqual(self.frame.city.nunique().compute(), 4)
        self.assertEqual(self.frame.city.value_counts().compute().to_dict(), self.people.city.value_counts().to_dict())
        self.assertAlmostEqual(self.frame.score.quantile(0.5).compute(), self.people.score.median(), delta=0.1)

    def test_filters_and_columns(self):
        result = self.frame[self.frame.age > 50].assign(decade=lambda frame: frame.age // 10)[["id", "decade"]].compute()
        local = self.people[self.people.age > 50].assign(decade=lambda frame: frame.age // 10)[["id", "decade"]]
        same(self, result, local, "id")

    def test_groupby(self):
        result = self.frame.groupby("city").agg({"age": "mean", "score": ["sum", "count"]}).compute().sort_index()
        local = self.people.groupby("city").agg({"age": "mean", "score": ["sum", "count"]})
        pd.testing.assert_frame_equal(result, local, check_index_type=False, check_dtype=False)

    def test_groupby_apply_shuffles(self):
        def oldest(group):
            return group.nlargest(1, ["age", "id"])

        result = self.frame.groupby("city")[["id", "age"]].apply(oldest, meta={"id": "i8", "age": "i8"}).compute()
        same(self, result, self.people.groupby("city")[["id", "age"]].apply(oldest), "id")

    def test_set_index(self):
        indexed = self.frame.set_index("id")
        result = indexed.compute()
        self.assertTrue(result.index.is_monotonic_increasing)
        pd.testing.assert_frame_equal(result, self.people.set_index("id").sort_index(), check_dtype=False)
        pd.testing.assert_series_equal(indexed.loc[17:19].age.compute(),
                                       self.people.set_index("id").sort_index().loc[17:19].age, check_dtype=False)

    def test_sort_values(self):
        result = self.frame.sort_values("score").score.compute()
        np.testing.assert_array_equal(result.to_numpy(), np.sort(self.people.score.to_numpy()))

    def test_merge(self):
        others = dd.from_pandas(self.visits, npartitions=5)
        for how in ["inner", "left", "outer"]:
            result = self.frame.merge(others, on="id", how=how).compute()
            same(self, result, self.people.merge(self.visits, on="id", how=how), "id", "cost")

    def test_merge_of_merges(self):
        others = dd.from_pandas(self.visits, npartitions=5)
        totals = others.groupby("id").cost.sum(split_out=3).reset_index()
        result = self.frame.merge(others, on="id").merge(totals, on="id", suffixes=("", "_total")).compute()
        local = self.people.merge(self.visits, on="id").merge(
            self.visits.groupby("id").cost.sum().reset_index(), on="id", suffixes=("", "_total"))
        same(self, result, local, "id", "cost")

    def test_shuffle(self):
        result = self.frame.shuffle("city", npartitions=4)
        parts = self.client.gather(self.client.compute(result.to_delayed()))
        self.assertEqual(sum(len(part.city.unique()) for part in parts), 4)
        same(self, pd.concat(parts), self.people, "id")

    def test_parquet(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "people")
            self.frame.to_parquet(path)
            read = dd.read_parquet(path, columns=["city", "age"], filters=[("age", ">", 90)])
            self.assertEqual(read.groupby("city").age.count().compute().to_dict(),
                             self.people[self.people.age > 90].groupby("city").age.count().to_dict())

    def test_repartition_and_persist(self):
        frame = self.frame.repartition(npartitions=2).persist()
        self.assertEqual(len(frame.partitions[0]) + len(frame.partitions[1]), ROWS)
        same(self, frame.compute(), self.people, "id")


if __name__ == "__main__":
    unittest.main(verbosity=2)
