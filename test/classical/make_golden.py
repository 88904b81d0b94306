"""Writes golden.json: tf-idf, coefficients and predictions as scikit-learn has them.

Run from the repository root with scikit-learn 1.x: python3 test/classical/make_golden.py
"""
import json
import os
import random

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

WORDS = "card top up money lost stolen arrived when will my new pin change transfer failed twice charge fee cash abroad".split()
rng = random.Random(3)
CLASSES = 3
texts = [" ".join(rng.choice(WORDS[label * 4:label * 4 + 12]) for _ in range(rng.randint(3, 9))) for label in range(CLASSES) for _ in range(14)]
labels = [label for label in range(CLASSES) for _ in range(14)]
new = [" ".join(rng.choice(WORDS + ["unseen"]) for _ in range(6)) for _ in range(20)]
vectorizer = TfidfVectorizer(token_pattern=r"(?u)[^\W_]+")
x = vectorizer.fit_transform(texts)
model = LogisticRegression(C=10, max_iter=5000, tol=1e-10).fit(x, labels)
golden = {
    "texts": texts, "labels": labels, "vocabulary": vectorizer.vocabulary_, "coefficients": model.coef_.tolist(), "intercept": model.intercept_.tolist(),
    "new": new, "predicted": [int(p) for p in model.predict(vectorizer.transform(new))],
}
golden["vocabulary"] = {k: int(v) for k, v in golden["vocabulary"].items()}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json"), "w") as file:
    json.dump(golden, file, indent=0)
