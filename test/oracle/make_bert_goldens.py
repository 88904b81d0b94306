"""Writes goldens/bert/<family>: a small folder as sentence-transformers stores it, and what transformers and sentence-transformers make of it.

Needs torch, transformers, sentence-transformers and sentencepiece (goldens/bert/versions.json names the versions). From the repository root:
    python3 test/oracle/make_bert_goldens.py
- model/: config.json, model.safetensors (a classifier with the encoder), the tokeniser's files, and modules with prompts;
- tokenizer.json: the tokeniser as Hugging Face writes it;
- tokens.json: lines of English, Chinese and emoji, and their ids by Hugging Face's tokeniser, some of them as pairs;
- outputs.safetensors: of one padded batch in float64, rounded to float32 once: all hidden states, pooled, logits, the loss and the gradients
  of all parameters;
- sentences.json: vectors of SentenceTransformer(model), for every prompt.
"""

import base64
import json
import os
import random
import shutil
import tempfile

import numpy as np
import sentence_transformers
import sentencepiece
import tokenizers
import torch
import transformers
from safetensors.torch import save_file

import golden_io

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "goldens", "bert")
LABELS = ["negative", "neutral", "positive"]
SIZES = dict(hidden_size=24, num_attention_heads=3, num_hidden_layers=3, intermediate_size=48, hidden_act="gelu", hidden_dropout_prob=0.1,
             attention_probs_dropout_prob=0.1, id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)})

FRAGMENTS = [
    "The night train left the station at nine.", "It was raining, and the windows were dark", "a cat sat on the mat", "A good film cost $1,234.56!", "crème brûlée isn't small",
    "the big red house", "Is the sun slow?", "naïve café RÉSUMÉ", "e-mail: someone@example.org", "https://example.org/a?b=c", "don't stop", "co-operate; re-read", "ΑΒΓ Ωmega σοφός",
    "Москва не сразу строилась", "你好吗？", "猫很好。", "今天天气很好，我们去看电影。", "深圳和上海", "我爱自然语言处理", "東京タワー", "カタカナとひらがな", "안녕하세요 세계", "ＡＢＣ１２３", "①②③", "½ and ¼", "№ 5",
    "😀", "👍🏽", "👩‍👩‍👧", "🇫🇷", "❤️", "😂😂😂", "☕", "…", "—", "«guillemets»", "“quotes” and ‘more’", "tab\tand\nline", "no-break\u00a0space", "ideographic\u3000space", "zero\u200bwidth", "ﬁne ﬂour",
    "supercalifragilisticexpialidocious", "aaaaaaaaaaaaaaaa", "0.5%", "3.14159", "1984", "2+2=4", "[brackets] {braces}", "C++ & C#", "under_score", "ALLCAPS", "mixedCase", "x²", "ß and ẞ", "İstanbul",
]
ODD = ["", " ", "   leading", "trailing   ", "a  b   c", "\u3000", ".", "a▁b", "{mask}", "a {mask} b", "the {mask}, and {mask}.", "{sep} in the text", "a{cls}b", "{pad}"]


def lines(special):
    """Each fragment alone, odd lines, and mixtures."""
    source = random.Random(7)
    mixed = [source.choice([" ", " ", "", ", "]).join(source.choices(FRAGMENTS, k=source.randint(2, 5))) for _ in range(160)]
    return FRAGMENTS + [line.format(**special) for line in ODD] + mixed


def write_rules(path):
    """A character map of XLM-R's kind (nmt_nfkc), but of a few rules: the real one is 240 KB."""
    import unicodedata

    spaces = [0x9, 0xA, 0xD, 0xA0, 0x200B, 0x200D, 0x200E, 0x2028, 0x3000, 0xFEFF]
    rules = {(code,): [0x20] for code in spaces}
    for code in [*range(0xFF01, 0xFF5F), *range(0x2460, 0x2469), 0xBC, 0xBD, 0xB2, 0x2026, 0x2116, 0xFB01, 0xFB02]:
        rules[(code,)] = [ord(c) for c in unicodedata.normalize("NFKC", chr(code))]
    with open(path, "w", encoding="utf-8") as file:
        for source, target in rules.items():
            file.write(" ".join(f"{c:X}" for c in source) + "\t" + " ".join(f"{c:X}" for c in target) + "\n")


def write_corpus(path):
    with open(path, "w", encoding="utf-8") as file:
        for line in FRAGMENTS * 8:
            file.write(line.replace("\n", " ") + "\n")


def bert_tokenizer(folder, temporary):
    corpus = os.path.join(temporary, "corpus.txt")
    write_corpus(corpus)
    trained = tokenizers.BertWordPieceTokenizer(lowercase=True)
    trained.train([corpus], vocab_size=420, min_frequency=8, show_progress=False)
    trained.save_model(folder)
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 40}, file)
    return transformers.AutoTokenizer.from_pretrained(folder)


def xlm_roberta_tokenizer(folder, temporary):
    """`sentencepiece.bpe.model`, as XLM-R's folders have it, and `tokenizer.json` beside it for the model's own folder."""
    corpus, rules = os.path.join(temporary, "corpus.txt"), os.path.join(temporary, "rules.tsv")
    write_corpus(corpus)
    write_rules(rules)
    prefix = os.path.join(temporary, "sentencepiece.bpe")
    sentencepiece.SentencePieceTrainer.train(input=corpus, model_prefix=prefix, vocab_size=420, model_type="unigram", normalization_rule_tsv=rules, character_coverage=0.995, num_threads=1,
                                             hard_vocab_limit=False, minloglevel=2)
    shutil.copy(f"{prefix}.model", folder)
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 40}, file)
    return transformers.AutoTokenizer.from_pretrained(folder)


