"""Writes goldens/porter.json: stems of English words by nltk's PorterStemmer, by its own rules (those that rouge_score uses) and by the paper's.

The words are those of the built-in model's vocabulary, with endings added so that every rule is met.
Run from the repository root, with nltk 3.10 and sentencepiece: python3 test/oracle/make_porter_golden.py
"""

import json
import os
import random

import sentencepiece
from nltk.stem.porter import PorterStemmer

HERE = os.path.dirname(os.path.abspath(__file__))
ENDINGS = "s es ed ing y ies ied eed er ly al ally ation ational tional ator izer ization alism iveness fulness ousness aliti ality ivity bility bli ably fully ology logi icate ative alize icity ical ful ness ance ence able ible ant ement ment ent ion sion tion ou ism ate ity ous ive ize ll e".split()
SPECIAL = "sky skies dying lying tying news innings inning outings cannings howe proceed exceed succeed die dies died spied flies fly try tries enjoy enjoyment happy y yy yyy syzygy say ties a is as be by ok it feed agreed sing bled hopping falling hissing fizzed filing failing conflated troubled sized relational vietnamization theology geology archaeology 2000s 3rd abc123ing oed ated owed roll controll cease rate probate".split()


def main():
    model = sentencepiece.SentencePieceProcessor(model_file=os.path.join(HERE, "..", "..", "models", "albertine-nano-en-zh", "spiece.model"))
    pieces = [model.id_to_piece(i) for i in range(model.get_piece_size())]
    words = sorted({piece.strip("\u2581#").lower() for piece in pieces if piece.strip("\u2581#").isascii() and piece.strip("\u2581#").isalpha()})
    chance = random.Random(1)
    made = sorted({chance.choice(words) + chance.choice(ENDINGS) for _ in range(3000)})
    chosen = sorted(set(SPECIAL) | set(chance.sample([word for word in words if len(word) > 3], min(2000, len(words) // 2))) | set(made))
    nltk, original = PorterStemmer(), PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
    with open(os.path.join(HERE, "goldens", "porter.json"), "w", encoding="utf-8") as file:
        json.dump({"words": " ".join(chosen), "nltk": " ".join(nltk.stem(word) for word in chosen), "original": " ".join(original.stem(word) for word in chosen)}, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
