"""Writes goldens/bert-score.json: what the package bert_score says of texts with the built-in model's folder.

Run from the repository root, with bert-score 0.3.13, torch and transformers: python3 test/oracle/make_bert_score_golden.py
"""

import json
import os

import bert_score
import torch
from bert_score import BERTScorer

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "albertine-nano-en-zh")
PAIRS = [
    ("The cat sat on the mat.", "A cat was sitting on a mat."),
    ("The cat sat on the mat.", "Stock prices fell sharply on Monday."),
    ("He opened the old wooden door and went outside.", "He opened the door."),
    ("Rain, rain, rain: it rained for three days!", "It has been raining since Tuesday."),
    ("the THE the", "The"),
    ("今天北京下了大雨。", "北京今天雨很大。"),
    ("今天北京下了大雨。", "他喜欢读小说，也喜欢写诗。"),
    ("这家餐馆的服务很好，菜也不贵。", "服务不错，价格便宜。"),
    ("機器學習", "机器学习"),
    ("The weather in Beijing is fine today.", "今天北京天气很好。"),
    ("I read 《红楼梦》 twice", "我读过两遍 Dream of the Red Chamber"),
    ("Price: $3.50 (was $4.00) 🙂", "It costs 3.5 dollars 🙂"),
    ("", "An empty candidate."),
    ("An empty reference.", ""),
    ("a", "b"),
    ("  spaces   around  ", "spaces around"),
]
SEVERAL = [
    ("The cat sat on the mat.", ["A cat was sitting on a mat.", "On the mat sat a cat.", "Dogs bark."]),
    ("今天北京下了大雨。", ["北京今天雨很大。", "It rained hard in Beijing today."]),
]


def rows(scores):
    return [[float(f"{x:.8g}") for x in row] for row in torch.stack(scores, 1).tolist()]


def main():
    torch.set_num_threads(1)
    candidates, references = [list(texts) for texts in zip(*PAIRS)]
    result = {"version": bert_score.__version__, "pairs": PAIRS, "several": SEVERAL, "cases": []}
    for layer in (0, 2, 5, 6):
        for idf in (False, True):
            scorer = BERTScorer(model_type=MODEL, num_layers=layer, idf=idf, batch_size=1, nthreads=0)
            # transformers 5 has dropped what bert_score asks for an empty text.
            type(scorer._tokenizer).build_inputs_with_special_tokens = lambda self, ids: [self.cls_token_id, *ids, self.sep_token_id]
            if idf:
                scorer.compute_idf(references)
            case = {"layer": layer, "idf": idf, "scores": rows(scorer.score(candidates, references, batch_size=1))}
            if not idf:
                case["several"] = rows(scorer.score([c for c, _ in SEVERAL], [r for _, r in SEVERAL], batch_size=1))
            result["cases"].append(case)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "bert-score.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
