"""Writes goldens/distil.json: losses of distillation with their gradients, and targets made of a teacher's vectors, by PyTorch in float64.

Run from the repository root, with torch and numpy: python3 test/oracle/make_distil_golden.py
The loss on vectors is written out as `distil` of recipes/gpu/distil.py has it, that on labels with torch.nn.functional; neither as src/training does.
"""

import json
import os

import numpy as np
import torch
from torch.nn import functional as F

HIDDEN, LENGTH = 6, 7
# Texts 1 and 4 are equal.
TEXTS = [[2, 11, 12, 3], [2, 13, 3], [2, 14, 15, 16, 17, 3], [2, 20, 21, 22, 3], [2, 13, 3], [2, 26, 27, 28, 29, 30, 3]]
VECTORS = {
    "cosine and similarities": {"pooling": "mean", "loss": "cosine", "width": 6, "similarityWeight": 0.5, "temperature": 0.05},
    "first tokens, warm": {"pooling": "cls", "loss": "cosine", "width": 6, "similarityWeight": 2, "temperature": 0.3},
    "numbers": {"pooling": "mean", "loss": "mse", "width": 6, "similarityWeight": 0, "temperature": 0.05},
    "projected": {"pooling": "mean", "loss": "cosine", "width": 9, "projection": True, "similarityWeight": 0.5, "temperature": 0.1},
    "projected numbers": {"pooling": "cls", "loss": "mse", "width": 4, "projection": True, "similarityWeight": 0.25, "temperature": 0.1},
}
LABELS = {
    "one label": {"problem": "singleLabel", "numLabels": 4, "temperature": 2, "hardWeight": 0, "gold": [None] * 6},
    "one label, some said by people": {"problem": "singleLabel", "numLabels": 4, "temperature": 3, "hardWeight": 0.4, "gold": [1, None, 3, 0, 2, None]},
    "several labels": {"problem": "multiLabel", "numLabels": 3, "temperature": 1.5, "hardWeight": 0.25, "gold": [[0], [], None, [0, 2], None, [1]]},
    "a number": {"problem": "regression", "numLabels": 1, "temperature": 2, "hardWeight": 0.5, "gold": [0.5, None, -1.25, 2, None, 0]},
}
# Rows of hidden states (text, token) that have a state of the teacher, and those that are masked.
TAUGHT = [(0, 1), (0, 2), (1, 1), (2, 4), (3, 1), (5, 5)]
TOKENS = {
    "cosine": {"loss": "cosine", "width": 6},
    "numbers": {"loss": "mse", "width": 6},
    "projected": {"loss": "cosine", "width": 9, "projection": True},
}
MASKED_ROWS, VOCABULARY, EMBEDDING = [(0, 1), (2, 2), (2, 3), (5, 4)], 40, 4
MASKED = {
    "guesses": {"temperature": 2, "hardWeight": 0},
    "guesses and words": {"temperature": 1.5, "hardWeight": 0.3},
}
# Sample of a teacher's vectors: more rows than columns.
ROWS, TEACHER, KEPT = 40, 9, 4


def numbers(array):
    return [float(f"{x:.9g}") for x in np.asarray(array).flatten()]


def stored(random, *shape):
    """As float32 has them, so that both sides compute from the same numbers."""
    return torch.from_numpy(random.standard_normal(shape).round(4).astype(np.float32).astype(np.float64))


def pooled(hidden, pooling):
    if pooling == "cls":
        return hidden[:, 0]
    mask = torch.tensor([[1.0 if i < len(text) else 0.0 for i in range(LENGTH)] for text in TEXTS], dtype=torch.float64)[..., None]
    return (hidden * mask).sum(1) / mask.sum(1)


