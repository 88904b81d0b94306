"""Writes contrastive.json: losses of sentence-embedding training and their gradients with respect to the hidden states, by PyTorch in float64.

Run from the repository root: /usr/bin/python3 test/training/goldens/make_contrastive.py
The losses are written out as their papers and sentence-transformers have them, not as src/training does.
"""

import json
import os

import numpy as np
import torch
from torch.nn import functional as F

WIDTH = 6
# Tokens of five pairs. Pairs 0 and 2 have the same left text, 1 and 3 the same right text, and the left text of 4 is the right one of 0.
LEFT = [[2, 11, 12, 3], [2, 13, 3], [2, 11, 12, 3], [2, 14, 15, 16, 17, 3], [2, 20, 21, 3]]
RIGHT = [[2, 20, 21, 3], [2, 22, 23, 24, 3], [2, 25, 3], [2, 22, 23, 24, 3], [2, 26, 27, 28, 29, 30, 3]]
SCORES = [4.0, 1.5, 5.0, 1.5, 0.0]
MAX_SCORE = 5.0
LENGTH = 7

CASES = {
    "simcse": {"objective": "simcse", "pooling": "mean", "temperature": 0.05},
    "simcse, first tokens": {"objective": "simcse", "pooling": "cls", "temperature": 0.2},
    "pairs": {"objective": "pairs", "pooling": "mean", "temperature": 0.05, "symmetric": True},
    "pairs, one way": {"objective": "pairs", "pooling": "cls", "temperature": 0.01, "symmetric": False},
    "cosent": {"objective": "scored", "pooling": "mean", "loss": "cosent"},
    "cosine": {"objective": "scored", "pooling": "cls", "loss": "cosine"},
}


def pool(hidden, texts, pooling):
    if pooling == "cls":
        return hidden[:, 0]
    mask = torch.tensor([[1.0 if i < len(text) else 0.0 for i in range(LENGTH)] for text in texts], dtype=torch.float64).unsqueeze(-1)
    return (hidden * mask).sum(1) / mask.sum(1)


def ranking(a, b, left, right, temperature):
    """Cross-entropy of each row of cosines against its own column, leaving out columns that are the same text as the row's or its partner's."""
    losses = []
    for i in range(len(left)):
        scores, own = [], None
        for j in range(len(right)):
            if i == j:
                own = len(scores)
            elif left[i] == left[j] or right[i] == right[j] or left[i] == right[j]:
                continue
            scores.append(F.cosine_similarity(a[i], b[j], dim=0) / temperature)
        losses.append(F.cross_entropy(torch.stack(scores).unsqueeze(0), torch.tensor([own])))
    return torch.stack(losses).mean()


def cosent(cosines, labels):
    """As CoSENTLoss.forward of sentence-transformers."""
    scores = cosines * 20.0
    scores = scores[:, None] - scores[None, :]
    ordered = (labels[:, None] < labels[None, :]).double()
    scores = scores - (1 - ordered) * 1e12
    return torch.logsumexp(torch.cat((torch.zeros(1, dtype=torch.float64), scores.view(-1)), dim=0), dim=0)


def loss_of(hidden, case):
    right = LEFT if case["objective"] == "simcse" else RIGHT
    vectors = pool(hidden, LEFT + right, case["pooling"])
    a, b = vectors[: len(LEFT)], vectors[len(LEFT):]
    if case["objective"] == "scored":
        cosines = F.cosine_similarity(a, b)
        labels = torch.tensor(SCORES, dtype=torch.float64)
        return cosent(cosines, labels) if case["loss"] == "cosent" else F.mse_loss(cosines, labels / MAX_SCORE)
    forward = ranking(a, b, LEFT, right, case["temperature"])
    return (forward + ranking(b, a, right, LEFT, case["temperature"])) / 2 if case.get("symmetric") else forward


def main():
    torch.set_num_threads(1)
    random = np.random.RandomState(11)
    values = random.randn(2 * len(LEFT), LENGTH, WIDTH).round(4)
    # A copy of a text has hidden states near those of the text, as under another dropout mask.
    copies = values.copy()
    copies[len(LEFT):] = (values[: len(LEFT)] + 0.3 * random.randn(len(LEFT), LENGTH, WIDTH)).round(4)
    result = {"left": LEFT, "right": RIGHT, "scores": SCORES, "maxScore": MAX_SCORE, "width": WIDTH,
              "hidden": values.flatten().tolist(), "hiddenOfCopies": copies.flatten().tolist(), "cases": {}}
    for name, case in CASES.items():
        # The longest sequence of copies is shorter, and the rectangle with it.
        length = max(len(text) for text in (LEFT if case["objective"] == "simcse" else LEFT + RIGHT))
        source = np.where(case["objective"] == "simcse", copies, values).copy()
        hidden = torch.from_numpy(source.astype(np.float32).astype(np.float64)).requires_grad_()
        loss = loss_of(hidden, case)
        loss.backward()
        gradient = hidden.grad.numpy()
        assert np.abs(gradient[:, length:]).max(initial=0) == 0
        result["cases"][name] = {**case, "value": loss.item(), "gradient": [float(f"{x:.8g}") for x in gradient[:, :length].flatten()]}
        print(f"{name:22} loss {loss.item():.6f}")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "contrastive.json"), "w", encoding="utf-8") as file:
        lines = [f"  {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in result.items() if key != "cases"]
        cases = [f"    {json.dumps(name)}: {json.dumps(case, separators=(',', ':'))}" for name, case in result["cases"].items()]
        file.write("{\n" + ",\n".join(lines) + ',\n  "cases": {\n' + ",\n".join(cases) + "\n  }\n}\n")


if __name__ == "__main__":
    main()
