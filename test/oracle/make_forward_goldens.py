"""Writes goldens/forward/<case>: a Hugging Face style folder, the inputs, and every output of the PyTorch oracle.

Run from the repository root: /usr/bin/python3 test/oracle/make_forward_goldens.py
Outputs are computed in float64 from exactly the stored weights and rounded to float32 once.
"""

import copy
import os
import shutil

import numpy as np
import torch

import golden_io
from albert_torch import ACTIVATIONS, AlbertWithHeads, Config, set_realistic_weights

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "forward")
# The config values that a swap must not leave unnoticed: see `check_sensitivity`.
SENSITIVITY = 1e-3

# Keys that Hugging Face's files for the English checkpoints carry besides those that we need.
V2_EXTRAS = {"down_scale_factor": 1, "gap_size": 0, "net_structure_type": 0, "num_memory_blocks": 0}
# Keys of the Chinese checkpoints' files, left over from BERT.
CHINESE_EXTRAS = {"directionality": "bidi", "pooler_fc_size": 768, "pooler_num_attention_heads": 12, "pooler_num_fc_layers": 3,
                  "pooler_size_per_head": 128, "pooler_type": "first_token_transform"}

BASE = {
    "architectures": ["AlbertForMaskedLM"],
    "model_type": "albert",
    "attention_probs_dropout_prob": 0,
    "bos_token_id": 2,
    "classifier_dropout_prob": 0.1,
    "embedding_size": 16,
    "eos_token_id": 3,
    "hidden_act": "gelu_new",
    "hidden_dropout_prob": 0,
    "hidden_size": 32,
    "initializer_range": 0.02,
    "inner_group_num": 1,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 24,
    "num_attention_heads": 4,
    "num_hidden_groups": 1,
    "num_hidden_layers": 3,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 80,
}
TINY = {"num_hidden_layers": 2, "vocab_size": 48, "max_position_embeddings": 16}

