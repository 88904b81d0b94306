"""Writes goldens/probe.json: linear probes, nearest neighbours and online coding by scikit-learn on a small matrix.

Run from the repository root, with numpy and scikit-learn: python3 test/oracle/make_probe_golden.py
"""

import json
import os

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

ROWS, TEST, COLUMNS, LABELS, STRENGTH = 240, 80, 6, 3, 3.0
SHARES = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1]

random = np.random.default_rng(7)
gold = random.integers(0, LABELS, ROWS + TEST)
gold[:3] = 1  # The first rows have one label alone, and a label is new later.
centres = random.normal(size=(LABELS, COLUMNS))
vectors = np.round(centres[gold] + 1.3 * random.normal(size=(ROWS + TEST, COLUMNS)) + 5, 3).astype(np.float32)

train = vectors[:ROWS].astype(np.float64)
scale = train.std(axis=0) * np.sqrt(COLUMNS)
features = (vectors.astype(np.float64) - train.mean(axis=0)) / scale
x, y, x_test, y_test = features[:ROWS], gold[:ROWS], features[ROWS:], gold[ROWS:]


def fitted(rows, labels):
    return LogisticRegression(C=STRENGTH, tol=1e-10, max_iter=10000).fit(rows, labels)


probe = fitted(x, y)
neighbours = KNeighborsClassifier(5, metric="cosine", algorithm="brute").fit(x, y)

ends = sorted({max(1, int(share * ROWS)) for share in SHARES})
bits = [ends[0] * np.log2(LABELS)]
for known, end in zip(ends, ends[1:]):
    shares = np.zeros((end - known, LABELS))
    seen = np.unique(y[:known])
    if len(seen) == 1:
        shares[:, seen[0]] = 1
    else:
        shares[:, seen] = fitted(x[:known], y[:known]).predict_proba(x[known:end])
    own = shares[np.arange(end - known), y[known:end]]
    bits.append(-np.log2((known * own + 1 / LABELS) / (known + 1)).sum())

golden = {
    "columns": COLUMNS,
    "labels": LABELS,
    "rows": ROWS,
    "strength": STRENGTH,
    "vectors": [float(f"{v:.6g}") for v in vectors.ravel()],
    "gold": gold.tolist(),
    "weights": [float(f"{v:.8g}") for v in probe.coef_.T.ravel()],
    "bias": [float(f"{v:.8g}") for v in probe.intercept_],
    "accuracy": float(probe.score(x_test, y_test)),
    "neighbours": neighbours.predict(x_test).tolist(),
    "bits": [float(f"{v:.8g}") for v in bits],
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "probe.json")
with open(path, "w") as file:
    json.dump(golden, file, separators=(",", ":"))
    file.write("\n")
