"""Writes goldens/second-stage: a tiny classifier as transformers saves it, rows, and the losses of 30 AdamW steps on them from that checkpoint, head included.

Run from the repository root with torch and transformers (5.x): python3 test/oracle/make_second_stage_golden.py

Rows in order, 8 a step; float64 from the stored float32 weights; no dropout; linear decay of the rate from 2e-3 without warm-up; norm clipped at 1.
The labels of the checkpoint stand in another order than sorted ones, so a head that is kept must be re-ordered by name.
"""
import json
import os
import random
import shutil

import torch
from transformers import AlbertConfig, AlbertForSequenceClassification, BertTokenizer

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "second-stage")
MODEL = os.path.join(FOLDER, "model")
LABELS = ["poor", "good", "fine"]
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog sat on mat and ran fast slow red blue house tree sun moon".split()
STEPS, BATCH, RATE, EXCLUDED = 30, 8, 2e-3, ("LayerNorm", "layer_norm", "bias")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(MODEL)
    torch.manual_seed(5)
    rng = random.Random(5)
    config = AlbertConfig(
        vocab_size=len(WORDS), embedding_size=16, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=32, hidden_act="gelu_new",
        hidden_dropout_prob=0, attention_probs_dropout_prob=0, classifier_dropout_prob=0, initializer_range=0.2, pad_token_id=0, bos_token_id=2, eos_token_id=3,
        id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)}, problem_type="single_label_classification",
    )
    model = AlbertForSequenceClassification(config)
    with torch.no_grad():
        # A head that answers something already, and unlike a fresh one.
        model.classifier.weight.normal_(std=0.6)
        model.classifier.bias.copy_(torch.tensor([0.5, -1.0, 0.8]))
    model.save_pretrained(MODEL)
    with open(os.path.join(MODEL, "vocab.txt"), "w") as file:
        file.write("\n".join(WORDS) + "\n")
    tokenizer = BertTokenizer(os.path.join(MODEL, "vocab.txt"))
    rows = [{"text": " ".join(rng.choice(WORDS[5:]) for _ in range(rng.randint(3, 12))), "label": rng.choice(LABELS)} for _ in range(STEPS * BATCH)]
    model.double().train()
    decayed = [p for n, p in model.named_parameters() if not any(part in n for part in EXCLUDED)]
    rest = [p for n, p in model.named_parameters() if any(part in n for part in EXCLUDED)]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0}], lr=RATE, betas=(0.9, 0.999), eps=1e-6)
    losses = []
    for step in range(STEPS):
        batch = rows[step * BATCH:(step + 1) * BATCH]
        inputs = tokenizer([row["text"] for row in batch], padding=True, return_tensors="pt")
        loss = model(**inputs, labels=torch.tensor([LABELS.index(row["label"]) for row in batch])).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = RATE * (STEPS - step) / STEPS
        optimizer.step()
        losses.append(loss.item())
    with open(os.path.join(FOLDER, "train.jsonl"), "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with open(os.path.join(FOLDER, "losses.json"), "w") as file:
        json.dump(losses, file, indent=0)


main()
