"""Figures of random relations by the definitions of SemEval-2010 Task 8's official scorer ("(9+1)-WAY EVALUATION TAKING DIRECTIONALITY INTO ACCOUNT"), from a confusion matrix as
the scorer builds it, for test/metrics/relations.test.ts. Writes relations.json beside itself."""
import json, os, random

random.seed(3)
RELATIONS = ["Cause-Effect", "Component-Whole", "Message-Topic"]
LABELS = [f"{r}({d})" for r in RELATIONS for d in ("e1,e2", "e2,e1")] + ["Other"]

def official(gold, found):
    matrix = {(g, f): 0 for g in LABELS for f in LABELS}
    for pair in zip(gold, found):
        matrix[pair] += 1
    scores = {}
    for relation in RELATIONS:
        own = [f"{relation}(e1,e2)", f"{relation}(e2,e1)"]
        right = sum(matrix[(label, label)] for label in own)
        support = sum(matrix[(g, f)] for g in own for f in LABELS)       # rows, wrong directions among them
        answered = sum(matrix[(g, f)] for g in LABELS for f in own)      # columns
        p = right / answered if answered else 0.0
        r = right / support if support else 0.0
        scores[relation] = [p, r, 2 * p * r / (p + r) if p + r else 0.0]
    return {"perRelation": scores, "macroF1": sum(s[2] for s in scores.values()) / len(RELATIONS)}

cases = []
for _ in range(20):
    gold = LABELS + [random.choice(LABELS) for _ in range(60)]
    found = [g if random.random() < 0.6 else random.choice(LABELS) for g in gold]
    cases.append({"gold": gold, "found": found, **official(gold, found)})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "relations.json"), "w") as file:
    json.dump(cases, file, separators=(",", ":"))
    file.write("\n")
