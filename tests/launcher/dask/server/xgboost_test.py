"""xgboost.dask trains on both workers: its tracker is started by run_on_scheduler, its ranks by tasks on named workers.

Usage: xgboost_test.py SCHEDULER
"""

import unittest

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import xgboost
from xgboost import dask as xgb

from cluster import OneCluster

PARAMETERS = {"objective": "reg:squarederror", "max_depth": 3, "eta": 0.5, "seed": 0, "nthread": 1}
ROUNDS = 8


def samples():
    random = np.random.default_rng(8)
    features = random.normal(size=(800, 5)).astype("f4")
    return features, 3 * features[:, 0] - features[:, 1] ** 2


class Training(OneCluster):
    def setUp(self):
        super().setUp()
        self.features, self.target = samples()

    def assert_learned(self, booster, evaluation, predicted):
        self.assertEqual(booster.num_boosted_rounds(), ROUNDS)
        losses = evaluation["train"]["rmse"]
        self.assertLess(losses[-1], losses[0] / 2)
        error = np.sqrt(np.mean((np.asarray(predicted) - self.target) ** 2))
        self.assertAlmostEqual(error, losses[-1], places=3)

    def test_on_arrays_as_well_as_in_one_process(self):
        features, target = da.from_array(self.features, chunks=(100, 5)), da.from_array(self.target, chunks=100)
        data = xgb.DaskDMatrix(self.client, features, target)
        made = xgb.train(self.client, PARAMETERS, data, num_boost_round=ROUNDS, evals=[(data, "train")])
        predicted = xgb.predict(self.client, made["booster"], features).compute()
        self.assert_learned(made["booster"], made["history"], predicted)
        alone = {}
        local = xgboost.DMatrix(self.features, self.target)
        xgboost.train(PARAMETERS, local, ROUNDS, [(local, "train")], evals_result=alone, verbose_eval=False)
        self.assertAlmostEqual(alone["train"]["rmse"][-1], made["history"]["train"]["rmse"][-1], delta=0.1)

    def test_on_frames_and_both_workers(self):
        frame = pd.DataFrame(self.features, columns=list("abcde")).assign(target=self.target)
        table = dd.from_pandas(frame, npartitions=8).persist()
        data = xgb.DaskQuantileDMatrix(self.client, table[list("abcde")], table["target"])
        made = xgb.train(self.client, PARAMETERS, data, num_boost_round=ROUNDS, evals=[(data, "train")])
        predicted = xgb.predict(self.client, made["booster"], table[list("abcde")]).compute()
        self.assert_learned(made["booster"], made["history"], predicted)
        self.assertEqual(len(data.worker_map), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
