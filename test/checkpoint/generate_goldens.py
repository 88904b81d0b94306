"""Writes the files of goldens/ with tools that are not ours.

Run with a Python that has PyTorch and NumPy (Debian: python3-torch), libsnappy.so.1, and the `safetensors` package:
    setarch -R python3 generate_goldens.py
Output is deterministic (without setarch -R, which fixes addresses, PyTorch's old format names storages by where they lie). Each checkpoint holds the same tiny ALBERT (two groups of two layers); expected.json has its values under
Hugging Face's names, computed here in NumPy.
"""
import ctypes, hashlib, json, os, struct
from collections import OrderedDict

import numpy as np
import torch
from safetensors.torch import save_file

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens")
os.makedirs(HERE, exist_ok=True)
path = lambda name: os.path.join(HERE, name)

V, E, H, FFN, POS, TYPES = 20, 4, 8, 16, 6, 2
CONFIG = {
    "model_type": "albert", "architectures": ["AlbertForPreTraining"], "vocab_size": V, "embedding_size": E, "hidden_size": H,
    "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2, "num_attention_heads": 2, "intermediate_size": FFN,
    "max_position_embeddings": POS, "type_vocab_size": TYPES, "hidden_act": "gelu_new", "hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0,
}
rng = np.random.RandomState(7)
draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)


def layer_shapes():
    return {
        "attention.query": (H, H), "attention.key": (H, H), "attention.value": (H, H), "attention.dense": (H, H), "attention.LayerNorm": None,
        "ffn": (FFN, H), "ffn_output": (H, FFN), "full_layer_layer_norm": None,
    }


def state_dict(groups=2, inner=2):
    state = OrderedDict()
    def pair(name, shape, width=None):
        state[name + ".weight"] = draw(*(shape or (width or H,)))
        state[name + ".bias"] = draw(shape[0] if shape else (width or H))
    state["albert.embeddings.word_embeddings.weight"] = draw(V, E)
    state["albert.embeddings.position_embeddings.weight"] = draw(POS, E)
    state["albert.embeddings.token_type_embeddings.weight"] = draw(TYPES, E)
    pair("albert.embeddings.LayerNorm", None, E)
    pair("albert.encoder.embedding_hidden_mapping_in", (H, E))
    for group in range(groups):
        for layer in range(inner):
            for part, shape in layer_shapes().items():
                pair(f"albert.encoder.albert_layer_groups.{group}.albert_layers.{layer}.{part}", shape)
    pair("albert.pooler", (H, H))
    state["predictions.bias"] = draw(V)
    pair("predictions.dense", (E, H))
    pair("predictions.LayerNorm", None, E)
    pair("sop_classifier.classifier", (2, H))
    return state


STATE = state_dict()
EXPECTED = {name: {"shape": list(value.shape), "values": [float(x) for x in value.ravel()]} for name, value in STATE.items()}


def dump(name, value):
    with open(path(name), "w") as file:
        json.dump(value, file)
        file.write("\n")


# ---- PyTorch -------------------------------------------------------------------------------------------------------------------
def torch_files():
    tensors = OrderedDict((name, torch.from_numpy(value.copy())) for name, value in STATE.items())
    # A transposed view, tied copies on one storage, a parameter, and an index buffer: all occur in real files.
    prefix = "albert.encoder.albert_layer_groups.0.albert_layers.0."
    tensors[prefix + "ffn.weight"] = torch.from_numpy(np.ascontiguousarray(STATE[prefix + "ffn.weight"].T)).t()
    block = torch.cat([tensors[prefix + "attention.query.weight"], tensors[prefix + "attention.key.weight"]])
    tensors[prefix + "attention.query.weight"], tensors[prefix + "attention.key.weight"] = block[:H], block[H:]
    tensors["albert.pooler.weight"] = torch.nn.Parameter(tensors["albert.pooler.weight"])
    tensors["predictions.decoder.weight"] = tensors["albert.embeddings.word_embeddings.weight"]
    tensors["predictions.decoder.bias"] = tensors["predictions.bias"]
    tensors["albert.embeddings.position_ids"] = torch.arange(POS).expand((1, -1))
    tensors._metadata = OrderedDict([("", {"version": 1})])
    torch.save(tensors, path("torch-zip.bin"))
    torch.save(tensors, path("torch-legacy.bin"), _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "lr": 0.5, "state_dict": tensors}, path("torch-nested.bin"))
    kinds = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64, "i32": torch.int32,
             "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool}
    values = torch.tensor([[0.0, 1.0, 2.0], [3.0, 100.0, 127.0]])
    torch.save(OrderedDict((name, values.to(kind)) for name, kind in kinds.items()), path("torch-dtypes.bin"))

    class Attack:
        def __reduce__(self):
            return os.system, ("echo attacked > attacked.txt",)
    for name, zipped in (("torch-attack.bin", True), ("torch-attack-legacy.bin", False)):
        torch.save(OrderedDict([("x", torch.ones(1)), ("y", Attack())]), path(name), _use_new_zipfile_serialization=zipped)


