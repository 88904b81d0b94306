"""The same training step in PyTorch, as fast as PyTorch does it: forward, backward, clipping, AdamW.

    python3 torch_step.py '{"config": {...}, "batch": 8, "sequence": 128, "threads": 2, "compile": false}'

Prints {"version": ...} when it is warm; then takes a step for every line of standard input and prints a JSON object for it.
With `"transformers": true` the model is `AlbertForSequenceClassification` of Hugging Face's `transformers`, as its users get it, instead of the
one written here.

OPENBLAS_CORETYPE and the like are taken from the environment; bench.ts tries several and keeps the best. Attention is PyTorch's own fused one
where it has it (2.0 and later). Ends with exit code 3 when the matrix products would run in the reference BLAS, against which nothing would
be proved.
"""
import json
import math
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

job = json.loads(sys.argv[1])
c = job["config"]
torch.set_num_threads(job["threads"])
torch.manual_seed(1)
H, I, E, HEADS = c["hiddenSize"], c["intermediateSize"], c["embeddingSize"], c["numAttentionHeads"]


def plain_attention(q, k, v, bias):
    scores = torch.matmul(q, k.transpose(-1, -2)) * (1 / math.sqrt(H // HEADS)) + bias
    return torch.matmul(torch.softmax(scores, -1), v)


attention = getattr(F, "scaled_dot_product_attention", plain_attention)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.dense = (nn.Linear(H, H) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(H, 1e-12), nn.LayerNorm(H, 1e-12)
        self.ffn, self.ffn_output = nn.Linear(H, I), nn.Linear(I, H)

    def forward(self, x, bias):
        b, s, _ = x.shape
        q, k, v = (f(x).view(b, s, HEADS, H // HEADS).transpose(1, 2) for f in (self.query, self.key, self.value))  # [batch, heads, query, size]
        context = attention(q, k, v, bias).transpose(1, 2).reshape(b, s, H)  # [batch, query, hidden]
        x = self.norm1(x + self.dense(context))
        return self.norm2(x + self.ffn_output(F.gelu(self.ffn(x), approximate="tanh")))


class Albert(nn.Module):
    def __init__(self):
        super().__init__()
        self.word, self.position, self.kind = nn.Embedding(c["vocabSize"], E), nn.Embedding(c["maxPositionEmbeddings"], E), nn.Embedding(2, E)
        self.norm, self.mapping = nn.LayerNorm(E, 1e-12), nn.Linear(E, H)
        self.layer = Layer()
        self.pooler, self.classifier = nn.Linear(H, H), nn.Linear(H, 2)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, 0, 0.02)

    def forward(self, ids, mask, labels):
        positions = torch.arange(ids.shape[1])
        x = self.mapping(self.norm(self.word(ids) + self.position(positions) + self.kind(torch.zeros_like(ids))))
        bias = (1 - mask)[:, None, None, :] * -1e9
        for _ in range(c["numHiddenLayers"]):
            x = self.layer(x, bias)
        return F.cross_entropy(self.classifier(torch.tanh(self.pooler(x[:, 0]))), labels)


def hugging_face():
    """The model that a user of `transformers` trains; a function of the same arguments as Albert."""
    from transformers import AlbertConfig, AlbertForSequenceClassification

    names = {"vocab_size": "vocabSize", "embedding_size": "embeddingSize", "hidden_size": "hiddenSize", "intermediate_size": "intermediateSize",
             "num_hidden_layers": "numHiddenLayers", "num_attention_heads": "numAttentionHeads", "max_position_embeddings": "maxPositionEmbeddings"}
    config = AlbertConfig(**{theirs: c[ours] for theirs, ours in names.items()}, hidden_act="gelu_new", hidden_dropout_prob=0, attention_probs_dropout_prob=0, classifier_dropout_prob=0)
    network = AlbertForSequenceClassification(config).train()
    return network, lambda ids, mask, labels: network(input_ids=ids, attention_mask=mask, labels=labels).loss


torch.matmul(torch.ones(64, 64), torch.ones(64, 64))
with open("/proc/self/maps") as maps:
    libraries = maps.read()
if not torch.backends.mkl.is_available() and not any(name in libraries for name in ("openblas", "libblis")):
    sys.exit(print("PyTorch runs in the reference BLAS; install libopenblas0-pthread", file=sys.stderr) or 3)

version = torch.__version__
if job.get("transformers"):
    import transformers

    model, forward = hugging_face()
    version = transformers.__version__
else:
    model = Albert()
    forward = torch.compile(model) if job.get("compile") else model
decayed = [p for n, p in model.named_parameters() if p.dim() > 1]
others = [p for n, p in model.named_parameters() if p.dim() <= 1]
optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0}], lr=1e-5, foreach=job.get("foreach", True))
B, S = job["batch"], job["sequence"]
ids, mask, labels = torch.randint(5, c["vocabSize"], (B, S)), torch.ones(B, S), torch.arange(B) % 2


def step():
    optimizer.zero_grad(set_to_none=False)
    loss = forward(ids, mask, labels)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


for _ in range(2):
    step()
print(json.dumps({"version": version}), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    step()
    print(json.dumps({"milliseconds": 1000 * (time.perf_counter() - started), "peakBytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)
