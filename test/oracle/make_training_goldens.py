"""Writes goldens/training/<case>: loss curves, gradient norms and final weights of short runs, for curve parity.

Run from the repository root: /usr/bin/python3 test/oracle/make_training_goldens.py

Runs are float64 from exactly the stored float32 weights; dropout is off and the batches are stored in order. One step:

1. loss (mean over labelled items; MLM + SOP are added) and gradients;
2. gradNorm = global L2 norm of all gradients; if it exceeds 1.0 every gradient is multiplied by 1.0 / gradNorm
   (TensorFlow's clip_by_global_norm; torch's clip_grad_norm_ adds 1e-6 to the norm, a relative difference of 1e-6 at most);
3. learning rate for step t = 0, 1, ...: peak * t / warmup while t < warmup, then peak * (steps - t) / (steps - warmup),
   as get_linear_schedule_with_warmup of transformers (so the first step has rate 0); the rates are stored;
4. the update.

AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101): torch.optim.AdamW, betas 0.9 / 0.999, eps 1e-6, decay 0.01, bias-corrected.

LAMB (You et al. 2020, arXiv 1904.00962) as in google-research/albert's lamb_optimizer.py, with which the published ALBERTs were
trained: m = .9 m + .1 g; v = .999 v + .001 g^2; NO bias correction; update = m / (sqrt(v) + 1e-6) + 0.01 w;
ratio = |w| / |update| (1 if either is 0; no clamp); w -= rate * ratio * update. Biases and layer norms have neither decay nor
ratio. The paper's algorithm 2 has the bias correction; the case "lamb-bias-corrected" covers that variant.

No decay (and no ratio) for parameters whose name contains "LayerNorm", "layer_norm" or "bias".
"""

import math
import os
import shutil

import numpy as np
import torch
from torch.nn import functional as F

import golden_io
from albert_torch import AlbertWithHeads, Config

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "training")
EXCLUDED = ("LayerNorm", "layer_norm", "bias")
CLIP = 1.0
BETAS = (0.9, 0.999)
EPSILON = 1e-6
DECAY = 0.01
BATCH, LENGTH = 8, 14
IGNORE = -100

CONFIG = {
    "model_type": "albert", "attention_probs_dropout_prob": 0, "bos_token_id": 2, "classifier_dropout_prob": 0, "embedding_size": 16,
    "eos_token_id": 3, "hidden_act": "gelu_new", "hidden_dropout_prob": 0, "hidden_size": 32, "initializer_range": 0.02, "inner_group_num": 1,
    "intermediate_size": 64, "layer_norm_eps": 1e-12, "max_position_embeddings": 16, "num_attention_heads": 4, "num_hidden_groups": 1,
    "num_hidden_layers": 3, "pad_token_id": 0, "type_vocab_size": 2, "vocab_size": 120,
}

CASES = {
    "adamw-classification": {"task": "classification", "optimizer": "adamw", "rate": 4e-3, "steps": 50, "warmup": 5, "seed": 1},
    "lamb-classification": {"task": "classification", "optimizer": "lamb", "rate": 5e-3, "steps": 50, "warmup": 5, "seed": 1},
    "lamb-bias-corrected": {"task": "classification", "optimizer": "lamb", "bias_correction": True, "rate": 1e-2, "steps": 50, "warmup": 5, "seed": 1},
    "lamb-pretraining": {"task": "pretraining", "optimizer": "lamb", "rate": 1e-2, "steps": 30, "warmup": 3, "seed": 2},
}


def set_initial_weights(model, seed):
    """Between a fresh initialisation and a trained checkpoint, so that 50 steps move the loss without being chaotic."""
    random = np.random.RandomState(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            if "norm.weight" in name.lower():
                values = 1.0 + 0.1 * random.randn(*shape)
            elif name.endswith("bias"):
                values = 0.05 * random.randn(*shape)
            elif "embeddings" in name:
                values = 0.2 * random.randn(*shape)
            else:
                values = 0.7 / math.sqrt(shape[1]) * random.randn(*shape)
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))


