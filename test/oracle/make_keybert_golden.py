"""Writes goldens/keybert.json: what KeyBERT chooses of the same vectors, and of texts with the built-in model's folder.

Run from the repository root, with keybert 0.9.0 and sentence-transformers: python3 test/oracle/make_keybert_golden.py
"""

import json
import os

import numpy as np
import torch
from keybert import KeyBERT
from keybert._maxsum import max_sum_distance
from keybert._mmr import mmr
from sentence_transformers import SentenceTransformer

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "..", "models", "albertine-nano-en-zh")
DOCUMENT = (
    "Supervised learning is the machine learning task of learning a function that maps an input to an output based on "
    "example input-output pairs. It infers a function from labeled training data consisting of a set of training "
    "examples. In supervised learning, each example is a pair of an input object, typically a vector, and a desired "
    "output value, also called the supervisory signal. A supervised learning algorithm analyzes the training data and "
    "produces an inferred function, which can be used for mapping new examples."
)
CANDIDATES = [
    "supervised learning", "machine learning", "machine learning task", "training data", "labeled training data",
    "training examples", "function", "inferred function", "input object", "vector", "supervisory signal",
    "learning algorithm", "supervised learning algorithm", "mapping", "not in the document",
]
SEEDS = ["signal processing", "vector"]
METHODS = {
    "none": {"top_n": 6},
    "mmr 0.2": {"top_n": 6, "use_mmr": True, "diversity": 0.2},
    "mmr 0.7": {"top_n": 6, "use_mmr": True, "diversity": 0.7},
    "max-sum": {"top_n": 4, "use_maxsum": True, "nr_candidates": 10},
    "seeds": {"top_n": 6, "seed_keywords": SEEDS},
}


def chosen(keywords):
    return sorted(([text, score] for text, score in keywords), key=lambda pair: -pair[1])


def same_vectors():
    random = np.random.default_rng(7)
    cases = []
    for _ in range(4):
        document, vectors = random.normal(size=(1, 5)), random.normal(size=(14, 5))
        names = [str(i) for i in range(len(vectors))]
        cases.append({
            "document": document[0].round(6).tolist(),
            "vectors": vectors.round(6).tolist(),
            "mmr": {str(d): sorted(int(n) for n, _ in mmr(document.round(6), vectors.round(6), names, 5, d)) for d in (0.0, 0.3, 0.5, 0.8, 1.0)},
            "maxSum": {str(p): sorted(int(n) for n, _ in max_sum_distance(document.round(6), vectors.round(6), names, 5, p)) for p in (5, 8, 12)},
        })
    return cases


def main():
    torch.set_num_threads(1)
    keybert = KeyBERT(SentenceTransformer(MODEL))
    found = {
        name: chosen(keybert.extract_keywords(DOCUMENT, candidates=CANDIDATES, keyphrase_ngram_range=(1, 4), stop_words=None, **options))
        for name, options in METHODS.items()
    }
    result = {"document": DOCUMENT, "candidates": CANDIDATES, "seeds": SEEDS, "found": found, "sameVectors": same_vectors()}
    with open(os.path.join(HERE, "goldens", "keybert.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