# ---- safetensors ---------------------------------------------------------------------------------------------------------------
def safetensors_files():
    tensors = {name: torch.from_numpy(value.copy()) for name, value in STATE.items()}
    for kind in (torch.float32, torch.float16, torch.bfloat16):
        save_file({name: value.to(kind) for name, value in tensors.items()}, path(f"official-{str(kind)[6:]}.safetensors"), metadata={"format": "pt"})
    rounded = {str(kind)[6:]: hashlib.sha256(b"".join(tensors[name].to(kind).float().numpy().tobytes() for name in tensors)).hexdigest() for kind in (torch.float16, torch.bfloat16)}
    dump("rounded-sha256.json", rounded)


# ---- half precision ------------------------------------------------------------------------------------------------------------
def half_hashes():
    sha = lambda array: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    bits = torch.arange(65536, dtype=torch.int32).to(torch.int16)
    widened = {}
    for name, kind in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        values = bits.view(kind).float().numpy().copy()
        values[np.isnan(values)] = np.nan  # one bit pattern for every NaN
        widened[name] = sha(values)
    # Every value halfway between neighbours and one step to each side, then a linear congruential sequence of bit patterns.
    words = []
    for name, kind in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        values = bits.view(kind).float().numpy().astype(np.float64)
        values = np.sort(values[np.isfinite(values) & (np.abs(values) < 1e38)])
        middle = ((values[1:] + values[:-1]) / 2).astype(np.float32).view(np.uint32)
        words += [middle - 1, middle, middle + 1]
    state, sequence = 1, np.empty(100000, np.uint32)
    for i in range(len(sequence)):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        sequence[i] = state
    words = np.concatenate(words + [sequence]).astype(np.uint32)
    words = words[~np.isnan(words.view(np.float32))]
    values = torch.from_numpy(words.view(np.float32).copy())
    narrowed = {name: sha(values.to(kind).view(torch.int16).numpy()) for name, kind in (("f16", torch.float16), ("bf16", torch.bfloat16))}
    dump("half-sha256.json", {"widened": widened, "narrowed": narrowed, "narrowedCount": len(words)})


# ---- TensorFlow ----------------------------------------------------------------------------------------------------------------
CRC_TABLE = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    CRC_TABLE.append(crc)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


SNAPPY = ctypes.CDLL("libsnappy.so.1")


def snappy(data):
    out = ctypes.create_string_buffer(SNAPPY.snappy_max_compressed_length(ctypes.c_size_t(len(data))))
    length = ctypes.c_size_t(len(out))
    assert SNAPPY.snappy_compress(data, ctypes.c_size_t(len(data)), out, ctypes.byref(length)) == 0
    return out.raw[:length.value]


def block(entries, interval=16):
    out, restarts, previous = bytearray(), [], b""
    for count, (key, value) in enumerate(entries):
        shared = 0
        if count % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        previous = key
    restarts = restarts or [0]
    return bytes(out) + b"".join(struct.pack("<I", r) for r in restarts) + struct.pack("<I", len(restarts))


def table(entries, compress, per_block=12):
    out, index = bytearray(), []
    def append(content, packed):
        content, kind = (snappy(content), 1) if packed else (content, 0)
        handle = varint(len(out)) + varint(len(content))
        out.extend(content + bytes([kind]))
        out.extend(struct.pack("<I", masked_crc(content + bytes([kind]))))
        return handle
    for start in range(0, len(entries), per_block):
        part = entries[start:start + per_block]
        index.append((part[-1][0], append(block(part), compress)))
    meta = append(block([]), False)
    footer = meta + append(block(index, interval=1), compress)
    return bytes(out) + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def write_bundle(prefix, variables, shards=1, compress=False):
    data = [bytearray() for _ in range(shards)]
    entries = [(b"", field(1, shards) + field(3, field(1, 1)))]
    for count, name in enumerate(sorted(variables)):
        array = variables[name]
        raw, shard = array.tobytes(), count % shards
        shape = b"".join(field(2, field(1, size)) for size in array.shape)
        dtype = {"float32": 1, "int64": 9}[str(array.dtype)]
        entry = field(1, dtype) + field(2, shape)
        if shard:
            entry += field(3, shard)
        if len(data[shard]):
            entry += field(4, len(data[shard]))
        entry += field(5, len(raw)) + varint(6 << 3 | 5) + struct.pack("<I", masked_crc(raw))
        entries.append((name.encode(), entry))
        data[shard] += raw
    with open(path(prefix + ".index"), "wb") as file:
        file.write(table(entries, compress))
    for shard in range(shards):
        with open(path(f"{prefix}.data-{shard:05d}-of-{shards:05d}"), "wb") as file:
            file.write(data[shard])


def pair(variables, tf_name, hf_name, state, norm=False):
    weight, bias = state[hf_name + ".weight"], state[hf_name + ".bias"]
    variables[tf_name + ("/gamma" if norm else "/kernel")] = weight if norm else np.ascontiguousarray(weight.T)
    variables[tf_name + ("/beta" if norm else "/bias")] = bias