def vector_case(case, random):
    hidden = stored(random, len(TEXTS), LENGTH, HIDDEN).requires_grad_()
    targets = stored(random, len(TEXTS), case["width"])
    projection = (0.5 * stored(random, case["width"], HIDDEN)).requires_grad_() if case.get("projection") else None
    made = pooled(hidden, case["pooling"])
    if projection is not None:
        made = made @ projection.T
    v, t = F.normalize(made, dim=-1), F.normalize(targets, dim=-1)
    first = (1 - (v * t).sum(1)).mean() if case["loss"] == "cosine" else F.mse_loss(made, targets)
    eye = torch.tensor([[a == b for b in TEXTS] for a in TEXTS])
    ls = F.log_softmax((v @ v.T / case["temperature"]).masked_fill(eye, -1e4), 1)
    lt = F.log_softmax((t @ t.T / case["temperature"]).masked_fill(eye, -1e4), 1)
    kl = (lt.exp() * (lt - ls)).masked_fill(eye, 0).sum(1).mean()
    loss = first + case["similarityWeight"] * kl
    loss.backward()
    return {
        **case, "hidden": numbers(hidden.detach()), "targets": numbers(targets), "value": loss.item(), "vectorLoss": first.item(), "similarityLoss": kl.item(), "gradient": numbers(hidden.grad),
        **({"weights": numbers(projection.detach()), "weightGradient": numbers(projection.grad)} if projection is not None else {}),
    }


def label_case(case, random):
    labels, problem, T, share = case["numLabels"], case["problem"], case["temperature"], case["hardWeight"]
    hidden = stored(random, len(TEXTS), LENGTH, HIDDEN).requires_grad_()
    weights = {name: stored(random, *shape).requires_grad_() for name, shape in {
        "albert.pooler.weight": (HIDDEN, HIDDEN), "albert.pooler.bias": (HIDDEN,), "classifier.weight": (labels, HIDDEN), "classifier.bias": (labels,)}.items()}
    teacher = 3 * stored(random, len(TEXTS), labels)
    logits = F.linear(torch.tanh(F.linear(hidden[:, 0], weights["albert.pooler.weight"], weights["albert.pooler.bias"])), weights["classifier.weight"], weights["classifier.bias"])
    losses = []
    for student, right, gold in zip(logits, teacher, case["gold"]):
        if problem == "singleLabel":
            soft = T * T * F.kl_div(F.log_softmax(student / T, 0), F.softmax(right / T, 0), reduction="sum")
            hard = None if gold is None else F.cross_entropy(student[None], torch.tensor([gold]))
        elif problem == "multiLabel":
            p = torch.sigmoid(right / T)
            soft = T * T * (F.binary_cross_entropy_with_logits(student / T, p) - F.binary_cross_entropy(p, p))
            hard = None if gold is None else F.binary_cross_entropy_with_logits(student, torch.tensor([1.0 if i in gold else 0.0 for i in range(labels)], dtype=torch.float64))
        else:
            soft = (student[0] - right[0]) ** 2
            hard = None if gold is None else (student[0] - gold) ** 2
        losses.append(soft if gold is None else (1 - share) * soft + share * hard)
    loss = torch.stack(losses).mean()
    loss.backward()
    return {
        **case, "hidden": numbers(hidden.detach()), "teacher": numbers(teacher), "value": loss.item(), "gradient": numbers(hidden.grad),
        "weights": {name: numbers(weight.detach()) for name, weight in weights.items()}, "weightGradients": {name: numbers(weight.grad) for name, weight in weights.items()},
    }


def token_case(case, random):
    hidden = stored(random, len(TEXTS), LENGTH, HIDDEN).requires_grad_()
    targets = stored(random, len(TAUGHT), case["width"])
    projection = (0.5 * stored(random, case["width"], HIDDEN)).requires_grad_() if case.get("projection") else None
    made = torch.stack([hidden[text, token] for text, token in TAUGHT])
    if projection is not None:
        made = made @ projection.T
    loss = (1 - F.cosine_similarity(made, targets)).mean() if case["loss"] == "cosine" else F.mse_loss(made, targets)
    loss.backward()
    return {
        **case, "rows": TAUGHT, "hidden": numbers(hidden.detach()), "targets": numbers(targets), "value": loss.item(), "gradient": numbers(hidden.grad),
        **({"weights": numbers(projection.detach()), "weightGradient": numbers(projection.grad)} if projection is not None else {}),
    }


