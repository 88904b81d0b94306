"""Features of pairs of texts as numpy and scikit-learn have them, for test/tasks/fit-pairs.test.ts.

    python test/oracle/make_pair_features_golden.py
"""
import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

PAIRS = [
    ("a man plays the guitar", "the man plays a guitar"),
    ("a dog runs", "a dog sleeps in the sun"),
    ("rain rain rain", "no rain today"),
    ("nothing alike", "all words differ"),
    ("", "an empty one"),
    ("the same text", "the same text"),
]

first, second = zip(*PAIRS)
# Terms as `termsOf` makes them of English: words of any length and pairs of neighbours.
vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), sublinear_tf=True)
vectorizer.fit([*first, *second])
a, b = (vectorizer.transform(texts).toarray() for texts in (first, second))
shared = (a > 0) & (b > 0)
cosine = np.array([[cosine_similarity(a[i : i + 1], b[i : i + 1])[0, 0]] for i in range(len(PAIRS))])
words = np.hstack(
    [
        np.minimum(a, b),
        np.abs(a - b),
        cosine,
        np.sum(a**2 * shared, axis=1, keepdims=True),
        np.sum(b**2 * shared, axis=1, keepdims=True),
    ]
)
random = np.random.default_rng(1)
u, v = random.normal(size=(2, 3, 4)).astype(np.float32)
vectors = np.hstack([np.abs(u - v), u * v])
golden = {
    "pairs": PAIRS,
    "terms": vectorizer.get_feature_names_out().tolist(),
    "words": np.round(words, 9).tolist(),
    "u": u.flatten().tolist(),
    "v": v.flatten().tolist(),
    "vectors": vectors.flatten().tolist(),
}
path = Path(__file__).parent / "goldens" / "pair-features.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
