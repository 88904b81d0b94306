"""Writes optimizers.json: parameters after every step of PyTorch's AdamW and SGD, and of LAMB written from the paper.

Run with a Python that has torch (tested with 1.13): python3 make_optimizers.py
"""
import json
import pathlib

import torch

STEPS = 6
SHAPES = {"encoder.weight": (3, 5), "head.weight": (2, 3), "encoder.bias": (3,), "LayerNorm.weight": (5,)}
DECAYED = ["encoder.weight", "head.weight"]

torch.manual_seed(20190926)
torch.set_default_dtype(torch.float64)
initial = {name: torch.randn(shape) * 0.1 for name, shape in SHAPES.items()}
initial["LayerNorm.weight"] += 1
# Five decades of gradient size, so that epsilon matters for some elements and not for others.
gradients = [
    {name: torch.randn(shape) * 10.0 ** torch.randint(-5, 1, shape) for name, shape in SHAPES.items()} for _ in range(STEPS)
]
rates = [1e-2, 1e-2, 5e-3, 2e-3, 2e-3, 1e-3]


def rounded(tensors):
    return {name: [float(f"{value:.9g}") for value in tensor.reshape(-1).tolist()] for name, tensor in tensors.items()}


def torch_optimizer(make, decay, max_norm=None):
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in initial.items()}
    groups = [
        {"params": [parameters[name] for name in DECAYED], "weight_decay": decay},
        {"params": [parameters[name] for name in SHAPES if name not in DECAYED], "weight_decay": 0.0},
    ]
    optimizer = make(groups)
    trace = []
    for step in range(STEPS):
        for name, parameter in parameters.items():
            parameter.grad = gradients[step][name].clone()
        if max_norm is not None:
            torch.nn.utils.clip_grad_norm_(list(parameters.values()), max_norm)
        for group in optimizer.param_groups:
            group["lr"] = rates[step]
        optimizer.step()
        trace.append(rounded({name: parameter.detach() for name, parameter in parameters.items()}))
    return trace


def adam_family(decay, bias_correction, epsilon, lamb):
    """Adam as in ALBERT's released optimization.py, or LAMB (You et al. 2020, algorithm 2, with phi(z) = z)."""
    beta1, beta2 = 0.9, 0.999
    values = {name: value.clone() for name, value in initial.items()}
    first = {name: torch.zeros_like(value) for name, value in initial.items()}
    second = {name: torch.zeros_like(value) for name, value in initial.items()}
    trace = []
    for step in range(1, STEPS + 1):
        for name, value in values.items():
            gradient = gradients[step - 1][name]
            first[name] = beta1 * first[name] + (1 - beta1) * gradient
            second[name] = beta2 * second[name] + (1 - beta2) * gradient**2
            m, v = first[name], second[name]
            if bias_correction:
                m, v = m / (1 - beta1**step), v / (1 - beta2**step)
            update = m / (v.sqrt() + epsilon)
            ratio = 1.0
            if name in DECAYED:
                update = update + decay * value
                if lamb and value.norm() > 0 and update.norm() > 0:
                    ratio = (value.norm() / update.norm()).item()
            values[name] = value - rates[step - 1] * ratio * update
        trace.append(rounded(values))
    return trace


traces = {
    "adamw": torch_optimizer(lambda groups: torch.optim.AdamW(groups, lr=1), 0.01),
    "adamw clipped": torch_optimizer(lambda groups: torch.optim.AdamW(groups, lr=1, betas=(0.8, 0.95), eps=1e-6), 0.1, max_norm=0.5),
    "adamw without bias correction": adam_family(0.01, False, 1e-6, lamb=False),
    "lamb": adam_family(0.01, False, 1e-6, lamb=True),
    "lamb with bias correction": adam_family(0.1, True, 1e-6, lamb=True),
    "sgd": torch_optimizer(lambda groups: torch.optim.SGD(groups, lr=1), 0.0),
    "sgd with momentum": torch_optimizer(lambda groups: torch.optim.SGD(groups, lr=1, momentum=0.9), 0.05),
    "sgd with nesterov": torch_optimizer(lambda groups: torch.optim.SGD(groups, lr=1, momentum=0.9, nesterov=True), 0.05),
}
golden = {
    "shapes": SHAPES,
    "rates": rates,
    "initial": rounded(initial),
    "gradients": [rounded(step) for step in gradients],
    "norms": [float(torch.cat([g.reshape(-1) for g in step.values()]).norm()) for step in gradients],
    "traces": traces,
}
path = pathlib.Path(__file__).with_name("optimizers.json")
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
