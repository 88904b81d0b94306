"""Writes goldens/cluster.json: pairs, communities, clusters and figures of real vectors, by sentence-transformers,
scikit-learn and BERTopic's class-based tf-idf.

The vectors are of banking77 and TNEWS test rows (the built-in model; 40 dimensions, in thousandths, so that the file is
small), scaled to length 1 again. Thresholds are moved until no cosine is within 2e-6 of them.

Run from the repository root, with sentence-transformers 6.2, scikit-learn 1.9 and the unpacked source of bertopic 0.17:
ALBERTINE_DATA=../shared/data python3 test/oracle/make_cluster_golden.py path/to/bertopic/vectorizers/_ctfidf.py
"""

import csv
import importlib.util
import json
import os
import sys

import numpy as np
import torch
from sentence_transformers import SentenceTransformer, util
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "..", "models", "albertine-nano-en-zh")
DATA = os.environ["ALBERTINE_DATA"]


def rows():
    with open(os.path.join(DATA, "banking77", "test.csv"), encoding="utf-8") as file:
        english = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    with open(os.path.join(DATA, "tnews", "dev.tsv"), encoding="utf-8") as file:
        chinese = [tuple(line.rstrip("\n").split("\t")) for line in file]
    # Eight categories of 20 rows each, and 80 rows of news.
    kept = [row for row in english if row[1] in sorted({c for _, c in english})[:8]]
    return [row for i, row in enumerate(kept) if i % 2 == 0] + chinese[:80]


def communities(vectors, threshold, size):
    cosines = (vectors.double() @ vectors.double().T).flatten()
    while (cosines - threshold).abs().min() < 2e-6:
        threshold += 1e-6
    found = util.community_detection(vectors, threshold=threshold, min_community_size=size)
    return {"threshold": threshold, "minSize": size, "found": [[int(i) for i in c] for c in found]}


def spherical(vectors, first, rounds=100):
    centres, labels = vectors[first].copy(), None
    for _ in range(rounds):
        new = (vectors @ centres.T).argmax(1)
        if labels is not None and (new == labels).all():
            break
        labels = new
        centres = np.stack([vectors[labels == k].sum(0) for k in range(len(centres))])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return labels.tolist(), float(((vectors - centres[labels]) ** 2).sum())


def figures(labels, clusters):
    h, c, v = homogeneity_completeness_v_measure(labels, clusters)
    table = {}
    for label, cluster in zip(labels, clusters):
        table.setdefault(cluster, {}).setdefault(label, 0)
        table[cluster][label] += 1
    purity = sum(max(counts.values()) for counts in table.values()) / len(labels)
    return {"labels": list(labels), "clusters": list(clusters), "adjustedRandIndex": adjusted_rand_score(labels, clusters),
            "homogeneity": h, "completeness": c, "vMeasure": v, "purity": purity}


def class_tf_idf(documents):
    spec = importlib.util.spec_from_file_location("ctfidf", sys.argv[1])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    counter = CountVectorizer(token_pattern=r"(?u)\b\w+\b")
    counts = counter.fit_transform(documents)
    weights = module.ClassTfidfTransformer().fit_transform(counts).toarray()
    return [{name: float(weight) for name, weight in zip(counter.get_feature_names_out(), row) if weight > 0} for row in weights]


def main():
    data = rows()
    texts, labels = [text for text, _ in data], [label for _, label in data]
    full = SentenceTransformer(MODEL, device="cpu").encode(texts, normalize_embeddings=True)[:, :40]
    full /= np.linalg.norm(full, axis=1, keepdims=True)
    thousandths = np.round(full * 1000).astype(int)
    vectors = thousandths.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tensor = torch.from_numpy(vectors)
    first = list(range(0, len(data), len(data) // 12))[:12]
    plain = KMeans(12, init=vectors[first], n_init=1, algorithm="lloyd", tol=0, max_iter=300).fit(vectors)
    spherical_labels, spherical_inertia = spherical(vectors, first)
    pairs = util.paraphrase_mining_embeddings(tensor, top_k=3, max_pairs=200)
    cases = [(labels, plain.labels_.tolist()), (labels, spherical_labels), (labels, [0] * len(labels)),
             (labels, list(range(len(labels)))), ([0, 0, 1, 1], [1, 0, 1, 0]), ([3], [5]), (["a", "b"], ["a", "b"])]
    documents = [" ".join(text for text, label in data if label == name) for name in sorted(set(labels))[:4]]
    golden = {
        "texts": texts,
        "labels": labels,
        "thousandths": [row.tolist() for row in thousandths],
        "pairs": [[i, j, round(float(score), 6)] for score, i, j in pairs],
        "communities": [
            communities(tensor, threshold, size)
            for threshold, size in [(0.75, 10), (0.85, 3), (0.6, 5), (0.4, 10)]
        ],
        "kMeans": {
            "first": first,
            "plain": {"labels": plain.labels_.tolist(), "inertia": float(plain.inertia_)},
            "spherical": {"labels": spherical_labels, "inertia": spherical_inertia},
        },
        "figures": [figures(a, b) for a, b in cases],
        "classTfIdf": {"documents": documents, "weights": class_tf_idf(documents)},
    }
    with open(os.path.join(HERE, "goldens", "cluster.json"), "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    print(len(data), "rows;", len(golden["pairs"]), "pairs;", [[len(c) for c in one["found"]] for one in golden["communities"]])


if __name__ == "__main__":
    main()
