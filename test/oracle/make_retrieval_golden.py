"""Rankings with graded relevance and what trec_eval (pytrec_eval) makes of them, for test/retrieval/metrics.test.ts.

    pip install pytrec_eval-terrier
    python test/oracle/make_retrieval_golden.py > test/oracle/goldens/retrieval-metrics.json
"""

import json
import random

import pytrec_eval

random.seed(7)
queries = []
run, qrels = {}, {}
for number in range(30):
    documents = random.sample(range(300), 150)
    relevant = {document: random.choice([1, 1, 2, 3]) for document in random.sample(range(300), random.randint(1, 6))}
    queries.append({"ranking": documents[:120], "relevance": sorted(relevant.items())})
    name = f"q{number}"
    run[name] = {f"d{document}": float(1000 - rank) for rank, document in enumerate(documents[:120])}
    qrels[name] = {f"d{document}": gain for document, gain in relevant.items()}
measures = {"ndcg_cut.10", "recall.10,100", "recip_rank", "map"}
result = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
mean = {
    measure: sum(one[measure] for one in result.values()) / len(result)
    for measure in ["ndcg_cut_10", "recall_10", "recall_100", "recip_rank", "map"]
}
print(json.dumps({"queries": queries, "expected": mean}, separators=(",", ":")))
