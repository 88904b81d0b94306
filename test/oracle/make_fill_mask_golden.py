"""Writes goldens/fill-mask: two tiny random models with a masked-word head, and what the fill-mask pipeline of transformers says of them in float64.

Run from the repository root with torch and transformers (5.x): python3 test/oracle/make_fill_mask_golden.py

`unigram` reads the SentencePiece model of test/tokenizer/golden, `wordpiece` a vocabulary as Chinese ALBERT has. Of each text with masks: token ids, and the pipeline's
best pieces. Of each with candidates: the pipeline's scores for `targets` where every one is a piece, else (the pipeline would judge the first piece alone) a loop that
puts as many masks as a candidate has pieces. Of each text without masks: the logarithm of every token's probability with that one masked, one pass a token.
"""
import json
import math
import os
import shutil
import warnings

import torch
from transformers import AlbertConfig, AlbertForMaskedLM, AlbertTokenizer, BertTokenizer, pipeline

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "goldens", "fill-mask")
SPIECE = os.path.join(HERE, "..", "tokenizer", "golden", "tiny-albert.model")
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog sat on mat and ran fast red house tree sun ##s ##ing ##er . , ! caf ##e 我 喜 欢 喝 茶 猫 狗 好 不 天 地 ， 。".split()
TOP = 5

# No symbol stands inside a word of the unigram texts: transformers 5 reads a space behind ALBERT's user-defined pieces ("35.50"), SentencePiece does not.
MASKS = {
    "unigram": ["The old teacher [MASK] the bridge.", "[MASK] library opened a [MASK] before sunrise.", "a [MASK] [MASK] garden", "今天天气很[MASK]。", "老师[MASK]了三个[MASK]题。", "[MASK]", "He paid [MASK] for 茶 and 35 euros"],
    "wordpiece": ["the [MASK] sat on the mat .", "The [MASK] and the [MASK] ran, fast!", "a [MASK] [MASK]", "我喜欢喝[MASK]。", "我[MASK]欢[MASK]，不喜欢狗", "[MASK]", "the cat 喜欢 [MASK] café"],
}
# The second list of each is of several pieces or mixed.
CANDIDATES = {
    "unigram": [("The old teacher [MASK] the bridge.", ["the", "an", "a"], True), ("[MASK] is near [MASK]", ["the bridge", "library", "an"], False), ("今天[MASK]很好。", ["天气", "图书馆", "茶"], False)],
    "wordpiece": [("the [MASK] sat on the [MASK] .", ["cat", "dog", "sun"], True), ("the [MASK] ran", ["dogs", "cat", "faster"], False), ("我喜欢[MASK]。", ["猫", "茶", "狗"], True), ("我喜欢[MASK]。", ["喝茶", "猫", "好天地"], False)],
}
TEXTS = {
    "unigram": ["The committee measured an unusual garden.", "He paid 35 euros, in 2016", "今天天气很好我们去公园散步。", "老师 opened 图书馆", "x"],
    "wordpiece": ["The cats ran, and the dog sat on a mat!", "我喜欢喝茶，不喜欢狗。", "the sun 好 café", "zebra ran", "猫"],
}


def main():
    warnings.filterwarnings("error", message=".*does not exist in the model vocabulary.*")
    shutil.rmtree(OUT, ignore_errors=True)
    golden = {}
    for seed, (name, make) in enumerate({"unigram": unigram, "wordpiece": wordpiece}.items()):
        folder = os.path.join(OUT, name)
        os.makedirs(folder)
        tokenizer = make(folder)
        model = random_model(folder, len(tokenizer), seed + 3)
        golden[name] = oracle(model, tokenizer, name)
    with open(os.path.join(OUT, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def unigram(folder):
    shutil.copyfile(SPIECE, os.path.join(folder, "spiece.model"))
    return AlbertTokenizer.from_pretrained(folder)


def wordpiece(folder):
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(WORDS) + "\n")
    return BertTokenizer(os.path.join(folder, "vocab.txt"))


def random_model(folder, vocab_size, seed):
    """Every parameter is random and large enough to matter, gains and biases too. Saved in float32, asked in float64."""
    torch.manual_seed(seed)
    config = AlbertConfig(
        vocab_size=vocab_size, embedding_size=16, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=40, hidden_act="gelu_new",
        hidden_dropout_prob=0, attention_probs_dropout_prob=0, pad_token_id=0, bos_token_id=2, eos_token_id=3,
    )
    model = AlbertForMaskedLM(config).eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            gain = parameter_name.endswith(("norm.weight", "LayerNorm.weight"))
            parameter.copy_(0.4 * torch.randn(parameter.shape) + (1 if gain else 0))
    model.save_pretrained(folder)
    os.chmod(os.path.join(folder, "model.safetensors"), 0o644)
    return model.double()


def oracle(model, tokenizer, name):
    fill = pipeline("fill-mask", model=model, tokenizer=tokenizer, device="cpu")
    return {
        "masks": [{"text": text, "ids": tokenizer(text)["input_ids"], "guesses": [[guess(tokenizer, one) for one in mask] for mask in per_mask(fill(text, top_k=TOP))]} for text in MASKS[name]],
        "candidates": [{"text": text, "candidates": candidates, "logProbabilities": targets(fill, text, candidates) if pieces else loop(model, tokenizer, text, candidates)} for text, candidates, pieces in CANDIDATES[name]],
        "scores": [{"text": text, "ids": tokenizer(text)["input_ids"], "logProbabilities": pseudo_log_likelihood(model, tokenizer, text)} for text in TEXTS[name]],
    }


def guess(tokenizer, one):
    return {"token": tokenizer.convert_ids_to_tokens(one["token"]), "text": one["token_str"].strip(), "score": one["score"]}


def per_mask(result):
    """The pipeline gives a list of guesses for one mask, a list of such lists for several."""
    return result if isinstance(result[0], list) else [result]


def targets(fill, text, candidates):
    """For each mask the logarithm of the pipeline's probability of each candidate, among the whole vocabulary."""
    pieces = [fill.tokenizer.tokenize(candidate) for candidate in candidates]
    assert all(len(own) == 1 for own in pieces), pieces
    ids = fill.tokenizer.convert_tokens_to_ids([own for own, in pieces])
    return [[math.log({guess["token"]: guess["score"] for guess in mask}[wanted]) for wanted in ids] for mask in per_mask(fill(text, targets=[own for own, in pieces]))]


def loop(model, tokenizer, text, candidates):
    """For each mask and candidate the logarithms of its pieces' probabilities, all of them masked at once, added up."""
    ids = tokenizer(text)["input_ids"]
    return [[masked_sum(model, ids, at, tokenizer.encode(candidate, add_special_tokens=False), tokenizer) for candidate in candidates] for at, one in enumerate(ids) if one == tokenizer.mask_token_id]


def masked_sum(model, ids, at, pieces, tokenizer):
    assert pieces and tokenizer.unk_token_id not in pieces, pieces
    wide = ids[:at] + [tokenizer.mask_token_id] * len(pieces) + ids[at + 1:]
    with torch.no_grad():
        rows = model(torch.tensor([wide])).logits[0, at:at + len(pieces)].log_softmax(-1)
    return torch.stack([row[piece] for row, piece in zip(rows, pieces)]).sum().item()


def pseudo_log_likelihood(model, tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    found = []
    for at in range(1, len(ids) - 1):
        masked = ids[:at] + [tokenizer.mask_token_id] + ids[at + 1:]
        with torch.no_grad():
            found.append(model(torch.tensor([masked])).logits[0, at].log_softmax(-1)[ids[at]].item())
    return found


main()
