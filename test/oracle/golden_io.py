"""Writing golden files: a minimal safetensors writer, and a Hugging Face style model folder."""

import json
import os
import struct

import numpy as np

# numpy has no bfloat16: such tensors are passed as uint16 bit patterns wrapped in `BFloat16`.
DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "uint8": "U8"}


class BFloat16:
    """A tensor stored as bfloat16: `bits` holds the upper halves of the float32 patterns."""

    def __init__(self, bits):
        self.bits = np.ascontiguousarray(bits, dtype=np.uint16)


def to_bfloat16(values):
    """Rounds float32 values to bfloat16, to nearest and ties to even."""
    pattern = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = (pattern + 0x7FFF + ((pattern >> 16) & 1)) >> 16
    return BFloat16(rounded.astype(np.uint16))


def from_bfloat16(tensor):
    """The exact float32 values of a bfloat16 tensor."""
    return (tensor.bits.astype(np.uint32) << 16).view(np.float32)


def write_safetensors(path, tensors, metadata=None):
    """Writes a dict of name -> numpy array (or `BFloat16`) as one safetensors file, in the dict's order."""
    header, chunks, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        array = tensor.bits if isinstance(tensor, BFloat16) else np.asarray(tensor, order="C")
        dtype = "BF16" if isinstance(tensor, BFloat16) else DTYPES[str(array.dtype)]
        data = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for chunk in chunks:
            file.write(chunk)


def write_json(path, value):
    """Writes JSON with one top-level key a line, so that diffs stay readable and number lists stay short."""
    lines = [f"  {json.dumps(key)}: {json.dumps(item, separators=(',', ':'))}" for key, item in value.items()]
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def write_model_folder(folder, config, tensors):
    """Writes `config.json` and `model.safetensors` as `save_pretrained` of Hugging Face transformers lays them out."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors, {"format": "pt"})


def float32_state(model):
    """The model's `state_dict` as float32 numpy arrays, in order."""
    return {name: tensor.detach().numpy().astype(np.float32) for name, tensor in model.state_dict().items()}
