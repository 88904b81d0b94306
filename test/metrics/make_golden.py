"""Writes golden.json: inputs and values of every metric, computed with numpy by the definitions, not by the algorithms under test.

    python3 make_golden.py
"""
import json
from pathlib import Path

import numpy as np

rng = np.random.RandomState(7)
LABELS = 4


def single_label(gold, predicted, probabilities=None, k=2):
    classes = [c for c in range(LABELS) if (gold == c).any() or (predicted == c).any()]
    tp = np.array([((gold == c) & (predicted == c)).sum() for c in classes], float)
    fp = np.array([((gold != c) & (predicted == c)).sum() for c in classes], float)
    fn = np.array([((gold == c) & (predicted != c)).sum() for c in classes], float)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(tp / (tp + fp))
        recall = np.nan_to_num(tp / (tp + fn))
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
    support = tp + fn
    # R_K as the correlation of one-hot indicator matrices (Gorodkin 2004, eq. 2).
    x, y = np.eye(LABELS)[gold], np.eye(LABELS)[predicted]
    cov = lambda a, b: sum(np.mean((a[:, i] - a[:, i].mean()) * (b[:, i] - b[:, i].mean())) for i in range(LABELS))
    spread = np.sqrt(cov(x, x) * cov(y, y))
    result = {
        "accuracy": np.mean(gold == predicted),
        "balancedAccuracy": recall[support > 0].mean(),
        "macroPrecision": precision.mean(), "macroRecall": recall.mean(), "macroF1": f1.mean(),
        "microPrecision": tp.sum() / (tp + fp).sum(), "microRecall": tp.sum() / (tp + fn).sum(),
        "microF1": 2 * tp.sum() / (2 * tp + fp + fn).sum(),
        "weightedPrecision": np.average(precision, weights=support), "weightedRecall": np.average(recall, weights=support),
        "weightedF1": np.average(f1, weights=support),
        "matthews": cov(x, y) / spread if spread > 0 else 0.0,
    }
    if probabilities is not None:
        result["logLoss"] = -np.log(probabilities[np.arange(len(gold)), gold]).mean()
        edges = np.linspace(0, 1, 16)
        confidence, right = probabilities.max(1), probabilities.argmax(1) == gold
        inside = [(confidence > low) & (confidence <= high) for low, high in zip(edges[:-1], edges[1:])]
        result["expectedCalibrationError"] = sum(m.mean() * abs(right[m].mean() - confidence[m].mean()) for m in inside if m.any())
        result["top2"] = np.mean([g in np.argsort(-p, kind="stable")[:k] for g, p in zip(gold, probabilities)])
    return result


def multi_label(gold, predicted):
    tp = (gold & predicted).sum(0).astype(float)
    g, p = gold.sum(0), predicted.sum(0)
    per_class = 2 * tp / (g + p)
    rows_f1 = [2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else 1.0 for a, b in zip(gold, predicted)]
    return {
        "accuracy": (gold == predicted).all(1).mean(), "hammingLoss": (gold != predicted).mean(), "samplesF1": np.mean(rows_f1),
        "macroF1": per_class.mean(), "microF1": 2 * tp.sum() / (g + p).sum(), "weightedF1": np.average(per_class, weights=g),
        "microPrecision": tp.sum() / p.sum(), "microRecall": tp.sum() / g.sum(),
    }


def rank(values):
    return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])


def correlations(x, y):
    sx, sy = np.sign(x[:, None] - x[None]), np.sign(y[:, None] - y[None])
    return {
        "pearson": np.corrcoef(x, y)[0, 1], "spearman": np.corrcoef(rank(x), rank(y))[0, 1],
        "kendall": (sx * sy).sum() / np.sqrt((sx ** 2).sum() * (sy ** 2).sum()),
        "mse": ((x - y) ** 2).mean(), "mae": np.abs(x - y).mean(), "r2": 1 - ((x - y) ** 2).sum() / ((x - x.mean()) ** 2).sum(),
    }


def retrieval(rankings, gains, k):
    """gains[q][d]: graded relevance of every document d."""
    scores = {"mrr": [], "recall": [], "precision": [], "ndcg": [], "ndcgExponential": [], "map": []}
    for ranking, gain in zip(rankings, gains):
        relevant = gain > 0
        if not relevant.any():
            continue
        hit = relevant[ranking]
        first = np.flatnonzero(hit)
        scores["mrr"].append(1 / (first[0] + 1) if len(first) else 0)
        scores["recall"].append(hit[:k].sum() / relevant.sum())
        scores["precision"].append(hit[:k].sum() / k)
        discount = 1 / np.log2(np.arange(2, k + 2))
        for name, g in (("ndcg", gain.astype(float)), ("ndcgExponential", 2.0 ** gain - 1)):
            scores[name].append((g[ranking][:k] * discount[:len(ranking[:k])]).sum() / (np.sort(g)[::-1][:k] * discount[:len(g)]).sum())
        scores["map"].append((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].sum() / relevant.sum())
    return {name: np.mean(values) for name, values in scores.items()}


def main():
    probabilities = rng.dirichlet(np.ones(LABELS), 50).round(4)
    probabilities[:, 0] += 1 - probabilities.sum(1)
    probabilities = probabilities.round(4)
    gold = np.array([rng.choice(LABELS, p=p / p.sum()) for p in probabilities])
    predicted = probabilities.argmax(1)
    # A class that is never predicted, one that never occurs, and one in neither list.
    odd_gold, odd_predicted = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 2, 2, 0, 0, 0])
    multi_gold, multi_predicted = rng.rand(30, 5) < 0.35, rng.rand(30, 5) < 0.4
    x = rng.randint(0, 12, 60) / 2
    y = (x + rng.randint(-6, 7, 60) / 2).round(2)
    rankings = [rng.permutation(12)[:9] for _ in range(8)]
    gains = rng.randint(0, 4, (8, 12)) * (rng.rand(8, 12) < 0.3)
    gains[3] = 0
    a, b = rng.randn(16).round(3), rng.randn(16).round(3)
    sets = lambda m: [np.flatnonzero(row).tolist() for row in m]
    golden = {
        "single": {"gold": gold, "predicted": predicted, "probabilities": probabilities, "expected": single_label(gold, predicted, probabilities)},
        "odd": {"gold": odd_gold, "predicted": odd_predicted, "expected": single_label(odd_gold, odd_predicted)},
        "multi": {"gold": sets(multi_gold), "predicted": sets(multi_predicted), "expected": multi_label(multi_gold, multi_predicted)},
        "numbers": {"x": x, "y": y, "expected": correlations(x, y)},
        "retrieval": {"rankings": rankings, "gains": gains, "k": 5, "expected": retrieval(rankings, gains, 5)},
        "vectors": {"a": a, "b": b, "expected": {"dot": a @ b, "cosine": a @ b / np.linalg.norm(a) / np.linalg.norm(b), "euclidean": np.linalg.norm(a - b)}},
    }
    text = json.dumps(golden, default=lambda v: v.tolist(), separators=(",", ":"))
    Path(__file__).with_name("golden.json").write_text(text.replace('},"', '},\n"') + "\n")


main()
