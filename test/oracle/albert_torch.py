"""ALBERT in PyTorch, the oracle behind the golden files.

Semantics follow `modeling_albert.py` of Hugging Face transformers (4.57) and its `state_dict` names, with these deliberate points:

* A masked key gets a probability of exactly zero, and a row without any visible key gets all zeros
  (transformers adds a large negative number, which makes such a row uniform).
* Relative position scores are added *after* the content scores were divided by sqrt(head size), and are not scaled
  themselves. This is what transformers' AlbertAttention does; its BertSelfAttention scales the sum instead.
* Dropout is explicit: the caller passes the multiplicative factors (0 or 1 / (1 - p)) per site. The feed-forward output
  has a site too, as in Google's released `modeling.py`; transformers declares that dropout and never applies it.
* The padding row of the word embeddings is an ordinary row (transformers' `padding_idx` drops its gradient). The two agree
  whenever padding is masked and carries no loss.
* The decoder of the masked-LM head is the word embedding matrix itself, so it has no entry of its own in `state_dict`.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1.0 + torch.erf(x / math.sqrt(2.0))),
    "gelu_new": lambda x: 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))),
    "relu": torch.relu,
    "silu": lambda x: x * torch.sigmoid(x),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}

DEFAULTS = {
    "hidden_act": "gelu_new",
    "num_hidden_groups": 1,
    "inner_group_num": 1,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "classifier_dropout_prob": 0.1,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "position_embedding_type": "absolute",
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}


class Config:
    """A Hugging Face `config.json` as attributes, with ALBERT's defaults for absent keys."""

    def __init__(self, values):
        self.__dict__.update({**DEFAULTS, **values})


def apply_dropout(x, factors):
    """Multiplies by explicit dropout factors; `None` means no dropout."""
    return x if factors is None else x * factors


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.embedding_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.embedding_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.embedding_size)
        self.LayerNorm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.absolute = config.position_embedding_type == "absolute"

    def forward(self, ids, types, positions, factors):
        total = self.word_embeddings(ids) + self.token_type_embeddings(types)
        if self.absolute:
            total = total + self.position_embeddings(positions)
        return total, apply_dropout(self.LayerNorm(total), factors)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden = config.hidden_size
        self.heads = config.num_attention_heads
        self.head_size = hidden // self.heads
        self.max_positions = config.max_position_embeddings
        self.position_type = config.position_embedding_type
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.dense = nn.Linear(hidden, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        if self.position_type != "absolute":
            self.distance_embedding = nn.Embedding(2 * self.max_positions - 1, self.head_size)

    def split(self, x):
        batch, length, _ = x.shape
        return x.view(batch, length, self.heads, self.head_size).permute(0, 2, 1, 3)  # [batch, heads, length, head size]

    def forward(self, x, visible, dropout):
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = query @ key.transpose(-1, -2) / math.sqrt(self.head_size)  # [batch, heads, query, key]
        if self.position_type != "absolute":
            place = torch.arange(x.shape[1])
            distance = self.distance_embedding(place.view(-1, 1) - place.view(1, -1) + self.max_positions - 1)
            scores = scores + torch.einsum("bhld,lrd->bhlr", query, distance)
            if self.position_type == "relative_key_query":
                scores = scores + torch.einsum("bhrd,lrd->bhlr", key, distance)
        hidden_keys = ~visible[:, None, None, :]
        # A finite stand-in keeps autograd free of NaN on rows without a visible key; the factor then makes zeros exact.
        probabilities = torch.softmax(scores.masked_fill(hidden_keys, -1e30), dim=-1).masked_fill(hidden_keys, 0.0)
        context = apply_dropout(probabilities, dropout.get("attention_probs")) @ value
        output = self.dense(context.permute(0, 2, 1, 3).flatten(2))
        return self.LayerNorm(x + apply_dropout(output, dropout.get("attention_output"))), probabilities


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.full_layer_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = Attention(config)
        self.ffn = nn.Linear(config.hidden_size, config.intermediate_size)
        self.ffn_output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, x, visible, dropout):
        attended, probabilities = self.attention(x, visible, dropout)
        output = self.ffn_output(self.activation(self.ffn(attended)))
        return self.full_layer_layer_norm(apply_dropout(output, dropout.get("ffn_output")) + attended), probabilities


