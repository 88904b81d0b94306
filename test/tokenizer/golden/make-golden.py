"""Trains two tiny SentencePiece models on the text below and records what spm_encode makes of test lines.

Writes tiny-albert.model (ALBERT's symbols), tiny-bytes.model (identity, byte fallback, digits split) and golden.json beside this
file. Deterministic. usage: /usr/bin/python3 make-golden.py   (needs spm_train, spm_encode, spm_export_vocab of SentencePiece 0.1.97)
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

here = os.path.dirname(os.path.abspath(__file__))
oracle = os.path.join(here, "..", "oracle", "albert_oracle.py")
rng = random.Random(11)

SUBJECTS = "the river|a small village|our library|the old teacher|his neighbour|every summer|the committee|a young painter|the harbour|my sister".split("|")
VERBS = "opened|remembered|described|collected|repaired|visited|painted|measured|explained|borrowed".split("|")
OBJECTS = "a wooden bridge|the letters of 1924|seven maps|the price of 2,000 boats|an unusual garden|the first question|some café tables|twelve \"quoted\" words|a naïve answer|the market (again)".split("|")
ENDS = "before sunrise|in 2016, as planned|without asking|near the station|for 35.50 euros|and nobody noticed|after the long winter|with great care|- so they said|twice a week".split("|")
CHINESE = "今天天气很好我们去公园散步。|图书馆里有很多旧书。|他每天早上喝一杯茶。|老师问了三个问题。|这座桥是木头做的。|北京和上海都很大。|我喜欢安静的小村庄。|请把门打开。".split("|")
sentences = [" ".join((rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(OBJECTS), rng.choice(ENDS))) + "." for _ in range(1500)]
sentences += [rng.choice(CHINESE) + rng.choice(CHINESE) for _ in range(300)]
sentences += ["%d, %d, %d,%03d, %d." % tuple(rng.randint(1, 60) * k for k in (1, 35, 1, 9, 40)) for _ in range(400)]

ODD = ["ｆｕｌｌ ｗｉｄｔｈ", "ﬁne ﬂour", "½ cup", "㎞ and ㌔", "한국어 텍스트", "العربية ٢٠١٦,", "हिन्दी में", "e\u0301te\u0301 \u0301x", "😀 smile 👩‍🚀 go", "a\u00adb\u200bc",
       "tab\there", "\u3000wide\u3000space\u3000", "``quoted''", "''''", "1,000, 2,000, and 35,", "x2,y 7, 8,9", "don't", "ΟΔΟΣ Σ ΑΣ.", "İstanbul ıI", "Ǆ ǅ ǆ", "ﷺ", "Å Å", "  two  spaces  ",
       "▁literal▁block▁", "\ufeffbom", "\ufffdbad", "\u0001\u0002ctl\u007f", "100000000", "------", "(((", "[CLS] plain [SEP]", "ＡＢＣ１２３，", "\u1100\u1161\u11a8 가각", "²³¹,", "①, ②,", "٣,"]


def generated(count):
    kinds = ODD + CHINESE + SUBJECTS + OBJECTS + ENDS
    return ["".join(rng.choice(kinds) + rng.choice([" ", " ", "", ", ", "  ", "\t"]) for _ in range(rng.randint(1, 5))) for _ in range(count)]


lines = ODD + sentences[:40] + [s.upper() for s in sentences[40:60]] + CHINESE + generated(200)


def rules():
    """A small normalisation table in the manner of nmt_nfkc (the full one would be 240 KB): compatibility forms, composition, Hangul, spaces, controls."""
    table = {}
    for first, last in ((0xA0, 0x24F), (0x2070, 0x209C), (0x2150, 0x2189), (0x2460, 0x2473), (0x3300, 0x33FF), (0xFB00, 0xFB06), (0xFDF0, 0xFDFB), (0xFF01, 0xFF5E)):
        for code in range(first, last + 1):
            char = chr(code)
            if unicodedata.category(char) == "Cn":
                continue
            full = unicodedata.normalize("NFKC", char)
            if full != char:
                table[char] = full
            apart = unicodedata.normalize("NFD", char)
            if apart != char:
                table[apart] = full
    for char in "한국어텍스트가각갂":
        apart = unicodedata.normalize("NFD", char)
        table[apart] = char
        if len(apart) == 3:
            table[unicodedata.normalize("NFC", apart[:2])] = unicodedata.normalize("NFC", apart[:2])
            table[apart[:2]] = unicodedata.normalize("NFC", apart[:2])
    for char in "\t\u3000\u00a0\u200b\ufeff\ufffd":
        table[char] = " "
    for char in "\x01\x02\x7f":
        table[char] = ""
    row = lambda text: " ".join("%X" % ord(c) for c in text)
    return "".join("%s\t%s\n" % (row(source), row(target)) for source, target in sorted(table.items()) if source != target)


def train(name, *options):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "rules.tsv"), "w", encoding="utf-8") as file:
            file.write(rules())
        corpus = os.path.join(folder, "corpus.txt")
        with open(corpus, "w", encoding="utf-8") as file:
            file.write("\n".join(sentences) + "\n")
        # Run in the temporary folder, so that the model's record of its training names no path of this machine.
        subprocess.run(["spm_train", "--input=corpus.txt", "--model_prefix=" + name, "--model_type=unigram", "--num_threads=1",
                        "--character_coverage=0.9995", "--minloglevel=2", *options], check=True, cwd=folder)
        os.replace(os.path.join(folder, name + ".model"), os.path.join(here, name + ".model"))


def encode(name, *options):
    run = subprocess.run([sys.executable, oracle, os.path.join(here, name + ".model"), *options], input="".join(json.dumps(l) + "\n" for l in lines).encode(),
                         stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in run.stdout.decode().splitlines()]


train("tiny-albert", "--vocab_size=225", "--pad_id=0", "--unk_id=1", "--bos_id=-1", "--eos_id=-1", "--control_symbols=[CLS],[SEP],[MASK]",
      "--user_defined_symbols=(,),-,.,–,£,€", "--normalization_rule_tsv=rules.tsv", "--split_by_number=false")
train("tiny-bytes", "--vocab_size=470", "--byte_fallback=true", "--normalization_rule_name=identity", "--remove_extra_whitespaces=false", "--split_digits=true")
golden = {"lines": lines, "albert": encode("tiny-albert"), "cased": encode("tiny-albert", "--cased", "--accents"), "plain": encode("tiny-albert", "--plain"),
          "bytes": encode("tiny-bytes", "--plain")}
with open(os.path.join(here, "golden.json"), "w", encoding="utf-8") as file:
    rows = ",\n".join(json.dumps([golden[key][i] for key in ("lines", "albert", "cased", "plain", "bytes")], ensure_ascii=False, separators=(",", ":")) for i in range(len(lines)))
    file.write('{"columns":["line","albert","cased","plain","bytes"],"rows":[\n' + rows + "\n]}\n")
print(len(lines), "lines")
