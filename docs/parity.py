"""Compares what a folder gives in Python with what it gave in Node. `npx albertine parity FOLDER | python3 -` fills in the results of Node.

Needs torch and transformers; sentence-transformers for a folder of sentence embeddings, onnxruntime for an ONNX folder. Exits with 1 where something differs.
"""
import json
import os
import sys

CHECK = None  # albertine writes the results of Node here

os.environ.setdefault("HF_HUB_OFFLINE", "1")
LIMIT = 1e-4  # of differences relative to max(1, |value|): both sides compute in float32


def encode(check):
    """The batch as a user of `transformers` makes it: padded, truncated where the folder says."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(check["folder"])
    texts = [case["text"] for case in check["cases"]]
    pairs = [case["pair"] for case in check["cases"]] if "pair" in check["cases"][0] else None
    # sentence-transformers truncates where a file of its own says, which is compared apart.
    limit = {"max_length": check["maxLength"]} if check["loader"] == "SentenceTransformer" else {}
    return tokenizer(texts, pairs, padding=True, truncation=True, return_tensors="np", **limit)


def run_transformers(check, batch):
    import torch
    import transformers

    model = getattr(transformers, check["loader"]).from_pretrained(check["folder"]).eval()
    inputs = {name: torch.tensor(values) for name, values in batch.items()}
    if check["loader"].endswith("ForMultipleChoice"):
        inputs = {name: values.unsqueeze(1) for name, values in inputs.items()}  # one choice a text: [texts, 1, tokens]
    with torch.no_grad():
        result = model(**inputs)
    return [result[name].float().numpy() for name in check["outputs"]], f"transformers {transformers.__version__}, {model.dtype}"


def run_sentences(check, _batch):
    import sentence_transformers

    model = sentence_transformers.SentenceTransformer(check["folder"], device="cpu")
    if model.max_seq_length != check["maxLength"]:
        fail(f"max_seq_length is {model.max_seq_length} here and {check['maxLength']} in Node")
    vectors = model.encode([case["text"] for case in check["cases"]], show_progress_bar=False)
    return [vectors], f"sentence-transformers {sentence_transformers.__version__}, {vectors.dtype}"


def run_onnx(check, batch):
    import numpy
    import onnxruntime

    session = onnxruntime.InferenceSession(os.path.join(check["folder"], check["loader"]), providers=["CPUExecutionProvider"])
    wanted = [entry.name for entry in session.get_inputs()]
    missing = [name for name in wanted if name not in batch]
    if missing:
        fail(f"the tokeniser gives no {', '.join(missing)}, which the model takes")
        batch = {**batch, **{name: numpy.zeros_like(batch["input_ids"]) for name in missing}}
    return session.run(check["outputs"], {name: batch[name].astype(numpy.int64) for name in wanted}), f"onnxruntime {onnxruntime.__version__}"


def runner(check):
    if check["loader"] == "SentenceTransformer":
        return run_sentences
    return run_onnx if check["loader"].endswith(".onnx") else run_transformers


def row_of(check, name, output, row, tokens):
    """The output for one text, without what padding gives, which was never computed in Node."""
    return output[row][:tokens] if name in check["perToken"] else output[row]


def spread(values, limit=256):
    """The numbers that Node kept: evenly spread, in row-major order."""
    flat = values.reshape(-1)
    count = min(limit, len(flat))
    return [float(flat[i * len(flat) // count]) for i in range(count)]


failures = []


def fail(message):
    failures.append(message)
    print("DIFFERENT:", message)


def compare_tokens(check, batch):
    """Rows whose tokens are the same on both sides."""
    same, types = [], 0
    for row, case in enumerate(check["cases"]):
        visible = batch["attention_mask"][row] == 1
        ids = batch["input_ids"][row][visible].tolist()
        if ids != case["ids"]:
            fail(f"tokens of {case['text'][:60]!r}: {ids[:12]} here, {case['ids'][:12]} in Node")
            continue
        same.append(row)
        if "token_type_ids" in batch and batch["token_type_ids"][row][visible].tolist() == case["typeIds"]:
            types += 1
        elif any(case["typeIds"]):
            fail(f"token types of {case['text'][:60]!r}: {'others' if 'token_type_ids' in batch else 'none'} here")
    print(f"  {'tokens':<20}{len(same)} of {len(check['cases'])} texts equal, token types {types}")
    return same


def compare(check):
    batch = dict(encode(check))
    outputs, versions = runner(check)(check, batch)
    print(f"{check['folder']}\n  {check['loader']}, {versions}, {len(check['cases'])} texts of at most {check['maxLength']} tokens")
    rows = compare_tokens(check, batch)
    for index, (name, output) in enumerate(zip(check["outputs"], outputs)):
        worst = 0.0
        for row in rows:
            theirs, ours = spread(row_of(check, name, output, row, len(check["cases"][row]["ids"]))), check["cases"][row]["values"][index]
            if len(theirs) != len(ours):
                fail(f"{name}: {len(theirs)} numbers here, {len(ours)} in Node")
                continue
            worst = max([worst] + [abs(a - b) / max(1.0, abs(b)) if a == a else float("inf") for a, b in zip(theirs, ours)])
        print(f"  {name:<20}largest difference {worst:.1e}")
        if not worst <= LIMIT:
            fail(f"{name} differs by {worst:.1e}, more than {LIMIT:.0e}")


if __name__ == "__main__":
    check = CHECK
    if check is None:
        with open(sys.argv[1], encoding="utf-8") as file:
            check = json.load(file)
    compare(check)
    print("the same in Node and in Python" if not failures else f"{len(failures)} differences")
    sys.exit(1 if failures else 0)