def make_batches(case):
    """Arrays with a leading step axis. Half of a text's tokens come from its label's band of the vocabulary, so it can be learned."""
    random = np.random.RandomState(case["seed"])
    steps, vocabulary = case["steps"], CONFIG["vocab_size"]
    shape = (steps, BATCH, LENGTH)
    lengths = random.randint(LENGTH // 2, LENGTH + 1, size=(steps, BATCH, 1))
    places = np.arange(LENGTH)[None, None, :]
    visible = places < lengths
    ids = random.randint(5, vocabulary, size=shape)
    if case["task"] == "classification":
        labels = random.randint(0, 3, size=(steps, BATCH))
        band = 5 + 10 * labels[..., None] + random.randint(0, 10, size=shape)
        ids = np.where(random.rand(*shape) < 1 / 2, band, ids)
        targets = {"labels": labels}
        types = np.zeros(shape)
    else:
        # Every token is followed by its neighbour in the vocabulary, and the second segment by a fixed offset when in order.
        ids = 5 + (random.randint(0, vocabulary - 5, size=(steps, BATCH, 1)) + places) % (vocabulary - 5)
        swapped = random.randint(0, 2, size=(steps, BATCH))
        types = (visible & (places >= lengths // 2)).astype(np.int64)
        ids = np.where((types == 1) ^ (swapped[..., None] == 1), ids, 5 + (ids + 40) % (vocabulary - 5))
        targets = {"sopLabels": swapped}
    ids[..., 0] = 2
    ids = np.where(places == lengths - 1, 3, ids)
    ids = np.where(visible, ids, 0)
    if case["task"] == "pretraining":
        chosen = visible & (ids > 4) & (random.rand(*shape) < 0.2)
        targets["mlmLabels"] = np.where(chosen, ids, IGNORE)
        ids = np.where(chosen, 4, ids)
    arrays = {"inputIds": ids, "attentionMask": visible, "tokenTypeIds": types, **targets}
    return {name: np.ascontiguousarray(array, dtype=np.int32) for name, array in arrays.items()}


def compute_loss(model, batches, step):
    batch = {name: torch.from_numpy(array[step].astype(np.int64)) for name, array in batches.items()}
    output = model(batch["inputIds"], batch["attentionMask"].bool(), batch["tokenTypeIds"])
    if "labels" in batch:
        return F.cross_entropy(output["classifier_logits"], batch["labels"])
    mlm = F.cross_entropy(output["mlm_logits"].flatten(0, 1), batch["mlmLabels"].flatten(), ignore_index=IGNORE)
    return mlm + F.cross_entropy(output["sop_logits"], batch["sopLabels"])


def learning_rate(case, step):
    if step < case["warmup"]:
        return case["rate"] * step / case["warmup"]
    return case["rate"] * (case["steps"] - step) / (case["steps"] - case["warmup"])


def is_excluded(name):
    return any(part in name for part in EXCLUDED)


class Lamb:
    """See the module's docstring."""

    def __init__(self, named_parameters, bias_correction):
        self.parameters = [(name, parameter, torch.zeros_like(parameter), torch.zeros_like(parameter)) for name, parameter in named_parameters]
        self.bias_correction = bias_correction
        self.steps = 0

    @torch.no_grad()
    def step(self, rate):
        self.steps += 1
        for name, parameter, m, v in self.parameters:
            gradient = parameter.grad
            m.mul_(BETAS[0]).add_((1 - BETAS[0]) * gradient)
            v.mul_(BETAS[1]).add_((1 - BETAS[1]) * gradient * gradient)
            first, second = m, v
            if self.bias_correction:
                first, second = m / (1 - BETAS[0] ** self.steps), v / (1 - BETAS[1] ** self.steps)
            update = first / (second.sqrt() + EPSILON)
            ratio = 1.0
            if not is_excluded(name):
                update = update + DECAY * parameter
                weight_norm, update_norm = parameter.norm().item(), update.norm().item()
                ratio = weight_norm / update_norm if weight_norm > 0 and update_norm > 0 else 1.0
            parameter.sub_(rate * ratio * update)


class AdamW:
    """torch.optim.AdamW with decay on everything but biases and layer norms."""

    def __init__(self, named_parameters):
        named = list(named_parameters)
        groups = [{"params": [p for name, p in named if is_excluded(name) == excluded], "weight_decay": 0.0 if excluded else DECAY} for excluded in (False, True)]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON)

    def step(self, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()


def train(case, batches, dtype):
    """Returns the initial state, the curve, and the final state."""
    heads = ["sequence"] if case["task"] == "classification" else ["mlm", "sop"]
    model = AlbertWithHeads(Config(CONFIG), heads, 3)
    set_initial_weights(model, 50 + case["seed"])
    initial = golden_io.float32_state(model)
    model = model.to(dtype)
    named = list(model.named_parameters())
    optimizer = AdamW(named) if case["optimizer"] == "adamw" else Lamb(named, case.get("bias_correction", False))
    curve = {"losses": [], "gradNorms": [], "learningRates": []}
    for step in range(case["steps"]):
        model.zero_grad()
        loss = compute_loss(model, batches, step)
        loss.backward()
        norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for _, p in named))
        if norm > CLIP:
            for _, parameter in named:
                parameter.grad.mul_(CLIP / norm)
        rate = learning_rate(case, step)
        optimizer.step(rate)
        curve["losses"].append(loss.item())
        curve["gradNorms"].append(norm)
        curve["learningRates"].append(rate)
    return initial, curve, {name: tensor.detach().double().numpy() for name, tensor in model.state_dict().items()}


def main():
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    for name, case in CASES.items():
        batches = make_batches(case)
        initial, curve, final = train(case, batches, torch.float64)
        # The same run in float32 tells how much of a difference is rounding; a parity tolerance must lie well above it.
        _, single, single_final = train(case, batches, torch.float32)
        drift = max(abs(a - b) / abs(a) for a, b in zip(curve["losses"], single["losses"]))
        weight_drift = {key: float(np.abs(final[key] - single_final[key]).max()) for key in final}
        worst = max(weight_drift, key=weight_drift.get)
        assert drift < 2e-5, f"{name}: the run is too chaotic for a parity test, float32 differs by {drift:.1e}"
        clipped = sum(norm > CLIP for norm in curve["gradNorms"])
        assert 0 < clipped < case["steps"], f"{name}: clipping must act in some steps and not in others, not in {clipped}"

        folder = os.path.join(ROOT, name)
        golden_io.write_model_folder(folder, CONFIG, initial)
        golden_io.write_safetensors(os.path.join(folder, "batches.safetensors"), batches)
        golden_io.write_safetensors(os.path.join(folder, "final.safetensors"), {key: values.astype(np.float32) for key, values in final.items()})
        golden_io.write_json(os.path.join(folder, "curve.json"), {
            "task": case["task"], "optimizer": case["optimizer"], "biasCorrection": case["optimizer"] == "adamw" or case.get("bias_correction", False),
            "learningRate": case["rate"], "warmupSteps": case["warmup"], "steps": case["steps"], "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON,
            "weightDecay": DECAY, "maxGradNorm": CLIP, "noDecay": list(EXCLUDED), **curve,
        })
        parameters = sum(values.size for values in final.values())
        print(f"{name:22} {parameters} parameters; loss {np.mean(curve['losses'][:5]):.3f} -> {np.mean(curve['losses'][-5:]):.3f}; clipped {clipped} of {case['steps']}; "
              f"float32 drift: loss {drift:.1e} relative, weights {weight_drift[worst]:.1e} ({worst})")


if __name__ == "__main__":
    main()
