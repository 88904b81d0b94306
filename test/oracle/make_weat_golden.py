"""Writes goldens/weat.json: WEAT by its formulas in numpy, every division listed, on vectors that a formula gives.

Caliskan, Bryson & Narayanan 2017, with the sample standard deviation as in the code of May et al. 2019. The vectors are
made again by the test. Run from the repository root, with numpy: python3 test/oracle/make_weat_golden.py
"""

import itertools
import json
import math
import os

import numpy as np

CASES = [
    {"sizes": [4, 4, 5, 3], "width": 6, "seed": 1, "pull": 0.8},
    {"sizes": [6, 5, 4, 4], "width": 10, "seed": 2, "pull": 0.3},
    {"sizes": [8, 8, 8, 8], "width": 12, "seed": 3, "pull": 0.0},
    {"sizes": [5, 5, 2, 2], "width": 4, "seed": 4, "pull": -0.7},
]


def vector(seed, group, item, width, pull):
    values = [math.sin(seed * 12.9898 + (group * 29 + item) ** 2 * 2.399 + k * 4.581) for k in range(width)]
    # X (0) is drawn to A (2), and Y (1) to B (3).
    values[group % 2] += pull
    return np.array(values, dtype=np.float32).astype(np.float64)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def case(given):
    X, Y, A, B = [
        [vector(given["seed"], group, item, given["width"], given["pull"]) for item in range(size)]
        for group, size in enumerate(given["sizes"])
    ]
    s = np.array([np.mean([cosine(w, a) for a in A]) - np.mean([cosine(w, b) for b in B]) for w in X + Y])
    n = len(X)
    statistic = s[:n].sum() - s[n:].sum()
    effect = (s[:n].mean() - s[n:].mean()) / s.std(ddof=1)
    large = count = 0
    for chosen in itertools.combinations(range(len(s)), n):
        part = s[list(chosen)].sum()
        count += 1
        large += 2 * part - s.sum() >= statistic - 1e-9
    return {**given, "statistic": statistic, "effectSize": effect, "pValue": large / count, "permutations": count}


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "goldens", "weat.json"), "w", encoding="utf-8") as file:
        json.dump([case(given) for given in CASES], file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
