"""Oracle of BERT's original WordPiece tokenisation, independent of this package's code (plain Python over unicodedata).

Reads one JSON string a line from stdin and writes one JSON list of ids a line to stdout.
usage: bert_oracle.py vocab.txt [--cased]
"""
import json
import sys
import unicodedata

MAX_WORD_LENGTH = 100
with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
    vocab = {line.rstrip("\r\n"): i for i, line in enumerate(file)}
lower = "--cased" not in sys.argv


def is_chinese(c):
    ranges = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF),
              (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))
    return any(low <= ord(c) <= high for low, high in ranges)


def is_punctuation(c):
    if 33 <= ord(c) <= 47 or 58 <= ord(c) <= 64 or 91 <= ord(c) <= 96 or 123 <= ord(c) <= 126:
        return True
    return unicodedata.category(c).startswith("P")


def clean(text):
    for c in text:
        if c in "\t\n\r" or unicodedata.category(c) == "Zs":
            yield " "
        elif ord(c) in (0, 0xFFFD) or unicodedata.category(c) in ("Cc", "Cf"):
            continue
        elif is_chinese(c):
            yield " " + c + " "
        else:
            yield c


def words(text):
    for word in "".join(clean(text)).split():
        if lower:
            word = unicodedata.normalize("NFD", word.lower())
            word = "".join(c for c in word if unicodedata.category(c) != "Mn")
        spaced = "".join(" " + c + " " if is_punctuation(c) else c for c in word)
        yield from spaced.split()


def pieces(word):
    if len(word) > MAX_WORD_LENGTH:
        return [vocab["[UNK]"]]
    result, start = [], 0
    while start < len(word):
        end = len(word)
        while end > start and ("##" if start else "") + word[start:end] not in vocab:
            end -= 1
        if end == start:
            return [vocab["[UNK]"]]
        result.append(vocab[("##" if start else "") + word[start:end]])
        start = end
    return result


for line in sys.stdin:
    print(json.dumps([i for word in words(json.loads(line)) for i in pieces(word)]))
