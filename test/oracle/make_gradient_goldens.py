"""Writes goldens/gradients/<case>: losses and their gradients with respect to every parameter, and goldens/losses.json.

Run from the repository root: /usr/bin/python3 test/oracle/make_gradient_goldens.py
Everything is computed by autograd in float64 from exactly the stored weights and dropout factors, and rounded to float32 once.
"""

import os
import shutil

import numpy as np
import torch
from torch.nn import functional as F

import golden_io
from albert_torch import AlbertWithHeads, Config, random_dropout, set_realistic_weights

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens")
IGNORE = -100
SMALL = {
    "model_type": "albert", "attention_probs_dropout_prob": 0.1, "bos_token_id": 2, "classifier_dropout_prob": 0.1, "embedding_size": 12,
    "eos_token_id": 3, "hidden_act": "gelu_new", "hidden_dropout_prob": 0.1, "hidden_size": 24, "initializer_range": 0.02, "inner_group_num": 1,
    "intermediate_size": 48, "layer_norm_eps": 1e-12, "max_position_embeddings": 16, "num_attention_heads": 3, "num_hidden_groups": 1,
    "num_hidden_layers": 3, "pad_token_id": 0, "type_vocab_size": 2, "vocab_size": 60,
}
PROBABILITIES = {"hidden": 0.1, "attention": 0.2, "classifier": 0.3}

# `drop` names the sites with dropout; "huggingface" is every site but the feed-forward output.
CASES = {
    "classification": {"heads": ["sequence"], "labels": 3, "lengths": [10, 7, 10, 4], "drop": "all"},
    "classification-no-dropout": {"heads": ["sequence"], "labels": 2, "lengths": [9, 9, 6], "config": {"hidden_act": "gelu"}},
    "pretraining": {"heads": ["mlm", "sop"], "lengths": [12, 12, 9], "drop": "all", "config": {"num_hidden_groups": 2, "inner_group_num": 2, "num_hidden_layers": 4}},
    "relative-key-query": {
        "heads": ["sequence"], "labels": 2, "lengths": [8, 5, 8], "drop": "huggingface",
        "config": {"position_embedding_type": "relative_key_query", "hidden_act": "gelu", "num_hidden_layers": 2},
    },
    # The second row has no visible token at all, and still carries labels: gradients stay finite.
    "relative-key-tokens": {
        "heads": ["token"], "labels": 4, "lengths": [8, 0, 5],
        "config": {"position_embedding_type": "relative_key", "hidden_act": "silu", "num_hidden_layers": 2},
    },
    "question-answering-relu": {"heads": ["qa"], "lengths": [10, 8], "drop": "huggingface", "config": {"hidden_act": "relu", "num_hidden_layers": 2}},
}


