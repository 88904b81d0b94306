"""Writes goldens/options: loss and gradients of `AlbertForMultipleChoice` in float64, for two questions with three options each.

Run from the repository root, with torch and transformers: python3 test/oracle/make_options_golden.py
"""

import json
import os

import numpy as np
import torch
from transformers import AlbertConfig, AlbertForMultipleChoice

import golden_io

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "options")
CONFIG = {
    "model_type": "albert", "attention_probs_dropout_prob": 0, "bos_token_id": 2, "classifier_dropout_prob": 0, "embedding_size": 8, "eos_token_id": 3,
    "hidden_act": "gelu_new", "hidden_dropout_prob": 0, "hidden_size": 12, "initializer_range": 0.02, "inner_group_num": 1, "intermediate_size": 20,
    "layer_norm_eps": 1e-12, "max_position_embeddings": 10, "num_attention_heads": 3, "num_hidden_groups": 1, "num_hidden_layers": 2, "pad_token_id": 0,
    "type_vocab_size": 2, "vocab_size": 24,
}


def main():
    random = np.random.RandomState(11)
    model = AlbertForMultipleChoice(AlbertConfig(**CONFIG)).double().eval()
    values = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            around = 1 if name.endswith("norm.weight") or name.endswith("LayerNorm.weight") else 0
            values[name] = (around + 0.3 * random.standard_normal(tuple(parameter.shape))).astype(np.float32)
            parameter.copy_(torch.tensor(values[name]))
    lengths = np.array([[8, 6, 5], [7, 8, 4]])
    mask = (np.arange(8) < lengths[..., None]).astype(np.int64)
    ids = random.randint(4, CONFIG["vocab_size"], size=mask.shape) * mask
    labels = np.array([2, 0])
    result = model(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask), labels=torch.tensor(labels))
    result.loss.backward()

    os.makedirs(OUT, exist_ok=True)
    golden_io.write_safetensors(os.path.join(OUT, "model.safetensors"), values)
    golden_io.write_safetensors(os.path.join(OUT, "gradients.safetensors"), {name: parameter.grad.numpy().astype(np.float32) for name, parameter in model.named_parameters()})
    golden_io.write_json(os.path.join(OUT, "config.json"), CONFIG)
    with open(os.path.join(OUT, "inputs.json"), "w") as file:
        json.dump({"ids": ids.tolist(), "mask": mask.tolist(), "labels": labels.tolist(), "loss": result.loss.item(), "logits": result.logits.tolist()}, file)
        file.write("\n")


main()
