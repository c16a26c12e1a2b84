"""P2P shuffles where workers come and go, and where they fail. Usage: shuffles_test.py SCHEDULER"""

import time
import unittest

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import wait

from cluster import OneCluster, until


def table(rows=3000, columns=("key", "value")):
    random = np.random.default_rng(5)
    return pd.DataFrame({name: random.integers(0, 500, rows) for name in columns})


def slowly(part, seconds):
    time.sleep(seconds)
    return part


def fails_on_large(part):
    if len(part) and part.key.max() > 400:
        raise ValueError("too large for us")
    return part


def running_shuffles(dask_worker):
    return len(dask_worker.plugins["shuffle"].shuffle_runs._active_runs)


class Shuffles(OneCluster):
    def shuffled(self, frame, **options):
        return dd.from_pandas(frame, npartitions=8).shuffle("key", **options)

    def assert_has_rows_of(self, result, frame):
        names = list(frame.columns)
        pd.testing.assert_frame_equal(result.sort_values(names).reset_index(drop=True),
                                      frame.sort_values(names).reset_index(drop=True), check_dtype=False)

    def test_the_default_is_p2p_and_both_workers_take_part(self):
        frame = table()
        shuffled = self.shuffled(frame)
        self.assertTrue(any(key.startswith("shuffle-barrier-") for key in shuffled.optimize().dask
                            if isinstance(key, str)))
        futures = self.client.compute(shuffled.to_delayed())
        wait(futures, timeout=60)
        holders = {holder for holders in self.client.who_has(futures).values() for holder in holders}
        self.assertEqual(len(holders), 2)
        self.assert_has_rows_of(pd.concat(self.client.gather(futures)), frame)

    def test_workers_drop_what_they_hold_once_it_is_done(self):
        self.shuffled(table()).sum().compute()
        until(lambda: set(self.client.run(running_shuffles).values()) == {0})

    def test_task_based_and_in_memory_shuffles(self):
        frame = table()
        self.assert_has_rows_of(self.shuffled(frame, shuffle_method="tasks").compute(), frame)
        with dask.config.set({"distributed.p2p.storage.disk": False}):
            self.assert_has_rows_of(self.shuffled(frame).compute(), frame)

    def test_several_at_once(self):
        frames = [table(1000 + n) for n in range(6)]
        results = self.client.gather(self.client.compute([self.shuffled(frame) for frame in frames]))
        for result, frame in zip(results, frames):
            self.assert_has_rows_of(result, frame)

    def test_rechunking_of_arrays(self):
        local = np.random.default_rng(6).random((200, 200))
        x = da.from_array(local, chunks=(20, 200))
        with dask.config.set({"array.rechunk.method": "p2p"}):
            np.testing.assert_array_equal(x.rechunk((200, 20)).compute(), local)
            np.testing.assert_array_equal(x.rechunk((50, 35)).compute(), local)

    def test_errors_are_those_of_the_code_that_failed(self):
        frame = dd.from_pandas(table(), npartitions=8).map_partitions(fails_on_large)
        with self.assertRaisesRegex(ValueError, "too large for us"):
            frame.shuffle("key").compute()
        after = self.shuffled(table()).map_partitions(fails_on_large)
        with self.assertRaisesRegex(ValueError, "too large for us"):
            after.compute()
        self.assertEqual(len(self.shuffled(table())), 3000)

    def test_cancelled_shuffles_are_dropped_by_the_workers(self):
        future = self.client.compute(self.shuffled(table()).map_partitions(slowly, 1))
        until(lambda: max(self.client.run(running_shuffles).values()) > 0)
        future.cancel()
        until(lambda: set(self.client.run(running_shuffles).values()) == {0})


class LostWorkers(OneCluster):
    WORKERS = ((("--no-dashboard",), {"name": "alice"}),)

    def lose_a_worker_when(self, is_time):
        bob = self.start_worker(name="bob")
        self.client.wait_for_workers(2, timeout=60)
        frame = table()
        parts = dd.from_pandas(frame, npartitions=8).map_partitions(slowly, 0.1)
        future = self.client.compute(parts.shuffle("key").map_partitions(slowly, 0.1))
        until(is_time)
        bob.kill()
        return future.result(timeout=60), frame

    def took_part(self):
        return min(self.client.run(running_shuffles).values()) > 0

    def test_while_transfers_run(self):
        result, frame = self.lose_a_worker_when(self.took_part)
        self.assertEqual(sorted(result.key), sorted(frame.key))

    def test_while_outputs_run(self):
        barrier_is_done = lambda: any(str(key).startswith("shuffle-barrier-") and holders  # noqa: E731
                                      for key, holders in self.client.who_has().items())
        result, frame = self.lose_a_worker_when(barrier_is_done)
        self.assertEqual(sorted(result.value), sorted(frame.value))

    def test_a_retired_worker(self):
        bob = self.start_worker(name="carol")
        self.client.wait_for_workers(2, timeout=60)
        frame = table()
        future = self.client.compute(dd.from_pandas(frame, npartitions=8).shuffle("key").map_partitions(slowly, 0.1))
        until(self.took_part)
        self.client.retire_workers(names=["carol"])
        self.assertEqual(sorted(future.result(timeout=60).key), sorted(frame.key))
        bob.process.wait(timeout=30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