def common(variables, state):
    pair(variables, "bert/embeddings/LayerNorm", "albert.embeddings.LayerNorm", state, norm=True)
    pair(variables, "bert/pooler/dense", "albert.pooler", state)
    pair(variables, "cls/predictions/transform/dense", "predictions.dense", state)
    pair(variables, "cls/predictions/transform/LayerNorm", "predictions.LayerNorm", state, norm=True)
    variables["cls/predictions/output_bias"] = state["predictions.bias"]
    variables["cls/seq_relationship/output_weights"] = state["sop_classifier.classifier.weight"]
    variables["cls/seq_relationship/output_bias"] = state["sop_classifier.classifier.bias"]
    for kind in ("word", "position", "token_type"):
        variables[f"bert/embeddings/{kind}_embeddings"] = state[f"albert.embeddings.{kind}_embeddings.weight"]


def google_bundle():
    variables = {}
    common(variables, STATE)
    pair(variables, "bert/encoder/embedding_hidden_mapping_in", "albert.encoder.embedding_hidden_mapping_in", STATE)
    for group in range(2):
        for inner in range(2):
            tf = f"bert/encoder/transformer/group_{group}/inner_group_{inner}/"
            hf = f"albert.encoder.albert_layer_groups.{group}.albert_layers.{inner}."
            for part in ("query", "key", "value"):
                pair(variables, tf + "attention_1/self/" + part, hf + "attention." + part, STATE)
            pair(variables, tf + "attention_1/output/dense", hf + "attention.dense", STATE)
            pair(variables, tf + "LayerNorm", hf + "attention.LayerNorm", STATE, norm=True)
            pair(variables, tf + "ffn_1/intermediate/dense", hf + "ffn", STATE)
            pair(variables, tf + "ffn_1/intermediate/output/dense", hf + "ffn_output", STATE)
            pair(variables, tf + "LayerNorm_1", hf + "full_layer_layer_norm", STATE, norm=True)
    slots = {f"{name}/{slot}": np.zeros_like(variables[name]) for name in list(variables)[:10] for slot in ("adam_m", "adam_v")}
    variables.update(slots)
    variables["global_step"] = np.array(125000, np.int64)
    write_bundle("google.ckpt-best", variables, shards=2, compress=True)
    dump("google-albert_config.json", {key: value for key, value in {**CONFIG, "hidden_act": "gelu"}.items() if key not in ("model_type", "architectures")})


def brightmart_bundle():
    """The first layout of brightmart/albert_zh: BERT's names, words projected before positions are added."""
    state = {}
    for name, value in state_dict(groups=1, inner=1).items():
        state[name] = value
    factor, projection = draw(V, E), draw(E, H)
    state["albert.embeddings.word_embeddings.weight"] = factor
    state["albert.embeddings.position_embeddings.weight"] = draw(POS, H)
    state["albert.embeddings.token_type_embeddings.weight"] = draw(TYPES, H)
    for name in ("albert.embeddings.LayerNorm", "predictions.LayerNorm"):
        state[name + ".weight"], state[name + ".bias"] = draw(H), draw(H)
    state["predictions.dense.weight"], state["predictions.dense.bias"] = draw(H, H), draw(H)
    variables = {}
    common(variables, state)
    variables["bert/embeddings/word_embeddings_2"] = projection
    hf, tf = "albert.encoder.albert_layer_groups.0.albert_layers.0.", "bert/encoder/layer_shared/"
    for part in ("query", "key", "value"):
        pair(variables, tf + "attention/self/" + part, hf + "attention." + part, state)
    pair(variables, tf + "attention/output/dense", hf + "attention.dense", state)
    pair(variables, tf + "attention/output/LayerNorm", hf + "attention.LayerNorm", state, norm=True)
    pair(variables, tf + "intermediate/dense", hf + "ffn", state)
    pair(variables, tf + "output/dense", hf + "ffn_output", state)
    pair(variables, tf + "output/LayerNorm", hf + "full_layer_layer_norm", state, norm=True)
    write_bundle("brightmart.ckpt", variables)
    state["albert.embeddings.word_embeddings.weight"] = (factor.astype(np.float64) @ projection.astype(np.float64)).astype(np.float32)
    state["albert.encoder.embedding_hidden_mapping_in.weight"] = np.eye(H, dtype=np.float32)
    state["albert.encoder.embedding_hidden_mapping_in.bias"] = np.zeros(H, np.float32)
    dump("brightmart-expected.json", {name: {"shape": list(value.shape), "values": [float(x) for x in value.ravel()]} for name, value in state.items()})


def snappy_block():
    text = (b"bert/encoder/layer_shared/attention/self/query/kernel " * 40 + os.path.basename(__file__).encode()) * 3 + bytes(range(256)) + b"a" * 5000
    with open(path("snappy.bin"), "wb") as file:
        file.write(snappy(text))
    dump("snappy.json", {"length": len(text), "sha256": hashlib.sha256(text).hexdigest()})


os.chdir(HERE)
dump("config.json", CONFIG)
dump("expected.json", EXPECTED)
torch_files()
safetensors_files()
half_hashes()
google_bundle()
brightmart_bundle()
snappy_block()