class LayerGroup(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.albert_layers = nn.ModuleList([Layer(config) for _ in range(config.inner_group_num)])


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding_hidden_mapping_in = nn.Linear(config.embedding_size, config.hidden_size)
        self.albert_layer_groups = nn.ModuleList([LayerGroup(config) for _ in range(config.num_hidden_groups)])

    def forward(self, embedded, visible, dropout):
        x = self.embedding_hidden_mapping_in(embedded)
        hidden_states, attentions = [x], []
        for depth in range(self.config.num_hidden_layers):
            group = int(depth / (self.config.num_hidden_layers / self.config.num_hidden_groups))
            for layer in self.albert_layer_groups[group].albert_layers:
                x, probabilities = layer(x, visible, dropout[len(attentions)] if dropout else {})
                attentions.append(probabilities)
            hidden_states.append(x)
        return hidden_states, attentions


class Albert(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size)


class MaskedLmHead(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.LayerNorm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, x, word_embeddings):
        return F.linear(self.LayerNorm(self.activation(self.dense(x))), word_embeddings, self.bias)


class SentenceOrderHead(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.classifier = nn.Linear(config.hidden_size, 2)


class AlbertWithHeads(nn.Module):
    """The encoder with any of the heads `mlm`, `sop`, `sequence`, `token` (sharing the name `classifier`) and `qa`."""

    def __init__(self, config, heads=(), labels=2):
        super().__init__()
        self.config, self.heads = config, tuple(heads)
        self.albert = Albert(config)
        if "mlm" in heads:
            self.predictions = MaskedLmHead(config)
        if "sop" in heads:
            self.sop_classifier = SentenceOrderHead(config)
        if "sequence" in heads or "token" in heads:
            self.classifier = nn.Linear(config.hidden_size, labels)
        if "qa" in heads:
            self.qa_outputs = nn.Linear(config.hidden_size, 2)

    def forward(self, ids, visible=None, types=None, positions=None, dropout=None):
        """`ids` etc. are [batch, length]; `visible` is boolean; `dropout` maps sites to factors (see `random_dropout`)."""
        dropout = dropout or {}
        visible = torch.ones_like(ids, dtype=torch.bool) if visible is None else visible
        types = torch.zeros_like(ids) if types is None else types
        positions = torch.arange(ids.shape[1]).expand_as(ids) if positions is None else positions
        embedding_sum, embedded = self.albert.embeddings(ids, types, positions, dropout.get("embeddings"))
        hidden_states, attentions = self.albert.encoder(embedded, visible, dropout.get("layers"))
        last = hidden_states[-1]
        pooled = torch.tanh(self.albert.pooler(last[:, 0]))
        output = {"embedding_sum": embedding_sum, "hidden_states": hidden_states, "attentions": attentions, "pooled": pooled}
        if "mlm" in self.heads:
            output["mlm_logits"] = self.predictions(last, self.albert.embeddings.word_embeddings.weight)
        if "sop" in self.heads:
            output["sop_logits"] = self.sop_classifier.classifier(apply_dropout(pooled, dropout.get("sop")))
        if "sequence" in self.heads:
            output["classifier_logits"] = self.classifier(apply_dropout(pooled, dropout.get("classifier")))
        if "token" in self.heads:
            output["token_logits"] = self.classifier(apply_dropout(last, dropout.get("classifier")))
        if "qa" in self.heads:
            output["qa_logits"] = self.qa_outputs(last)
        return output


def set_realistic_weights(model, seed):
    """Fills the weights with magnitudes like those of trained checkpoints, so that every bias, gain and activation matters.

    Freshly initialised weights (std 0.02, zero biases) would hide a missed bias or the wrong variant of GELU.
    """
    random = np.random.RandomState(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            if "ayerNorm.weight" in name or "layer_norm.weight" in name:
                values = (2.0 if "full_layer" in name else 1.2) + 0.3 * random.randn(*shape)
            elif name.endswith("bias"):
                values = 0.2 * random.randn(*shape)
            elif "embeddings" in name or "distance_embedding" in name:
                values = 0.5 * random.randn(*shape)
            else:
                gain = 1.2 if name.endswith("ffn.weight") else 3.0 if "ffn_output" in name else 1.0
                values = gain / math.sqrt(shape[1]) * random.randn(*shape)
            # Rounded to float32 first: goldens are computed in float64 from exactly the stored weights.
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    return model


def random_dropout(config, batch, length, probabilities, seed):
    """Draws dropout factors for every site; `probabilities` has the keys `hidden`, `attention`, `classifier`."""
    random = np.random.RandomState(seed)

    def factors(probability, *shape):
        kept = random.rand(*shape) >= probability
        # float32 factors, because that is the precision in which they are stored and fed.
        return torch.from_numpy((kept / (1.0 - probability)).astype(np.float32).astype(np.float64))

    hidden, heads = config.hidden_size, config.num_attention_heads
    layers = [{
        "attention_probs": factors(probabilities["attention"], batch, heads, length, length),
        "attention_output": factors(probabilities["hidden"], batch, length, hidden),
        "ffn_output": factors(probabilities["hidden"], batch, length, hidden),
    } for _ in range(config.num_hidden_layers * config.inner_group_num)]
    return {
        "embeddings": factors(probabilities["hidden"], batch, length, config.embedding_size),
        "layers": layers,
        "classifier": factors(probabilities["classifier"], batch, hidden),
        "sop": factors(probabilities["classifier"], batch, hidden),
    }
