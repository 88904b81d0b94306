"""Writes goldens/python.json: what transformers, sentence-transformers and onnxruntime give for every kind of folder that the command line writes.

Needs torch, transformers, sentence-transformers and onnxruntime (goldens/python.json names the versions). From the repository root:
    python3 test/oracle/make_python_goldens.py [NAME ...]
With names (or their beginnings) only those are made anew, and the others stay as they are.
Fails where Python and Node differ. `npm test` compares with the file alone, without Python; see python.test.ts.
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EVERY = 8  # of the numbers that are compared, those that are kept

spec = importlib.util.spec_from_file_location("parity", os.path.join(HERE, "../../docs/parity.py"))
parity = importlib.util.module_from_spec(spec)
spec.loader.exec_module(parity)


def outputs_of(check):
    """Tokens, token types and outputs of every text, as Python has them."""
    batch = dict(parity.encode(check))
    outputs, versions = parity.runner(check)(check, batch)
    cases = []
    for row in range(len(check["cases"])):
        visible = batch["attention_mask"][row] == 1
        values = [parity.spread(parity.row_of(check, name, output, row, int(visible.sum()))) for name, output in zip(check["outputs"], outputs)]
        cases.append({
            "ids": batch["input_ids"][row][visible].tolist(),
            "typeIds": batch["token_type_ids"][row][visible].tolist(),
            "values": [[float(f"{value:.7g}") for value in column[::EVERY]] for column in values],
        })
    return cases, versions


def settings_of(folder):
    """The files that decide how Python reads a folder."""
    names = ["config.json", "tokenizer_config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"]
    return {name: json.load(open(os.path.join(folder, name), encoding="utf-8")) for name in names if os.path.exists(os.path.join(folder, name))}


def main():
    path = os.path.join(HERE, "goldens/python.json")
    names = tuple(sys.argv[1:])
    goldens = json.load(open(path, encoding="utf-8")) if names else {}
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["npx", "tsx", "test/oracle/python-folders.ts", root], check=True, cwd=os.path.join(HERE, "../.."))
        records = json.load(open(os.path.join(root, "records.json"), encoding="utf-8"))
        for name, check in records.items():
            if names and not name.startswith(names):
                continue
            parity.compare(check)
            cases, versions = outputs_of(check)
            goldens[name] = {"loader": check["loader"], "outputs": check["outputs"], "maxLength": check["maxLength"], "python": versions, "settings": settings_of(check["folder"]), "cases": cases}
    if parity.failures:
        sys.exit(f"{len(parity.failures)} differences")
    goldens = {name: goldens[name] for name in records}
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(golden)}" for name, golden in goldens.items()) + "\n}\n")


if __name__ == "__main__":
    main()
