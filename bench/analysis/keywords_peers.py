"""Keywords of the peers, for bench/analysis/keywords.ts --peers: KeyBERT with a folder of ours, YAKE, tf-idf.

    npx tsx bench/analysis/keywords.ts --documents documents.json
    python bench/analysis/keywords_peers.py documents.json peers.json MODEL_FOLDER [THREADS]

Needs keybert, yake, sentence-transformers, scikit-learn. One document at a time; tf-idf counts documents of the
same set.
"""

import json
import sys
import time

import torch
from keybert import KeyBERT
from sentence_transformers import SentenceTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from yake import KeywordExtractor

source, target, folder = sys.argv[1:4]
torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
documents = json.load(open(source, encoding="utf-8"))
results = {}


def timed(name, function):
    start = time.perf_counter()
    found = {document["name"]: function(document["text"]) for document in documents}
    results[name] = {"found": found, "seconds": time.perf_counter() - start}
    print(name, results[name]["seconds"], file=sys.stderr)
    # At once, as KeyBERT takes long.
    json.dump(results, open(target, "w", encoding="utf-8"))


def tf_idf():
    start = time.perf_counter()
    found = {}
    for name in sorted({document["name"].split("/")[0] for document in documents}):
        own = [document for document in documents if document["name"].split("/")[0] == name]
        vectorizer = TfidfVectorizer(ngram_range=(1, 3), stop_words="english", norm=None)
        matrix = vectorizer.fit_transform([document["text"] for document in own])
        terms = vectorizer.get_feature_names_out()
        for row, document in enumerate(own):
            weights = matrix[row]
            order = weights.data.argsort(kind="stable")[::-1][:15]
            found[document["name"]] = [terms[weights.indices[i]] for i in order]
    results["tf-idf, 1-3 words (scikit-learn)"] = {"found": found, "seconds": time.perf_counter() - start}


tf_idf()
yake = KeywordExtractor(lan="en", n=3, top=15)
timed("YAKE", lambda text: [keyword for keyword, _ in yake.extract_keywords(text)])
model = SentenceTransformer(folder)
keybert = KeyBERT(model)
for words in (3, 1):
    timed(
        f"KeyBERT, 1-{words} words",
        lambda text: [
            keyword
            for keyword, _ in keybert.extract_keywords(
                text, keyphrase_ngram_range=(1, words), stop_words="english", top_n=15
            )
        ],
    )
timed(
    "KeyBERT, 1-3 words, MMR 0.5",
    lambda text: [
        keyword
        for keyword, _ in keybert.extract_keywords(
            text, keyphrase_ngram_range=(1, 3), stop_words="english", top_n=10, use_mmr=True, diversity=0.5
        )
    ],
)
