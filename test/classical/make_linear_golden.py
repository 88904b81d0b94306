"""Coefficients of scikit-learn's linear models, probabilities and neighbours on small matrices.

    pip install scikit-learn
    python make_linear_golden.py > linear-golden.json
"""

import json

import numpy as np
import sklearn
from sklearn.calibration import _sigmoid_calibration
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

random = np.random.RandomState(3)
ROWS, COLUMNS = 60, 7


def rounded(values, digits=10):
    return np.round(np.asarray(values, dtype=float), digits).tolist()


x = random.randn(ROWS, COLUMNS)
noise = random.randn(ROWS, 4)
three = np.argmax(x[:, :3] + noise[:, :3], axis=1)
two = (x[:, 0] + noise[:, 0] > 0).astype(int)
many = (x[:, :3] + noise[:, :3] > 0.3).astype(int)
number = x @ np.arange(COLUMNS) + noise[:, 3] + 5
weights = np.where(np.arange(ROWS) % 3 == 0, 2.5, 0.5)

EXACT = dict(tol=1e-12, max_iter=100000)
logistic = lambda **more: LogisticRegression(C=0.7, **EXACT, **more)
svm = lambda: LinearSVC(C=0.7, loss="squared_hinge", dual=True, tol=1e-10, max_iter=1000000, random_state=0)


def model(fitted):
    return {"weights": rounded(np.atleast_2d(fitted.coef_)), "bias": rounded(np.atleast_1d(fitted.intercept_))}


each = [logistic().fit(x, many[:, k]) for k in range(3)]
decision = svm().fit(x, two).decision_function(x)
slope, offset = _sigmoid_calibration(decision, two)
neighbours = {
    k: KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(x[:40], three[:40]).predict_proba(x[40:])
    for k in (1, 5)
}
TEXTS = [
    "The cat sat on the mat, the cat!",
    "Dogs and cats; dogs bark",
    "a mat is no cat",
    "birds sing and dogs bark on",
    "sing, birds",
]
tfidf = {}
for name, options in {
    "words": dict(token_pattern=r"[^\W_]+", ngram_range=(1, 2)),
    "sublinear": dict(token_pattern=r"[^\W_]+", sublinear_tf=True, min_df=2),
    "characters": dict(analyzer="char_wb", ngram_range=(2, 4)),
}.items():
    # Punctuation is no part of words here; scikit-learn's char_wb keeps it, so that it is left out.
    texts = [text.replace(",", "").replace("!", "").replace(";", "") for text in TEXTS]
    vectorizer = TfidfVectorizer(**options).fit(texts)
    new = vectorizer.transform([texts[0], "the dog sat with birds"])
    names = vectorizer.get_feature_names_out()
    tfidf[name] = [{names[j]: round(row[0, j], 10) for j in row.nonzero()[1]} for row in new]

print(
    json.dumps(
        {
            "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
            "x": rounded(x, 12),
            "three": three.tolist(),
            "two": two.tolist(),
            "many": many.tolist(),
            "number": rounded(number, 12),
            "rowWeights": weights.tolist(),
            "c": 0.7,
            "logistic": {
                "three": model(logistic().fit(x, three)),
                "two": model(logistic().fit(x, two)),
                "weighted": model(logistic().fit(x, three, sample_weight=weights)),
                "many": {
                    "weights": rounded([one.coef_[0] for one in each]),
                    "bias": rounded([one.intercept_[0] for one in each]),
                },
            },
            "svm": {
                "three": model(svm().fit(x, three)),
                "two": model(svm().fit(x, two)),
                "weighted": model(svm().fit(x, two, sample_weight=weights)),
            },
            "ridge": model(Ridge(alpha=1 / 0.7, tol=1e-12).fit(x, number)),
            "platt": {"decision": rounded(decision, 12), "slope": slope, "offset": offset},
            "neighbours": {str(k): rounded(p) for k, p in neighbours.items()},
            "texts": TEXTS,
            "newText": "the dog sat with birds",
            "tfidf": tfidf,
        },
        separators=(",", ":"),
    )
)