def masked_case(case, random):
    T, share = case["temperature"], case["hardWeight"]
    hidden = stored(random, len(TEXTS), LENGTH, HIDDEN).requires_grad_()
    weights = {name: stored(random, *shape).requires_grad_() for name, shape in {
        "predictions.dense.weight": (EMBEDDING, HIDDEN), "predictions.dense.bias": (EMBEDDING,), "predictions.LayerNorm.weight": (EMBEDDING,), "predictions.LayerNorm.bias": (EMBEDDING,),
        "predictions.bias": (VOCABULARY,), "albert.embeddings.word_embeddings.weight": (VOCABULARY, EMBEDDING)}.items()}
    made = torch.stack([hidden[text, token] for text, token in MASKED_ROWS])
    inner = F.gelu(F.linear(made, weights["predictions.dense.weight"], weights["predictions.dense.bias"]), approximate="tanh")
    inner = F.layer_norm(inner, (EMBEDDING,), weights["predictions.LayerNorm.weight"], weights["predictions.LayerNorm.bias"], 1e-12)
    logits = F.linear(inner, weights["albert.embeddings.word_embeddings.weight"], weights["predictions.bias"])
    teacher = 3 * stored(random, len(MASKED_ROWS), VOCABULARY)
    labels = torch.tensor([11, 15, 16, 29])
    divergence = F.kl_div(F.log_softmax(logits / T, 1), F.softmax(teacher / T, 1), reduction="batchmean")
    words = F.cross_entropy(logits, labels)
    loss = (1 - share) * T * T * divergence + share * words
    loss.backward()
    return {
        **case, "rows": MASKED_ROWS, "labels": labels.tolist(), "hidden": numbers(hidden.detach()), "teacher": numbers(teacher), "value": loss.item(), "divergence": divergence.item(), "maskedLmLoss": words.item(),
        "guesses": logits.argmax(1).tolist(), "gradient": numbers(hidden.grad),
        "weights": {name: numbers(weight.detach()) for name, weight in weights.items()}, "weightGradients": {name: numbers(weight.grad) for name, weight in weights.items()},
    }


def upright(directions):
    """Every direction with its largest entry positive."""
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return directions * largest.sign()


def targets(random):
    """Unit vectors around their mean, on the main directions of their covariance; then the same without unit length."""
    spread = torch.tensor(np.linspace(2, 0.2, TEACHER))
    sample = torch.from_numpy((stored(random, ROWS, TEACHER) * spread + stored(random, TEACHER)).numpy().astype(np.float32).astype(np.float64))
    result = {"rows": ROWS, "teacherWidth": TEACHER, "width": KEPT, "sample": numbers(sample), "cases": {}}
    for name, unit in (("cosine", True), ("mse", False)):
        x = F.normalize(sample, dim=-1) if unit else sample
        mean = x.mean(0)
        value, vector = torch.linalg.eigh((x - mean).T @ (x - mean))
        directions = upright(vector.flip(1).T[:KEPT])
        made = (x - mean) @ directions.T
        scale = 1.0 if unit else (made.pow(2).mean().rsqrt()).item()
        made = F.normalize(made, dim=-1) if unit else made * scale
        result["cases"][name] = {"mean": numbers(mean), "directions": numbers(directions), "keptVariance": (value.flip(0)[:KEPT].sum() / value.sum()).item(), "scale": scale, "targets": numbers(made)}
    return result


def turning(random):
    """The rotation that brings vectors nearest to others, as recipes/gpu/distil.py turns targets towards what a model already makes."""
    wanted = F.normalize(stored(random, ROWS, KEPT), dim=-1)
    made = F.normalize(wanted @ torch.linalg.qr(stored(random, KEPT, KEPT))[0] + 0.3 * stored(random, ROWS, KEPT), dim=-1)
    u, _, w = torch.linalg.svd(wanted.T @ made)
    return {"width": KEPT, "wanted": numbers(wanted), "made": numbers(made), "rotation": numbers(u @ w), "before": (made * wanted).sum(1).mean().item(), "after": (made * (wanted @ (u @ w))).sum(1).mean().item()}


def main():
    torch.set_num_threads(1)
    random = np.random.RandomState(23)
    result = {
        "texts": TEXTS, "hiddenSize": HIDDEN, "length": LENGTH,
        "vectors": {name: vector_case(case, random) for name, case in VECTORS.items()},
        "labels": {name: label_case(case, random) for name, case in LABELS.items()},
        "targets": targets(random), "turning": turning(random),
        "tokens": {name: token_case(case, random) for name, case in TOKENS.items()},
        "masked": {name: masked_case(case, random) for name, case in MASKED.items()},
    }
    for kind in ("vectors", "labels", "tokens", "masked"):
        for name, case in result[kind].items():
            print(f"{kind:8} {name:32} loss {case['value']:.6f}")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "distil.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
