"""Writes averages.json: random labels with what scikit-learn's precision_recall_fscore_support gives, one label a row and several.

Run from the repository root with scikit-learn 1.x: python3 test/metrics/make_averages_golden.py

One label a row: scikit-learn's default labels (those that occur or are predicted). Several: every column of the indicator matrix, zero_division=0.
"""
import json
import os

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

rng = np.random.default_rng(7)
AVERAGES = ("macro", "micro", "weighted")


def scores(gold, predicted):
    return {average: [float(x) for x in precision_recall_fscore_support(gold, predicted, average=average, zero_division=0)[:3]] for average in AVERAGES}


single, several = [], []
for case in range(12):
    labels = int(rng.integers(2, 9))
    # Some labels occur nowhere, some are only predicted.
    gold, predicted = rng.integers(0, max(1, labels - 2), 15), rng.integers(0, max(1, labels - 1), 15)
    single.append({"labels": labels, "gold": gold.tolist(), "predicted": predicted.tolist(), **scores(gold, predicted)})
    g, p = (rng.random((15, labels)) < 0.25).astype(int), (rng.random((15, labels)) < 0.3).astype(int)
    g[:, 0], p[:, 0], g[:, -1] = 0, 0, 0
    rows = lambda m: [np.flatnonzero(r).tolist() for r in m]
    several.append({"labels": labels, "gold": rows(g), "predicted": rows(p), **scores(g, p)})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "averages.json"), "w") as file:
    json.dump({"single": single, "several": several}, file)