def write_modules(folder, pooling, prompts, default):
    golden_io_json = lambda name, value: json.dump(value, open(os.path.join(folder, name), "w", encoding="utf-8"), indent=1)
    os.makedirs(os.path.join(folder, "1_Pooling"), exist_ok=True)
    golden_io_json("modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                                    for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])])
    golden_io_json("1_Pooling/config.json", {"word_embedding_dimension": SIZES["hidden_size"], "pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean",
                                             "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})
    golden_io_json("sentence_bert_config.json", {"max_seq_length": 32, "do_lower_case": False})
    golden_io_json("config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": default, "similarity_fn_name": "cosine"})


FAMILIES = {
    "bert": {"tokenizer": bert_tokenizer, "config": transformers.BertConfig, "model": transformers.BertForSequenceClassification, "extra": {"type_vocab_size": 2, "max_position_embeddings": 40},
             "pooling": "cls", "prompts": {"query": "the cat: ", "document": ""}, "default": "query"},
    "xlm-roberta": {"tokenizer": xlm_roberta_tokenizer, "config": transformers.XLMRobertaConfig, "model": transformers.XLMRobertaForSequenceClassification,
                    "extra": {"type_vocab_size": 1, "max_position_embeddings": 42, "layer_norm_eps": 1e-5, "classifier_dropout": 0.2},
                    "pooling": "mean", "prompts": {"query": "query: ", "passage": "passage: "}, "default": None},
}


def randomise(model):
    """Weights that every mistake shows in: large, with biases and gains of their own."""
    generator = torch.Generator().manual_seed(11)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("LayerNorm.weight"):
            parameter.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.2 * noise
        else:
            parameter.data = noise * (0.5 if "embeddings" in name else parameter.shape[-1] ** -0.5)


def outputs_of(model, batch):
    model = model.double().eval()
    labels = torch.arange(batch["input_ids"].shape[0]) % len(LABELS)
    result = model(**batch, labels=labels, output_hidden_states=True)
    result.loss.backward()
    outputs = {f"hiddenStates.{i}": hidden for i, hidden in enumerate(result.hidden_states)}
    last = result.hidden_states[-1]
    base = model.base_model
    if base.pooler is not None:
        outputs["pooled"] = base.pooler(last)
    outputs["logits"], outputs["loss"] = result.logits, result.loss.reshape(1)
    outputs.update({f"gradient({name})": parameter.grad for name, parameter in model.named_parameters()})
    return {name: tensor.detach().numpy().astype(np.float32) for name, tensor in outputs.items()}


def make_family(name, family):
    folder = os.path.join(ROOT, name)
    shutil.rmtree(folder, ignore_errors=True)
    model_folder = os.path.join(folder, "model")
    os.makedirs(model_folder)
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = family["tokenizer"](model_folder, temporary)
    tokenizer.save_pretrained(temporary := tempfile.mkdtemp())
    shutil.move(os.path.join(temporary, "tokenizer.json"), folder)
    special = {"mask": tokenizer.mask_token, "sep": tokenizer.sep_token, "cls": tokenizer.cls_token, "pad": tokenizer.pad_token}
    texts = lines(special)
    pairs = [[texts[i], texts[-1 - i]] for i in range(0, 40)]
    golden_io.write_json(os.path.join(folder, "tokens.json"), {
        "texts": texts, "ids": [tokenizer(text)["input_ids"] for text in texts],
        "pairs": pairs, "pairIds": [tokenizer(*pair)["input_ids"] for pair in pairs],
        "pairTypes": [tokenizer(*pair, return_token_type_ids=True)["token_type_ids"] for pair in pairs],
        "truncatedPairs": [tokenizer(*pair, truncation="only_second", max_length=len(tokenizer(pair[0])["input_ids"]) + 6)["input_ids"] for pair in pairs],
    })
    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ["pad"]}
    config = family["config"](vocab_size=len(tokenizer), **SIZES, **family["extra"], **ids)
    model = family["model"](config)
    randomise(model)
    config.architectures = [family["model"].__name__]
    config.save_pretrained(model_folder)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, os.path.join(model_folder, "model.safetensors"), metadata={"format": "pt"})
    os.chmod(os.path.join(model_folder, "model.safetensors"), 0o644)
    write_modules(model_folder, family["pooling"], family["prompts"], family["default"])
    batch = tokenizer(texts[:4], texts[10:14], padding=True, truncation=True, max_length=20, return_tensors="pt", return_token_type_ids=True)
    golden_io.write_json(os.path.join(folder, "inputs.json"), {"inputIds": batch["input_ids"].tolist(), "attentionMask": batch["attention_mask"].tolist(), "tokenTypeIds": batch["token_type_ids"].tolist()})
    golden_io.write_safetensors(os.path.join(folder, "outputs.safetensors"), outputs_of(model, batch))
    sentences = sentence_transformers.SentenceTransformer(model_folder, device="cpu")
    chosen = texts[:12]
    encode = lambda **how: [[float(f"{value:.7g}") for value in vector] for vector in sentences.encode(chosen, show_progress_bar=False, **how)]
    vectors = {"default": encode(), **{prompt: encode(prompt_name=prompt) for prompt in family["prompts"]}}
    golden_io.write_json(os.path.join(folder, "sentences.json"), {"texts": chosen, **vectors})


def main():
    os.makedirs(ROOT, exist_ok=True)
    torch.set_num_threads(1)
    for name, family in FAMILIES.items():
        make_family(name, family)
    golden_io.write_json(os.path.join(ROOT, "versions.json"), {module.__name__: module.__version__ for module in (torch, transformers, sentence_transformers, sentencepiece, tokenizers)})


if __name__ == "__main__":
    main()
