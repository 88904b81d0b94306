"""Writes goldens/adapters: a network with adapters (LoRA, bottleneck, prefix, BitFit, (IA)3), with weights shared by all depths or of every
depth, computed by Hugging Face's `AlbertModel` in float64: last hidden states, and gradients of the adapter's weights.

Run from the repository root, with torch and transformers: python3 test/oracle/make_adapter_goldens.py
The base and the inputs are those of goldens/seams, without causal masks; the loss is the mean cross-entropy of a token classifier.
"""

import json
import os

import numpy as np
import torch
from safetensors.numpy import load_file
from torch.nn import functional as F
from transformers import AlbertConfig, AlbertModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

import golden_io

HERE = os.path.dirname(os.path.abspath(__file__))
SEAMS, OUT = os.path.join(HERE, "goldens", "seams"), os.path.join(HERE, "goldens", "adapters")
HIDDEN, INNER, DEPTHS, HEADS = 12, 20, 3, 3
DENSE = {"attention.query": (HIDDEN, HIDDEN), "attention.key": (HIDDEN, HIDDEN), "attention.value": (HIDDEN, HIDDEN), "attention.dense": (HIDDEN, HIDDEN), "ffn": (HIDDEN, INNER), "ffn_output": (INNER, HIDDEN)}
NORMS = ["attention.LayerNorm", "full_layer_layer_norm"]
RANK, ALPHA, SIZE, LENGTH, MADE = 2, 3, 4, 2, 5
CASES = [(method, scope) for method in ["lora", "adapter", "prefix", "bitfit", "ia3"] for scope in ["shared", "depth"]]


def main():
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(SEAMS, "config.json")) as file:
        config = json.load(file)
    with open(os.path.join(SEAMS, "inputs.json")) as file:
        inputs = json.load(file)
    for index, (method, scope) in enumerate(CASES):
        run(method, scope, config, inputs, np.random.RandomState(11 + index))


def run(method, scope, config, inputs, random):
    state = {"depth": -1}
    model = AlbertModel(AlbertConfig(**config, attn_implementation="eager"), add_pooling_layer=False).double().eval()
    weights = load_file(os.path.join(SEAMS, "model.safetensors"))
    model.load_state_dict({name[len("albert."):]: torch.tensor(value).double() for name, value in weights.items() if name.startswith("albert.") and ".pooler." not in name})
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    own, values = {}, {}

    def parameter(name, shape, center=0.0, always_shared=False):
        """The tensors of all depths, one for all where they share it."""
        owners = ["shared"] if scope == "shared" or always_shared else list(range(DEPTHS))
        made = []
        for owner in owners:
            full = f"extension.{owner}.{name}"
            values[full] = (center + 0.3 * random.standard_normal(shape)).astype(np.float32)
            own[full] = torch.tensor(values[full], dtype=torch.float64, requires_grad=True)
            made.append(own[full])
        return lambda: made[state["depth"] if len(made) > 1 else 0]

    layer = model.encoder.albert_layer_groups[0].albert_layers[0]

    def entered(_module, _inputs):
        state["depth"] = (state["depth"] + 1) % DEPTHS

    layer.register_forward_pre_hook(entered)
    if method == "lora":
        for name in ["attention.query", "attention.value", "ffn_output"]:
            a, b = parameter(f"{name}.lora_A", (RANK, DENSE[name][0])), parameter(f"{name}.lora_B", (DENSE[name][1], RANK))
            layer.get_submodule(name).register_forward_hook(lambda _m, x, y, a=a, b=b: y + ALPHA / RANK * (x[0] @ a().T) @ b().T)
    elif method == "adapter":
        for name in ["attention.dense", "ffn_output"]:
            parts = [parameter(f"{name}.down.weight", (SIZE, HIDDEN)), parameter(f"{name}.down.bias", (SIZE,)), parameter(f"{name}.up.weight", (HIDDEN, SIZE)), parameter(f"{name}.up.bias", (HIDDEN,))]
            layer.get_submodule(name).register_forward_hook(lambda _m, _x, y, p=parts: y + F.linear(torch.relu(F.linear(y, p[0](), p[1]())), p[2](), p[3]()))
    elif method == "bitfit":
        for name in list(DENSE) + NORMS:
            delta = parameter(f"{name}.bias_delta", (DENSE.get(name, (0, HIDDEN))[1],))
            layer.get_submodule(name).register_forward_hook(lambda _m, _x, y, delta=delta: y + delta())
    elif method == "ia3":
        for name in ["attention.key", "attention.value"]:
            factor = parameter(f"{name}.ia3_l", (HIDDEN,), 1.0)
            layer.get_submodule(name).register_forward_hook(lambda _m, _x, y, factor=factor: y * factor())
        factor = parameter("ffn_output.ia3_l", (INNER,), 1.0)
        layer.ffn_output.register_forward_pre_hook(lambda _m, x, factor=factor: (x[0] * factor(),))
    else:
        vectors, inner, inner_bias = parameter("prefix.vectors", (LENGTH, HIDDEN), always_shared=True), parameter("prefix.inner.weight", (MADE, HIDDEN), always_shared=True), parameter("prefix.inner.bias", (MADE,), always_shared=True)
        sides = {side: (parameter(f"prefix.{side}.weight", (HIDDEN, MADE)), parameter(f"prefix.{side}.bias", (HIDDEN,))) for side in ["key", "value"]}

        def made(side, batch):
            weight, bias = sides[side]
            rows = F.linear(torch.tanh(F.linear(vectors(), inner(), inner_bias())), weight(), bias())
            return rows.view(LENGTH, HEADS, HIDDEN // HEADS).transpose(0, 1).expand(batch, -1, -1, -1)

        def attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_):
            key, value = torch.cat([made("key", len(key)), key], 2), torch.cat([made("value", len(value)), value], 2)
            scores = query @ key.transpose(2, 3) / (HIDDEN // HEADS) ** 0.5 + F.pad(attention_mask, (LENGTH, 0))
            probabilities = torch.softmax(scores, -1)
            return (probabilities @ value).transpose(1, 2).contiguous(), probabilities

        ALL_ATTENTION_FUNCTIONS.register("prefixed", attention)
        model.config._attn_implementation = "prefixed"
    values["late.weight"] = weights["late.weight"]
    late = torch.tensor(weights["late.weight"], dtype=torch.float64)
    mask = torch.tensor(inputs["mask"]).bool()
    bias = torch.where(mask[:, None, None, :], 0.0, -1e30).double().expand(-1, 1, mask.shape[1], -1)
    hidden = model(input_ids=torch.tensor(inputs["ids"]), attention_mask=bias).last_hidden_state
    loss = F.cross_entropy((hidden @ late.T)[mask], torch.tensor(inputs["labels"])[mask])
    loss.backward()
    tensors = dict(values, hidden=hidden.detach().numpy().astype(np.float32), loss=np.array([loss.item()], np.float32))
    tensors.update({"gradient." + name: tensor.grad.numpy().astype(np.float32) for name, tensor in own.items()})
    golden_io.write_safetensors(os.path.join(OUT, f"{method}-{scope}.safetensors"), tensors)


main()
