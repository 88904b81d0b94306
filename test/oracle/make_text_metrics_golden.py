"""Writes goldens/text-metrics.json: BLEU and chrF++ by sacrebleu, ROUGE by rouge_score, on sentences written here with errors of every kind.

Run from the repository root, with sacrebleu 2.6.0 and rouge_score 0.1.2: python3 test/oracle/make_text_metrics_golden.py
"""

import json
import os
import re

from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

# (candidate, references)
SEGMENTS = [
    ("The cat sat on the mat.", ["The cat sat on the mat."]),
    ("The cat is on the mat", ["The cat sat on the mat.", "There is a cat on the mat."]),
    ("A dog, brown and old (very old), barked: \"woof!\"", ["An old brown dog barked \"woof\"."]),
    ("It cost $3.50 in 1999, i.e. 2,000 times 1-2% less...", ["It cost $3.5 in 1999; that is 2000 times 1-2 % less."]),
    ("&quot;Well&quot; &amp; good &lt;b&gt;", ["\"Well\" & good <b>"]),
    ("", ["An empty candidate."]),
    ("word", ["word"]),
    ("two words", ["two words here"]),
    ("nothing shared whatsoever", ["completely different text"]),
    ("don\u2019t \u201cquote\u201d \u2014 me\u2026", ["don't \"quote\" - me..."]),
    ("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    ("caf\u00e9 na\u00efve \u00dcber", ["cafe naive \u00fcber"]),
    ("tab\tand\u00a0no-break\u3000space", ["tab and no-break space"]),
    ("\u6211\u4eca\u5929\u53bb\u4e86\u5317\u4eac\u3002", ["\u6211\u4eca\u5929\u53bb\u5317\u4eac\u4e86\u3002"]),
    ("\u8fd9\u662f\u4e00\u4e2aALBERT\u6a21\u578b\uff0c\u5f88\u5c0f\u30022023\u5e74", ["\u8fd9\u4e2aALBERT\u6a21\u578b\u5f88\u5c0f\u3002", "2023\u5e74\u7684\u5c0f\u578bALBERT\u6a21\u578b"]),
    ("\U00020000\u5b57 rare \U0001F600 smile", ["\U00020000\u5b57 rare \U0001F600 smiles"]),
    ("Line one is here.\nLine two follows it.", ["Line two follows.\nLine one is here too."]),
    ("the quick brown fox\njumps over the lazy dog\nthe end", ["the lazy dog jumps\nover the quick fox\nthe very end"]),
    ("He was running and enjoyed the flies dying happily in 2000s skies", ["Runners run; flying things die, happy enjoyment of the sky in 2000"]),
]


def per_segment(metric, order=None):
    return [metric.sentence_score(candidate, references).score for candidate, references in SEGMENTS]


def corpus(metric):
    most = max(len(references) for _, references in SEGMENTS)
    streams = [[references[i] if i < len(references) else None for _, references in SEGMENTS] for i in range(most)]
    return metric.corpus_score([candidate for candidate, _ in SEGMENTS], streams).score


class Characters:
    def tokenize(self, text):
        return re.findall(r"[\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufad9\U00020000-\U0002fa1f]|[^\W\d_\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufad9\U00020000-\U0002fa1f]+|\d+", text.lower())


# (candidate, reference) with spaces between words, as a dictionary cuts them.
WORDS = [
    ("\u6211\u4eec \u4eca\u5929 \u5b66\u4e60 \u97f3\u4e50", "\u4eca\u5929 \u6211\u4eec \u559c\u6b22 \u5b66\u4e60"),
    ("\u4ed6 \u559c\u6b22 \u97f3\u4e50", "\u5979 \u559c\u6b22 \u7535\u5f71 \u548c \u97f3\u4e50"),
    ("\u5317\u4eac \u662f \u4e2d\u56fd \u7684 \u9996\u90fd", "\u4e2d\u56fd \u7684 \u9996\u90fd \u662f \u5317\u4eac"),
]


class Spaces:
    def tokenize(self, text):
        return text.split()


def rouge(tokenizer=None, segments=SEGMENTS, use_stemmer=False):
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], tokenizer=tokenizer, use_stemmer=use_stemmer)
    rows = [scorer.score_multi(references, candidate) for candidate, references in segments]
    return {name: [[row[name].precision, row[name].recall, row[name].fmeasure] for row in rows] for name in ("rouge1", "rouge2", "rougeL", "rougeLsum")}


def main():
    result = {"segments": [{"candidate": candidate, "references": references} for candidate, references in SEGMENTS], "bleu": {}, "chrf": {}, "rouge": {"english": rouge(), "stemmed": rouge(use_stemmer=True), "characters": rouge(Characters()), "words": rouge(Spaces(), [(candidate, [reference]) for candidate, reference in WORDS])}, "words": WORDS}
    for tokenize in ("13a", "zh", "char", "none"):
        for lowercase in (False, True):
            for smoothing in ("exp", "floor", "add-k", "none"):
                if smoothing != "exp" and (tokenize != "13a" or lowercase):
                    continue
                name = f"{tokenize}{' lowercase' if lowercase else ''} {smoothing}"
                options = {"tokenize": tokenize, "lowercase": lowercase, "smooth_method": smoothing}
                result["bleu"][name] = {"options": {"tokenize": tokenize, "lowercase": lowercase, "smoothing": smoothing}, "segments": per_segment(BLEU(effective_order=True, **options)), "corpus": corpus(BLEU(**options))}
    for name, options in {"chrF++": {"word_order": 2}, "chrF": {"word_order": 0}, "chrF+, lowercase, beta 1": {"word_order": 1, "lowercase": True, "beta": 1}}.items():
        mine = {"wordOrder": options["word_order"], **({"lowercase": True} if "lowercase" in options else {}), **({"beta": options["beta"]} if "beta" in options else {})}
        result["chrf"][name] = {"options": mine, "segments": per_segment(CHRF(**options)), "corpus": corpus(CHRF(**options))}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "text-metrics.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
