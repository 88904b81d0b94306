"""Writes goldens/paired-tests.json: three systems beside references, with sacrebleu's paired bootstrap and approximate randomisation of BLEU and chrF++.

Texts are drawn here: references of a small vocabulary, and systems that spoil them more and more.
Run from the repository root, with sacrebleu 2.6.0: python3 test/oracle/make_paired_golden.py
"""

import json
import os
import random

from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

WORDS = "the a cat dog house river old new small green ran sat saw took gave near over under before after with without and but then quickly slowly never always people music water bread winter summer letter table window garden".split()
SEGMENTS, SAMPLES = 150, 10000


def spoiled(words, share, chance):
    out = []
    for word in words:
        draw = chance.random()
        if draw < share / 3:
            continue
        out.append(chance.choice(WORDS) if draw < 2 * share / 3 else word)
        if draw > 1 - share / 3:
            out.append(chance.choice(WORDS))
    return " ".join(out)


def main():
    chance = random.Random(1)
    sentences = [[chance.choice(WORDS) for _ in range(chance.randint(5, 15))] for _ in range(SEGMENTS)]
    references = [" ".join(words) for words in sentences]
    systems = {name: [spoiled(words, share, chance) for words in sentences] for name, share in (("a", 0.3), ("b", 0.3), ("c", 0.32))}
    result = {"references": references, "systems": systems, "samples": SAMPLES, "tests": {}}
    for kind in ("ar", "bs"):
        metrics = {"bleu": BLEU(), "chrf++": CHRF(word_order=2)}
        _, scores = PairedTest(list(systems.items()), metrics, [references], test_type=kind, n_samples=SAMPLES)()
        for name, rows in scores.items():
            if name == "System":
                continue
            ours = "bleu" if name == "BLEU" else "chrf++"
            for system, row in zip(systems, rows):
                entry = result["tests"].setdefault(ours, {}).setdefault(system, {"score": row.score})
                if row.p_value is not None:
                    entry[kind] = row.p_value
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "paired-tests.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
