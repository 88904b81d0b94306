"""Writes the files beside it with Python's csv module and numpy, and what they hold to expected.json.

    python3 make_golden.py
"""
import csv
import json
from pathlib import Path

import numpy as np

here = Path(__file__).parent
HEADER = ["text", "note", "label"]
ROWS = [
    ["plain", "", "1"],
    ["comma, and ; semicolon", "tab\there", "0"],
    ['she said "hi"', '"', '""'],
    ["two\nlines", "three\r\nmore\n\nlines", "x"],
    [" spaces kept ", "\u3000全角\u3000", "中文，标点"],
    ["emoji 😀 ﷽", "cafe\u0301 \u2028 \x85 \x0b", "\ufeff"],
    ["", "", ""],
]


def main():
    for name, dialect, ending in (("tricky.csv", "excel", "\r\n"), ("unix.csv", "unix", "\n"), ("tricky.tsv", "excel-tab", "\n")):
        with open(here / name, "w", encoding="utf-8-sig" if name == "tricky.csv" else "utf-8", newline="") as file:
            csv.writer(file, dialect, lineterminator=ending).writerows([HEADER] + ROWS)
    matrix = (np.arange(12, dtype=np.float32).reshape(3, 4) / 7 - 0.5).astype("<f4")
    np.save(here / "float32.npy", matrix)
    np.save(here / "int8.npy", np.array([[-128, 0], [1, 127], [2, 3]], np.int8))
    np.save(here / "int64.npy", np.array([1, -2, 2 ** 40]))
    (here / "expected.json").write_text(json.dumps({"header": HEADER, "rows": ROWS, "float32": [float(v) for v in matrix.ravel()]}) + "\n")


main()