def make_inputs(case, config, random):
    """Integer inputs and labels; masked-LM labels hold the original id at about a quarter of the visible positions."""
    lengths = case["lengths"]
    batch, length = len(lengths), max(lengths)
    visible = np.arange(length)[None, :] < np.array(lengths)[:, None]
    ids = np.where(visible, random.randint(5, config.vocab_size, size=(batch, length)), 0)
    ids[visible[:, 0], 0] = 2
    types = (visible & (np.arange(length)[None, :] >= np.array(lengths)[:, None] // 2)).astype(np.int64)
    inputs = {"inputIds": ids, "attentionMask": visible.astype(np.int64), "tokenTypeIds": types}
    heads = case["heads"]
    if "sequence" in heads:
        inputs["labels"] = random.randint(0, case["labels"], size=batch)
    if "mlm" in heads:
        chosen = visible & (random.rand(batch, length) < 0.25)
        chosen[:, 1] = True
        inputs["mlmLabels"] = np.where(chosen, ids, IGNORE)
        inputs["inputIds"] = np.where(chosen, 4, ids)  # 4 is [MASK]
    if "sop" in heads:
        inputs["sopLabels"] = random.randint(0, 2, size=batch)
    if "token" in heads:
        inputs["tokenLabels"] = np.where(random.rand(batch, length) < 0.7, random.randint(0, case["labels"], size=(batch, length)), IGNORE)
    if "qa" in heads:
        inputs["startPositions"] = np.array([1 + random.randint(0, n // 2) for n in lengths])
        inputs["endPositions"] = np.array([n // 2 + random.randint(0, n // 2) for n in lengths])
    return inputs


def compute_losses(output, inputs):
    """Each loss is a mean over its labelled items, as in Hugging Face's heads; the total is their sum (QA: mean of start and end)."""
    labels = {name: torch.from_numpy(array) for name, array in inputs.items()}
    losses = {}
    if "classifier_logits" in output:
        losses["classification"] = F.cross_entropy(output["classifier_logits"], labels["labels"])
    if "mlm_logits" in output:
        losses["mlm"] = F.cross_entropy(output["mlm_logits"].flatten(0, 1), labels["mlmLabels"].flatten(), ignore_index=IGNORE)
    if "sop_logits" in output:
        losses["sop"] = F.cross_entropy(output["sop_logits"], labels["sopLabels"])
    if "token_logits" in output:
        losses["token"] = F.cross_entropy(output["token_logits"].flatten(0, 1), labels["tokenLabels"].flatten(), ignore_index=IGNORE)
    if "qa_logits" in output:
        start, end = output["qa_logits"].unbind(-1)
        losses["qa"] = (F.cross_entropy(start, labels["startPositions"]) + F.cross_entropy(end, labels["endPositions"])) / 2
    return sum(losses.values()), losses


def dropout_tensors(dropout):
    """Dropout factors by the names that goldens.ts reads."""
    tensors = {site: dropout[site] for site in ("embeddings", "classifier", "sop") if site in dropout}
    names = {"attention_probs": "attentionProbs", "attention_output": "attentionOutput", "ffn_output": "ffnOutput"}
    for index, layer in enumerate(dropout.get("layers", [])):
        tensors.update({f"layers.{index}.{names[site]}": factors for site, factors in layer.items()})
    return {name: factors.numpy().astype(np.float32) for name, factors in tensors.items()}


def choose_dropout(case, config, batch, length, seed):
    if "drop" not in case:
        return {}
    dropout = random_dropout(config, batch, length, PROBABILITIES, seed)
    if case["drop"] == "huggingface":
        for layer in dropout["layers"]:
            del layer["ffn_output"]
    if "sequence" not in case["heads"]:
        del dropout["classifier"]
    if "sop" not in case["heads"]:
        del dropout["sop"]
    return dropout


def run_case(name, case, index):
    values = {**SMALL, **case.get("config", {})}
    config = Config(values)
    model = set_realistic_weights(AlbertWithHeads(config, case["heads"], case.get("labels", 2)).double(), seed=1000 + index)
    inputs = make_inputs(case, config, np.random.RandomState(2000 + index))
    batch, length = inputs["inputIds"].shape
    dropout = choose_dropout(case, config, batch, length, 3000 + index)
    output = model(torch.from_numpy(inputs["inputIds"]), torch.from_numpy(inputs["attentionMask"]).bool(), torch.from_numpy(inputs["tokenTypeIds"]), dropout=dropout)
    output["embedding_sum"].retain_grad()
    total, losses = compute_losses(output, inputs)
    total.backward()

    gradients = {}
    for parameter_name, parameter in model.named_parameters():
        # Parameters that the loss never touches (the pooler under a token head, say) have a zero gradient.
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert torch.isfinite(gradient).all(), f"{name}: {parameter_name}"
        gradients[parameter_name] = gradient.numpy().astype(np.float32)
    gradients["embeddingSum"] = output["embedding_sum"].grad.numpy().astype(np.float32)

    folder = os.path.join(ROOT, "gradients", name)
    golden_io.write_model_folder(folder, values, golden_io.float32_state(model))
    golden_io.write_safetensors(os.path.join(folder, "gradients.safetensors"), gradients)
    if dropout:
        golden_io.write_safetensors(os.path.join(folder, "dropout.safetensors"), dropout_tensors(dropout))
    golden_io.write_json(os.path.join(folder, "inputs.json"), {key: array.tolist() for key, array in inputs.items()})
    golden_io.write_json(os.path.join(folder, "loss.json"), {"total": total.item(), **{key: loss.item() for key, loss in losses.items()}})
    print(f"{name:26} loss {total.item():.6f}; gradients up to {max(np.abs(g).max() for g in gradients.values()):.2e}")


def loss_cases():
    """Losses on bare logits: every variant that a trainer offers, with the gradient with respect to the logits."""
    random = np.random.RandomState(7)
    rows, classes = 6, 4
    logits = (2.0 * random.randn(rows, classes)).astype(np.float32)
    labels = random.randint(0, classes, size=rows)
    with_ignored = np.where(np.arange(rows) % 3 == 1, IGNORE, labels)
    weights = np.array([0.5, 2.0, 1.0, 0.25], dtype=np.float32)
    multi = random.randint(0, 2, size=(rows, classes)).astype(np.float32)
    targets = random.randn(rows, classes).astype(np.float32)
    as64 = lambda array: torch.from_numpy(array.astype(np.float64))
    index, ignored = torch.from_numpy(labels), torch.from_numpy(with_ignored)
    functions = {
        "crossEntropy": lambda x: F.cross_entropy(x, index),
        "crossEntropyIgnoreIndex": lambda x: F.cross_entropy(x, ignored, ignore_index=IGNORE),
        "crossEntropyClassWeights": lambda x: F.cross_entropy(x, ignored, weight=as64(weights), ignore_index=IGNORE),
        "crossEntropyLabelSmoothing": lambda x: F.cross_entropy(x, ignored, ignore_index=IGNORE, label_smoothing=0.1),
        "crossEntropyClassWeightsLabelSmoothing": lambda x: F.cross_entropy(x, ignored, weight=as64(weights), ignore_index=IGNORE, label_smoothing=0.1),
        "binaryCrossEntropy": lambda x: F.binary_cross_entropy_with_logits(x, as64(multi)),
        "binaryCrossEntropyPositiveWeights": lambda x: F.binary_cross_entropy_with_logits(x, as64(multi), pos_weight=as64(weights)),
        "meanSquaredError": lambda x: F.mse_loss(x, as64(targets)),
    }
    result = {"logits": logits.tolist(), "labels": labels.tolist(), "labelsWithIgnored": with_ignored.tolist(), "ignoreIndex": IGNORE, "labelSmoothing": 0.1,
              "classWeights": weights.tolist(), "multiLabels": multi.tolist(), "targets": targets.tolist()}
    for name, function in functions.items():
        x = as64(logits).requires_grad_()
        loss = function(x)
        loss.backward()
        result[name] = {"loss": loss.item(), "gradient": x.grad.tolist()}
    golden_io.write_json(os.path.join(ROOT, "losses.json"), result)


def main():
    torch.set_num_threads(1)
    shutil.rmtree(os.path.join(ROOT, "gradients"), ignore_errors=True)
    for index, (name, case) in enumerate(CASES.items()):
        run_case(name, case, index)
    loss_cases()


if __name__ == "__main__":
    main()
