"""Writes goldens/explain.json: attributions by captum on the built-in model's folder with a classifier of three labels.

Weights of the classifier are a formula that the test repeats. Computed in float64. Attention rollout and occlusion are
plain torch. Run from the repository root, with captum 0.9, torch and transformers: python3 test/oracle/make_explain_golden.py
"""

import json
import math
import os

import captum
import torch
from captum.attr import IntegratedGradients, LayerGradientXActivation, LayerIntegratedGradients
from transformers import AlbertForSequenceClassification, AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "..", "models", "albertine-nano-en-zh")
LABELS = 3
TEXTS = [
    ["A gripping, beautifully acted film.", None],
    ["这家酒店的房间太小，服务也很差。", None],
    ["The plot isn't bad at all!", "It is a good film; 情节不错。"],
]


def numbers(values):
    return [float(f"{value:.8g}") for value in values.flatten().tolist()]


def load():
    torch.set_num_threads(1)
    model = AlbertForSequenceClassification.from_pretrained(MODEL, num_labels=LABELS, attn_implementation="eager").double().eval()
    width = model.config.hidden_size
    with torch.no_grad():
        model.classifier.weight.copy_(
            torch.tensor([[0.3 * math.sin(1 + 7 * i + 0.37 * j) for j in range(width)] for i in range(LABELS)])
        )
        model.classifier.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
    return model, AutoTokenizer.from_pretrained(MODEL)


def rollout(attentions):
    joined = None
    for layer in attentions:
        mean = layer[0].mean(0)
        step = 0.5 * mean + 0.5 * torch.eye(mean.shape[0], dtype=mean.dtype)
        joined = step if joined is None else step @ joined
    return joined[0]


def case(model, tokenizer, text, pair):
    encoded = tokenizer(text, pair, return_tensors="pt", return_token_type_ids=True)
    ids, types = encoded["input_ids"], encoded["token_type_ids"]
    special = torch.tensor(tokenizer.get_special_tokens_mask(ids[0].tolist(), already_has_special_tokens=True)) == 1
    mask = torch.ones_like(ids)

    def forward(given):
        shape = (given.shape[0], -1)
        return model(given, attention_mask=mask.expand(*shape), token_type_ids=types.expand(*shape)).logits

    def embedded(given):
        shape = (given.shape[0], -1)
        return model(inputs_embeds=given, attention_mask=mask.expand(*shape), token_type_ids=types.expand(*shape)).logits

    words = model.albert.embeddings.word_embeddings
    result = {"text": text, "pair": pair, "ids": ids[0].tolist(), "logits": numbers(forward(ids).detach()), "integrated": []}
    tokens = {"mask": tokenizer.mask_token_id, "pad": tokenizer.pad_token_id}
    for target, baseline in enumerate(("mask", "pad", "zero")):
        if baseline == "zero":
            inputs = words(ids).detach()
            reference = torch.where(special[None, :, None], inputs, torch.zeros_like(inputs))
            method = IntegratedGradients(embedded)
        else:
            inputs, reference = ids, torch.where(special[None], ids, torch.full_like(ids, tokens[baseline]))
            method = LayerIntegratedGradients(forward, words)
        values, delta = method.attribute(
            inputs, baselines=reference, target=target, n_steps=20, method="gausslegendre", return_convergence_delta=True
        )
        result["integrated"].append(
            {"output": target, "baseline": baseline, "values": numbers(values[0].sum(-1).detach()), "delta": float(delta[0])}
        )
    product = LayerGradientXActivation(forward, words).attribute(ids, target=1)
    result["gradientTimesInput"] = numbers(product[0].sum(-1).detach())
    with torch.no_grad():
        attentions = model(ids, attention_mask=mask, token_type_ids=types, output_attentions=True).attentions
        result["rollout"] = numbers(rollout(attentions))
        whole = forward(ids)[0, 1]
        falls = []
        for position in range(ids.shape[1]):
            changed = ids.clone()
            changed[0, position] = tokens["mask"]
            falls.append(0.0 if special[position] else float(whole - forward(changed)[0, 1]))
        result["occlusion"] = numbers(torch.tensor(falls))
    return result


def main():
    model, tokenizer = load()
    result = {"version": captum.__version__, "labels": LABELS, "steps": 20}
    result["cases"] = [case(model, tokenizer, text, pair) for text, pair in TEXTS]
    with open(os.path.join(HERE, "goldens", "explain.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
