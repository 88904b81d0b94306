"""Writes goldens/peft: a tiny ALBERT, adapters that Python's peft has made for it, and the logits of the adapted model.

Run from the repository root, with torch, transformers and peft: python3 test/oracle/make_peft_goldens.py
"""

import json
import os
import shutil

import torch
from peft import IA3Config, LoraConfig, get_peft_model
from transformers import AlbertConfig, AlbertForSequenceClassification, AlbertModel

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "peft")
CONFIG = {
    "attention_probs_dropout_prob": 0, "classifier_dropout_prob": 0, "embedding_size": 8, "hidden_act": "gelu_new", "hidden_dropout_prob": 0,
    "hidden_size": 12, "intermediate_size": 20, "max_position_embeddings": 10, "num_attention_heads": 3, "num_hidden_layers": 3, "vocab_size": 24, "type_vocab_size": 2,
}
IDS = [[2, 5, 7, 9, 3], [2, 11, 23, 4, 3]]
ADAPTERS = {
    "lora": LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=3, target_modules=["query", "value", "ffn_output"], modules_to_save=["classifier", "pooler"]),
    "ia3": IA3Config(task_type="SEQ_CLS", target_modules=["key", "value", "ffn_output"], feedforward_modules=["ffn_output"], modules_to_save=["classifier", "pooler"]),
}


def disturb(parameters):
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(0.2 * torch.randn_like(parameter))


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    torch.manual_seed(1)
    base = AlbertModel(AlbertConfig(**CONFIG))
    disturb(base.parameters())
    base.save_pretrained(os.path.join(OUT, "base"))
    expected = {"ids": IDS}
    for name, config in ADAPTERS.items():
        model = AlbertForSequenceClassification.from_pretrained(os.path.join(OUT, "base"), num_labels=3)
        model = get_peft_model(model, config).eval()
        disturb(parameter for parameter in model.parameters() if parameter.requires_grad)
        model.save_pretrained(os.path.join(OUT, name))
        path = os.path.join(OUT, name, "adapter_config.json")
        with open(path) as file:
            stored = dict(json.load(file), base_model_name_or_path="../base")
        with open(path, "w") as file:
            json.dump(stored, file, indent=2, sort_keys=True)
            file.write("\n")
        os.remove(os.path.join(OUT, name, "README.md"))
        with torch.no_grad():
            expected[name] = model(input_ids=torch.tensor(IDS)).logits.tolist()
    with open(os.path.join(OUT, "expected.json"), "w") as file:
        json.dump(expected, file)
        file.write("\n")


main()
