"""Entities and scores of random tag sequences by seqeval (pip install seqeval), for test/metrics/entities.test.ts. Writes entities.json beside itself."""
import json, os, random
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.metrics import f1_score
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB1, IOB2, IOBES, BILOU, Entities

random.seed(7)
SCHEMES = {"iob1": (IOB1, "IB"), "iob2": (IOB2, "IB"), "iobes": (IOBES, "IBES"), "bilou": (BILOU, "IBLU")}

def sentence(letters):
    return [random.choice(["O"] + [f"{p}-{t}" for p in letters for t in ("PER", "LOC")]) for _ in range(random.randint(1, 9))]

cases = []
for name, (scheme, letters) in SCHEMES.items():
    for _ in range(20):
        gold = [sentence(letters) for _ in range(4)]
        found = [[t if random.random() < 0.7 else u for t, u in zip(row, sentence(letters) + ["O"] * 9)] for row in gold]
        strict = lambda rows: [[[e.tag, e.start, e.end] for e in es] for es in Entities(rows, scheme).entities]
        # get_entities knows E and S; conlleval reads L and U as those
        as_iobes = lambda rows: [[t.replace("L-", "E-", 1).replace("U-", "S-", 1) if t[:2] in ("L-", "U-") else t for t in row] for row in rows]
        lenient = lambda rows: [[[l, s, e + 1] for l, s, e in get_entities(row)] for row in as_iobes(rows)]
        micro = precision_recall_fscore_support(gold, found, average="micro", scheme=scheme, zero_division=0)[:3]
        macro = precision_recall_fscore_support(gold, found, average="macro", scheme=scheme, zero_division=0)[:3]
        weighted = precision_recall_fscore_support(gold, found, average="weighted", scheme=scheme, zero_division=0)[2]
        cases.append({"scheme": name, "gold": gold, "found": found, "strict": [strict(gold), strict(found)], "lenient": [lenient(gold), lenient(found)],
                      "micro": list(map(float, micro)), "macro": list(map(float, macro)), "weighted": float(weighted), "lenientF1": float(f1_score(as_iobes(gold), as_iobes(found), zero_division=0))})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "entities.json"), "w") as file:
    json.dump(cases, file, separators=(",", ":"))
    file.write("\n")
