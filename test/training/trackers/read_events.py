"""Reads TensorBoard event files without TensorFlow and prints them as JSON: an independent check of our writer.

Usage: python3 read_events.py FILE. Only the standard library is needed. Field numbers are those of tensorboard's event.proto,
summary.proto, histogram.proto, tensor.proto and plugins/hparams/plugin_data.proto.
"""
import json
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def check(data, stored):
    crc = crc32c(data)
    masked = (((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8) & 0xFFFFFFFF
    if masked != stored:
        raise ValueError(f"checksum {masked:08x} instead of {stored:08x}")


def records(data):
    position = 0
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        (length_crc,) = struct.unpack_from("<I", data, position + 8)
        check(data[position : position + 8], length_crc)
        body = data[position + 12 : position + 12 + length]
        if len(body) != length:
            raise ValueError("record cut short")
        (body_crc,) = struct.unpack_from("<I", data, position + 12 + length)
        check(body, body_crc)
        yield body
        position += 16 + length


def varint(data, position):
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def fields(data):
    """All fields of a message: number -> list of raw values."""
    found, position = {}, 0
    while position < len(data):
        tag, position = varint(data, position)
        wire = tag & 7
        if wire == 0:
            value, position = varint(data, position)
            if value >= 1 << 63:
                value -= 1 << 64
        elif wire == 1:
            (value,) = struct.unpack_from("<d", data, position)
            position += 8
        elif wire == 5:
            (value,) = struct.unpack_from("<f", data, position)
            position += 4
        elif wire == 2:
            length, position = varint(data, position)
            value = data[position : position + length]
            assert len(value) == length
            position += length
        else:
            raise ValueError(f"wire type {wire}")
        found.setdefault(tag >> 3, []).append(value)
    return found


def one(message, number, default=None):
    values = message.get(number, [default])
    assert len(values) == 1
    return values[0]


def doubles(data):
    return list(struct.unpack(f"<{len(data) // 8}d", data))


def histogram(data):
    message = fields(data)
    names = ["min", "max", "num", "sum", "sum_squares"]
    result = {name: one(message, index + 1, 0.0) for index, name in enumerate(names)}
    result["bucket_limit"] = doubles(one(message, 6, b""))
    result["bucket"] = doubles(one(message, 7, b""))
    return result


def struct_value(data):
    message = fields(data)
    if 2 in message:
        return one(message, 2)
    if 3 in message:
        return one(message, 3).decode()
    return bool(one(message, 4))


def hparams(content):
    message = fields(content)
    assert one(message, 1, 0) == 0  # schema version
    if 2 in message:
        experiment = fields(one(message, 2))
        infos = {one(fields(info), 1).decode(): one(fields(info), 4) for info in experiment.get(4, [])}
        metrics = [one(fields(one(fields(metric), 1)), 2).decode() for metric in experiment.get(5, [])]
        return {"experiment": {"hparam_types": infos, "metrics": metrics}}
    if 3 in message:
        start = fields(one(message, 3))
        entries = [fields(entry) for entry in start.get(1, [])]
        return {"session_start": {one(entry, 1).decode(): struct_value(one(entry, 2)) for entry in entries}}
    return {"session_end": one(fields(one(message, 4)), 1)}


def value(data):
    message = fields(data)
    result = {"tag": one(message, 1).decode()}
    if 2 in message:
        result["simple_value"] = one(message, 2)
    if 5 in message:
        result["histo"] = histogram(one(message, 5))
    if 8 in message:
        tensor = fields(one(message, 8))
        shape = [one(fields(dim), 1) for dim in fields(one(tensor, 2, b"")).get(2, [])]
        result["tensor"] = {"dtype": one(tensor, 1), "shape": shape, "strings": [text.decode() for text in tensor.get(8, [])]}
    if 9 in message:
        metadata = fields(one(message, 9))
        plugin = fields(one(metadata, 1))
        name = one(plugin, 1).decode()
        result["plugin"] = name
        result["data_class"] = one(metadata, 4)
        if name == "hparams":
            result["hparams"] = hparams(one(plugin, 2, b""))
    return result


def event(data):
    message = fields(data)
    result = {"wall_time": one(message, 1), "step": one(message, 2, 0)}
    if 3 in message:
        result["file_version"] = one(message, 3).decode()
    if 5 in message:
        result["values"] = [value(item) for item in fields(one(message, 5)).get(1, [])]
    if 7 in message:
        result["session_log"] = one(fields(one(message, 7)), 1)
    return result


with open(sys.argv[1], "rb") as file:
    print(json.dumps([event(record) for record in records(file.read())]))
