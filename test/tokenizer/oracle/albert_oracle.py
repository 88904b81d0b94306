"""Oracle of ALBERT's original English tokenisation, independent of this package's code.

Reads one JSON string a line from stdin and writes one JSON list of ids a line to stdout. The text preparation follows the
"slow" AlbertTokenizer (Python's unicodedata), the segmentation is SentencePiece's own spm_encode, and pieces that end in
a digit and a comma are split again as the original code does.

usage: albert_oracle.py spiece.model [--plain] [--cased] [--accents]
--plain leaves the preparation and the digit rule out (then the output is spm_encode's own).
"""
import json
import subprocess
import sys
import unicodedata

model = sys.argv[1]
plain = "--plain" in sys.argv
lower = "--cased" not in sys.argv
strip = "--accents" not in sys.argv


def prepare(text):
    text = " ".join(text.strip().split())
    text = text.replace("``", '"').replace("''", '"')
    if strip:
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if not unicodedata.combining(c))
    return text.lower() if lower else text


def spm(texts, output):
    data = "".join(t + "\n" for t in texts).encode("utf-8")
    run = subprocess.run(["spm_encode", "--model=" + model, "--output_format=" + output], input=data, stdout=subprocess.PIPE, check=True)
    lines = run.stdout.decode("utf-8").split("\n")[:-1]
    assert len(lines) == len(texts), (len(lines), len(texts))
    return [line.split(" ") if line else [] for line in lines]


def vocabulary():
    run = subprocess.run(["spm_export_vocab", "--model=" + model], stdout=subprocess.PIPE, check=True)
    pieces = [line.rsplit("\t", 1)[0] for line in run.stdout.decode("utf-8").split("\n")[:-1]]
    return {piece: i for i, piece in enumerate(pieces)}


texts = [json.loads(line) for line in sys.stdin]
if plain:
    for ids in spm(texts, "id"):
        print(json.dumps([int(i) for i in ids]))
    sys.exit()

prepared = [prepare(text) for text in texts]
encoded, numbers = spm(prepared, "piece"), spm(prepared, "id")
ids_of = vocabulary()
unknown = ids_of.get("<unk>", 0)


def ends_digit_comma(piece):
    return len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()


again = sorted({p[:-1].replace("\u2581", "") for pieces in encoded for p in pieces if ends_digit_comma(p)})
resplit = dict(zip(again, spm(again, "piece"))) if again else {}
for pieces, ids in zip(encoded, numbers):
    assert len(pieces) == len(ids)
    result = []
    for piece, number in zip(pieces, ids):
        if not ends_digit_comma(piece):
            result.append(int(number))
            continue
        parts = list(resplit[piece[:-1].replace("\u2581", "")])
        if piece[0] != "\u2581" and parts[0][0] == "\u2581":
            if len(parts[0]) == 1:
                parts = parts[1:]
            else:
                parts[0] = parts[0][1:]
        result.extend(ids_of.get(p, unknown) for p in parts + [","])
    print(json.dumps(result))
