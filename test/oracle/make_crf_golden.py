"""Writes goldens/crf.json: a linear-chain CRF in float64: log-likelihoods, gradients by PyTorch's autograd, best paths and marginals.

The forward algorithm is written here from its definition, and everything is checked by listing all paths. Run from the repository root, with torch and numpy:
    python3 test/oracle/make_crf_golden.py
"""

import itertools
import json
import os

import numpy as np
import torch

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "crf.json")
TAGS = ["O", "B-A", "I-A", "B-B", "I-B"]
LENGTHS = [5, 1, 4, 6]
# The third chain was cut out of the middle of a longer one, the last one has its end only.
BEGINS = [1, 1, 0, 0]
ENDS = [1, 1, 0, 1]
WEIGHTS = [0.25, 0.125, 0.5, 0.0625]


def may_follow(before, tag):
    """Whether a valid sequence has `tag` behind `before` (None: at its beginning)."""
    return not TAGS[tag].startswith("I-") or (before is not None and TAGS[before][1:] == TAGS[tag][1:])


def path_score(path, emissions, transitions, start, end):
    total = start[path[0]] + end[path[-1]] + sum(emissions[place, tag] for place, tag in enumerate(path))
    return total + sum(transitions[before, tag] for before, tag in zip(path, path[1:]))


def log_partition(emissions, transitions, start, end):
    """The forward algorithm in log space."""
    scores = start + emissions[0]
    for own in emissions[1:]:
        scores = torch.logsumexp(scores[:, None] + transitions, 0) + own
    return torch.logsumexp(scores + end, 0)


def by_listing(emissions, transitions, start, end, allowed):
    """Log-partition, best path and marginals from all allowed paths."""
    paths = [path for path in itertools.product(range(len(TAGS)), repeat=len(emissions)) if not allowed or all(may_follow(path[i - 1] if i else None, tag) for i, tag in enumerate(path))]
    scores = torch.stack([path_score(path, emissions, transitions, start, end) for path in paths])
    shares = torch.softmax(scores, 0)
    marginals = torch.zeros_like(emissions)
    for path, share in zip(paths, shares):
        for place, tag in enumerate(path):
            marginals[place, tag] += share
    return torch.logsumexp(scores, 0), list(paths[int(scores.argmax())]), marginals


def main():
    torch.set_num_threads(1)
    random = np.random.RandomState(5)
    draw = lambda *shape: torch.tensor((0.9 * random.standard_normal(shape)).astype(np.float32)).double()
    transitions, start, end = draw(len(TAGS), len(TAGS)), draw(len(TAGS)), draw(len(TAGS))
    emissions = [draw(length, len(TAGS)) for length in LENGTHS]
    labels = [random.randint(len(TAGS), size=length).tolist() for length in LENGTHS]
    learned = [transitions, start, end, *emissions]
    for tensor in learned:
        tensor.requires_grad_()

    loss, chains = 0, []
    for own, right, begins, ends, weight in zip(emissions, labels, BEGINS, ENDS, WEIGHTS):
        edges = (begins * start, ends * end)
        likelihood = path_score(right, own, transitions, *edges) - log_partition(own, transitions, *edges)
        loss = loss - weight * likelihood
        with torch.no_grad():
            partition, path, marginals = by_listing(own, transitions, *edges, False)
            _, valid_path, valid_marginals = by_listing(own, transitions, *edges, True)
        assert abs(partition - log_partition(own, transitions, *edges)) < 1e-12
        chains.append({
            "emissions": own.tolist(), "labels": right, "begins": begins, "ends": ends, "weight": weight, "logLikelihood": likelihood.item(),
            "path": path, "marginals": marginals.tolist(), "validPath": valid_path, "validMarginals": valid_marginals.tolist(),
        })
    loss.backward()
    for chain, own in zip(chains, emissions):
        chain["gradient"] = own.grad.tolist()
        # The gradient of a log-partition is the marginals: two ways to the same numbers.
        expected = torch.tensor(chain["marginals"], dtype=torch.float64) - torch.nn.functional.one_hot(torch.tensor(chain["labels"]), len(TAGS))
        assert (own.grad / chain["weight"] - expected).abs().max() < 1e-12
    golden = {
        "tags": TAGS, "transitions": transitions.tolist(), "start": start.tolist(), "end": end.tolist(), "chains": chains, "loss": loss.item(),
        "gradients": {"transitions": transitions.grad.tolist(), "start": start.grad.tolist(), "end": end.grad.tolist()},
    }
    with open(OUT, "w", encoding="utf-8") as file:
        file.write(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