# name: config changes, heads, batch shape and special inputs. `lengths` makes a ragged mask; `scattered` hides keys in the middle.
CASES = {
    "base-v2": {"config": V2_EXTRAS, "heads": ["mlm"], "shape": [2, 11]},
    "v1-dropout-keys": {
        "config": {"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, **V2_EXTRAS},
        "heads": ["mlm"], "shape": [2, 9], "legacy_keys": True,
    },
    "chinese-relu": {"config": {"hidden_act": "relu", **CHINESE_EXTRAS}, "heads": ["mlm"], "shape": [2, 10]},
    "groups": {"config": {"num_hidden_groups": 2, "inner_group_num": 2, "num_hidden_layers": 4}, "shape": [2, 8]},
    "groups-uneven": {"config": {**TINY, "num_hidden_groups": 2, "num_hidden_layers": 5}, "shape": [2, 6]},
    "relative-key": {"config": {"position_embedding_type": "relative_key", "num_hidden_layers": 3}, "shape": [3, 12], "lengths": [12, 7, 3]},
    "relative-key-query": {
        "config": {"position_embedding_type": "relative_key_query", "num_hidden_layers": 3, "hidden_act": "gelu"},
        "shape": [3, 12], "lengths": [5, 12, 8],
    },
    "pairs": {"config": {"hidden_act": "gelu_new"}, "shape": [3, 13], "lengths": [13, 10, 12], "pairs": True},
    "padding": {"config": {}, "shape": [5, 14], "lengths": [14, 1, 5, 9, 2]},
    "scattered-mask": {"config": TINY, "shape": [3, 9], "scattered": True},
    "nothing-visible": {"config": TINY, "shape": [3, 5], "lengths": [5, 0, 3]},
    "position-ids": {"config": TINY, "shape": [2, 8], "positions": True},
    "f16": {"config": {"torch_dtype": "float16"}, "shape": [2, 10], "lengths": [10, 6], "dtype": "f16", "heads": ["mlm"]},
    "bf16": {"config": {"torch_dtype": "bfloat16", **TINY}, "shape": [2, 7], "dtype": "bf16"},
    "pretraining": {"config": {"architectures": ["AlbertForPreTraining"]}, "heads": ["mlm", "sop"], "shape": [3, 12], "lengths": [12, 12, 9], "pairs": True},
    "sequence-classification": {
        "config": {**TINY, "architectures": ["AlbertForSequenceClassification"], "id2label": {"0": "negative", "1": "neutral", "2": "positive"},
                   "label2id": {"negative": 0, "neutral": 1, "positive": 2}},
        "heads": ["sequence"], "labels": 3, "shape": [3, 9], "lengths": [9, 6, 8],
    },
    "token-classification": {
        "config": {**TINY, "architectures": ["AlbertForTokenClassification"], "id2label": {str(i): f"LABEL_{i}" for i in range(5)},
                   "label2id": {f"LABEL_{i}": i for i in range(5)}},
        "heads": ["token"], "labels": 5, "shape": [2, 9], "lengths": [9, 6],
    },
    "question-answering": {"config": {**TINY, "architectures": ["AlbertForQuestionAnswering"]}, "heads": ["qa"], "shape": [2, 10], "lengths": [10, 8], "pairs": True},
    "xlarge-heads": {
        "config": {"hidden_size": 64, "num_attention_heads": 16, "num_hidden_layers": 12, "intermediate_size": 96, "vocab_size": 48, "max_position_embeddings": 16},
        "shape": [2, 6], "lengths": [6, 4], "attentions": False,
    },
    "one-head": {"config": {**TINY, "hidden_act": "relu", "num_attention_heads": 1, "embedding_size": 32}, "shape": [1, 1]},
    "layer-norm-eps": {"config": {**TINY, "layer_norm_eps": 0.01}, "shape": [2, 6], "heads": ["mlm"]},
    "silu": {"config": {**TINY, "hidden_act": "silu"}, "shape": [2, 6], "heads": ["mlm"]},
    "tanh": {"config": {**TINY, "hidden_act": "tanh"}, "shape": [2, 6], "heads": ["mlm"]},
    "sigmoid": {"config": {**TINY, "hidden_act": "sigmoid"}, "shape": [2, 6], "heads": ["mlm"]},
}


def make_inputs(case, config, random):
    """Token ids [batch, length] framed by [CLS] 2 and [SEP] 3, with padding 0, and the other inputs a case asks for."""
    batch, length = case["shape"]
    lengths = case.get("lengths", [length] * batch)
    ids = random.randint(5, config.vocab_size, size=(batch, length))
    ids[:, 0] = 2
    inputs = {}
    for row, visible in enumerate(lengths):
        if visible > 1:
            ids[row, visible - 1] = 3
        ids[row, visible:] = 0
    if case.get("pairs"):
        types = np.zeros_like(ids)
        for row, visible in enumerate(lengths):
            cut = visible // 2
            ids[row, cut] = 3
            types[row, cut + 1:visible] = 1
        inputs["tokenTypeIds"] = types
    if case.get("scattered"):
        mask = (random.rand(batch, length) < 0.6).astype(np.int64)
        mask[0, 0], mask[1, 0] = 1, 0
        inputs["attentionMask"] = mask
    elif "lengths" in case:
        inputs["attentionMask"] = (np.arange(length)[None, :] < np.array(lengths)[:, None]).astype(np.int64)
    if case.get("positions"):
        # Two texts packed into one row restart their positions; the second row is shifted.
        inputs["positionIds"] = np.array([[0, 1, 2, 3, 0, 1, 2, 3], [5, 6, 7, 8, 9, 10, 11, 12]])
    return {"inputIds": ids, **inputs}


def run(model, inputs):
    """All outputs by name; names are what goldens.ts reads."""
    as_tensor = lambda name, kind: torch.from_numpy(inputs[name]).to(kind) if name in inputs else None
    with torch.no_grad():
        output = model(as_tensor("inputIds", torch.long), as_tensor("attentionMask", torch.bool), as_tensor("tokenTypeIds", torch.long), as_tensor("positionIds", torch.long))
    named = {f"hiddenStates.{i}": x for i, x in enumerate(output["hidden_states"])}
    named.update({f"attentions.{i}": x for i, x in enumerate(output["attentions"])})
    named["pooled"] = output["pooled"]
    for key, name in {"mlm_logits": "mlmLogits", "sop_logits": "sopLogits", "classifier_logits": "classifierLogits", "token_logits": "tokenLogits", "qa_logits": "qaLogits"}.items():
        if key in output:
            named[name] = output[key]
    return {name: tensor.numpy() for name, tensor in named.items()}


def largest_change(before, after):
    return max(float(np.abs(before[name] - after[name]).max()) for name in before if name in after)


def check_sensitivity(name, model, inputs, outputs):
    """A golden is only worth something if the usual mistakes show in it: fails when one would stay below SENSITIVITY."""
    activation = model.config.hidden_act
    for other in ACTIVATIONS:
        if other == activation:
            continue
        changed = copy.deepcopy(model)
        for module in changed.modules():
            if hasattr(module, "activation"):
                module.activation = ACTIVATIONS[other]
        change = largest_change(outputs, run(changed, inputs))
        assert change > SENSITIVITY, f"{name}: {activation} -> {other} changes the outputs by only {change:.1e}"
    smallest = ("", np.inf)
    for parameter_name, parameter in model.named_parameters():
        # A key bias adds the same number to every score of a query, which softmax ignores; only relative_key_query sees it.
        if parameter_name.endswith("key.bias") and model.config.position_embedding_type != "relative_key_query":
            continue
        # Relative models keep HF's position table but never read it.
        if "position_embeddings" in parameter_name and model.config.position_embedding_type != "absolute":
            continue
        # With a single token attention is 1 whatever query and key say.
        if inputs["inputIds"].shape[1] == 1 and (".query." in parameter_name or ".key." in parameter_name):
            continue
        changed = copy.deepcopy(model)
        with torch.no_grad():
            target = dict(changed.named_parameters())[parameter_name]
            target.fill_(1.0 if parameter_name.lower().endswith("norm.weight") else 0.0)
        change = largest_change(outputs, run(changed, inputs))
        smallest = min(smallest, (parameter_name, change), key=lambda item: item[1])
        assert change > SENSITIVITY, f"{name}: dropping {parameter_name} changes the outputs by only {change:.1e}"
    return smallest


def store_weights(case, model):
    """Rounds the model's weights to the case's dtype in place and returns the tensors to store."""
    state = golden_io.float32_state(model)
    stored = dict(state)
    if case.get("dtype") == "f16":
        stored = {name: values.astype(np.float16) for name, values in state.items()}
        state = {name: values.astype(np.float32) for name, values in stored.items()}
    elif case.get("dtype") == "bf16":
        stored = {name: golden_io.to_bfloat16(values) for name, values in state.items()}
        state = {name: golden_io.from_bfloat16(tensor).reshape(tensor.bits.shape) for name, tensor in stored.items()}
    model.load_state_dict({name: torch.from_numpy(values.astype(np.float64)) for name, values in state.items()})
    if case.get("legacy_keys"):
        # Older transformers stored the position buffer and the tied decoder as tensors of their own.
        stored["albert.embeddings.position_ids"] = np.arange(model.config.max_position_embeddings, dtype=np.int64)[None, :]
        stored["predictions.decoder.weight"] = stored["albert.embeddings.word_embeddings.weight"]
        stored["predictions.decoder.bias"] = stored["predictions.bias"]
    return stored


def main():
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for index, (name, case) in enumerate(CASES.items()):
        values = {**BASE, **case["config"]}
        config = Config(values)
        model = AlbertWithHeads(config, case.get("heads", []), case.get("labels", 2)).double()
        set_realistic_weights(model, seed=100 + index)
        stored = store_weights(case, model)
        inputs = make_inputs(case, config, np.random.RandomState(500 + index))
        outputs = run(model, inputs)
        smallest = check_sensitivity(name, model, inputs, outputs)
        drift = largest_change(outputs, run(copy.deepcopy(model).float(), inputs))
        folder = os.path.join(FOLDER, name)
        golden_io.write_model_folder(folder, values, stored)
        kept = {key: array.astype(np.float32) for key, array in outputs.items() if case.get("attentions", True) or not key.startswith("attentions")}
        golden_io.write_safetensors(os.path.join(folder, "outputs.safetensors"), kept)
        golden_io.write_json(os.path.join(folder, "inputs.json"), {key: array.tolist() for key, array in inputs.items()})
        print(f"{name:26} float32 drift {drift:.1e}; least visible parameter {smallest[0]} {smallest[1]:.1e}")


if __name__ == "__main__":
    main()
