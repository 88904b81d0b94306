"""Writes goldens/seams: what can be attached to the network for training, computed by Hugging Face's `AlbertModel` in float64.

Run from the repository root, with torch and transformers: python3 test/oracle/make_seam_goldens.py
The loss is the mean cross-entropy of two token classifiers, one on depth 1 and one on the last; every executed layer has a low-rank
update of its own on its query and its feed-forward layer (forward hooks, which count how often the shared module was called).
"""

import json
import os

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AlbertConfig, AlbertModel

import golden_io

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "seams")
CONFIG = {
    "model_type": "albert", "attention_probs_dropout_prob": 0, "bos_token_id": 2, "classifier_dropout_prob": 0, "embedding_size": 8, "eos_token_id": 3,
    "hidden_act": "gelu_new", "hidden_dropout_prob": 0, "hidden_size": 12, "initializer_range": 0.02, "inner_group_num": 1, "intermediate_size": 20,
    "layer_norm_eps": 1e-12, "max_position_embeddings": 10, "num_attention_heads": 3, "num_hidden_groups": 1, "num_hidden_layers": 3, "pad_token_id": 0,
    "type_vocab_size": 2, "vocab_size": 24,
}
LABELS, RANK = 3, 2
EXTENDED = {"attention.query": (12, 12), "ffn": (12, 20)}
# Causal from the start, with a prefix of four visible tokens, and wholly prefix; the second row ends in padding.
CAUSAL_FROM, LENGTHS, LENGTH = [0, 4, 9], [9, 7, 9], 9


def main():
    random = np.random.RandomState(7)
    model = AlbertModel(AlbertConfig(**CONFIG, attn_implementation="eager"), add_pooling_layer=False).double().eval()
    values = {}

    def draw(name, shape, scale=0.3):
        values[name] = (scale * random.standard_normal(shape)).astype(np.float32)
        return torch.tensor(values[name], dtype=torch.float64, requires_grad=True)

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(draw("albert." + name, tuple(parameter.shape)) + (1 if name.endswith("norm.weight") or name.endswith("LayerNorm.weight") else 0))
            values["albert." + name] = parameter.detach().numpy().astype(np.float32)
            parameter.copy_(torch.tensor(values["albert." + name]))
    ids = random.randint(4, CONFIG["vocab_size"], size=(3, LENGTH))
    keys = np.arange(LENGTH)[None, :] < np.array(LENGTHS)[:, None]
    query, key = np.arange(LENGTH)[:, None], np.arange(LENGTH)[None, :]
    sees = np.stack([keys[row][None, :] & (key < np.maximum(query + 1, CAUSAL_FROM[row])) for row in range(3)])
    labels = random.randint(0, LABELS, size=(3, LENGTH))
    shift = (0.2 * random.standard_normal((3, LENGTH, 8))).astype(np.float32)
    plain = model(input_ids=torch.tensor(ids), attention_mask=torch.where(torch.tensor(sees)[:, None], 0.0, -1e30).double()).last_hidden_state.detach()
    words = (model.embeddings.word_embeddings(torch.tensor(ids)).detach() + torch.tensor(shift)).requires_grad_(True)
    mask = torch.where(torch.tensor(sees)[:, None], 0.0, -1e30).double()
    own = {"early.weight": draw("early.weight", (LABELS, 12)), "late.weight": draw("late.weight", (LABELS, 12))}
    layer = model.encoder.albert_layer_groups[0].albert_layers[0]
    for name, (inputs, outputs) in EXTENDED.items():
        downs, ups = zip(*[(draw(f"extension.{depth}.{name}.down", (inputs, RANK)), draw(f"extension.{depth}.{name}.up", (RANK, outputs))) for depth in range(3)])
        own.update({f"extension.{depth}.{name}.down": downs[depth] for depth in range(3)})
        own.update({f"extension.{depth}.{name}.up": ups[depth] for depth in range(3)})
        attach(layer.get_submodule(name), downs, ups)
    result = model(inputs_embeds=words, attention_mask=mask, output_hidden_states=True)
    assert torch.equal(result.hidden_states[-1], result.last_hidden_state)
    logits = [result.hidden_states[1] @ own["early.weight"].T, result.last_hidden_state @ own["late.weight"].T]
    visible = torch.tensor(keys)
    loss = sum(F.cross_entropy(each[visible], torch.tensor(labels)[visible]) for each in logits)
    loss.backward()

    os.makedirs(OUT, exist_ok=True)
    gradients = {name: tensor.grad for name, tensor in own.items()}
    gradients.update({"albert." + name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None})
    gradients["embedded"] = words.grad
    golden_io.write_safetensors(os.path.join(OUT, "model.safetensors"), values)
    golden_io.write_safetensors(os.path.join(OUT, "gradients.safetensors"), {name: grad.numpy().astype(np.float32) for name, grad in gradients.items()})
    golden_io.write_safetensors(os.path.join(OUT, "outputs.safetensors"), {"hidden": result.last_hidden_state.detach().numpy().astype(np.float32), "plain": plain.numpy().astype(np.float32), "shift": shift})
    golden_io.write_json(os.path.join(OUT, "config.json"), CONFIG)
    with open(os.path.join(OUT, "inputs.json"), "w") as file:
        json.dump({"ids": ids.tolist(), "mask": keys.astype(int).tolist(), "labels": labels.tolist(), "causalFrom": CAUSAL_FROM, "loss": loss.item()}, file)
        file.write("\n")


def attach(module, downs, ups):
    """Adds the update of the depth that is being run: the module is called once a depth."""
    calls = [0]

    def hook(_module, inputs, output):
        depth = calls[0] % len(downs)
        calls[0] += 1
        return output + inputs[0] @ downs[depth] @ ups[depth]

    module.register_forward_hook(hook)


main()
