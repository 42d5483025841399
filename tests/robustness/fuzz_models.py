"""Hostile model files: a real one spoiled, and headers that nobody would write."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np

from core.modelfile import load_model
from core.network import Int8Conv, Int8Linear
from tests.robustness.spoiling import spoil_bytes, strange_value

_HUGE = (2**31, 2**40, 2**63 - 1, 2**64, 10**30)
_PATHS = ("../../../etc/passwd", "/etc/passwd", "..\\..\\x", "a/../../b", "\0", "C:\\x", "~/x")
_TEXTS = (*_PATHS, "<img src=x>", "\x1b]0;title\x07", "a" * 100_000, "\ud800", "", "é" * 300)


def spoil_model(data: bytes, chance: random.Random) -> bytes:
    """One hostile file made of a good one."""
    return chance.choice(
        (spoil_bytes, _lie_about_header, _spoil_entries, _spoil_weights, _spoil_description)
    )(data, chance)


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _join(header: dict[str, Any] | str, body: bytes) -> bytes:
    text = header if isinstance(header, str) else json.dumps(header)
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(8, "little") + encoded + body


def _lie_about_header(data: bytes, chance: random.Random) -> bytes:
    """The header is longer, shorter, enormous, nested or no JSON."""
    header, body = _split(data)
    text = json.dumps(header)
    match chance.randrange(6):
        case 0:
            length = chance.choice((0, 1, 2, 7, len(text) - 1, len(text) + 1, 2**22, *_HUGE[:3]))
            return struct.pack("<Q", length) + data[8:]
        case 1:
            return _join(text + " " * chance.choice((1, 2**20, 5 * 2**20)), body)
        case 2:
            depth = chance.choice((200, 5_000, 100_000))
            return _join("[" * depth + "]" * depth, body)
        case 3:
            opening, closing = '{"a":' * 50_000, "}" * 50_000
            return _join(f"{opening}1{closing}", body)
        case 4:
            # The same name twice: which of the two counts?
            entry = json.dumps(next(iter(header.values())))
            return _join(
                text[:-1] + f", {json.dumps(chance.choice(list(header)))}: {entry}}}", body
            )
        case _:
            return _join(chance.choice(("", "null", "[]", "1", '"x"', "{", "{}", "\0\0")), body)


def _spoil_entries(data: bytes, chance: random.Random) -> bytes:
    """Where safetensors says a tensor lies, of which shape and kind."""
    header, body = _split(data)
    names = [name for name in header if name != "__metadata__"]
    for _ in range(chance.choice((1, 1, 2, 5))):
        name = chance.choice(names)
        entry = header.get(name)
        if not isinstance(entry, dict):
            continue
        match chance.randrange(8):
            case 0:
                entry["shape"] = [chance.choice((0, -1, 1, *_HUGE))] * chance.choice((1, 2, 5, 40))
            case 1:
                entry["dtype"] = chance.choice(("F64", "BF16", "BOOL", "F8_E4M3", "U64", "x", 3))
            case 2:
                # Unless it was spoiled already.
                offsets = entry["data_offsets"]
                start, end = offsets if type(offsets) is list and len(offsets) == 2 else (0, 8)
                entry["data_offsets"] = chance.choice(
                    ([end, start], [0, len(body)], [-1, 4], [start, end + 1], list(_HUGE[:2]), [0])
                )
            case 3:
                header[name] = strange_value(chance)
            case 4:
                header[chance.choice(_TEXTS)] = header.pop(name)
            case 5:
                del header[name]
            case 6:
                header[name] = header[chance.choice([n for n in names if n in header] or [name])]
            case _:
                entry[chance.choice(("shape", "dtype", "data_offsets"))] = strange_value(chance)
    if chance.random() < 0.2:
        header["__metadata__"] = strange_value(chance)
    return _join(header, body)


def _spoil_weights(data: bytes, chance: random.Random) -> bytes:
    """Not a number, infinite, enormous or zero where weights, scales and biases are."""
    header, body = _split(data)
    spoiled = bytearray(body)
    names = [name for name in header if name != "__metadata__"]
    for _ in range(chance.choice((1, 3, 20))):
        entry = header[chance.choice(names)]
        start, end = entry["data_offsets"]
        width = {"F32": 4, "I32": 4, "I8": 1}[entry["dtype"]]
        place = start + width * chance.randrange((end - start) // width)
        value = chance.choice((float("nan"), float("inf"), -3e38, 3e38, 1e-45, 0.0, -1.0))
        extreme = chance.choice((2**31 - 1, -(2**31), 0))
        spoiled[place : place + width] = {
            "F32": struct.pack("<f", value),
            "I32": struct.pack("<i", extreme),
            "I8": bytes([chance.choice((128, 127, 0))]),
        }[entry["dtype"]]
    return _join(header, bytes(spoiled))


def _spoil_description(data: bytes, chance: random.Random) -> bytes:
    """What InCab itself wrote about clips, layers, labels and golden answers."""
    header, body = _split(data)
    described = json.loads(header["__metadata__"]["incab"])
    for _ in range(chance.choice((1, 1, 2, 4))):
        _spoil_somewhere(described, chance)
    if chance.random() < 0.1:
        described["layers"] = described.get("layers", []) * chance.choice((2, 50))
    text = json.dumps(described)
    if chance.random() < 0.1:
        text = text.replace("1", chance.choice(("NaN", "Infinity", "1e999", "1" * 5000)), 1)
    header["__metadata__"]["incab"] = text
    return _join(header, body)


def _spoil_somewhere(value: Any, chance: random.Random) -> None:
    """Go down to a random place of some JSON, and put something else there."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = chance.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.8:
            value = inner
            continue
        match chance.randrange(5):
            case 0 if isinstance(value, dict):
                del value[key]
            case 1:
                value[key] = chance.choice(_TEXTS)
            case 2:
                value[key] = chance.choice((-1, 0, 0.5, float("nan"), float("inf"), *_HUGE))
            case 3 if isinstance(value, dict):
                value[chance.choice(("..", "__class__", "path", "sha256"))] = inner
            case _:
                value[key] = strange_value(chance)
        return


def use_model(path: Path) -> None:
    """Load it; a model that is taken must be sound."""
    model = load_model(path)
    for layer in (*model.network.convolutions, model.network.classifier):
        assert np.isfinite(layer.weight).all()
        assert np.isfinite(layer.bias).all()
        if isinstance(layer, Int8Conv | Int8Linear):
            assert np.isfinite(layer.weight_scale).all()
    assert len(set(model.labels)) == len(model.labels)
    # Nothing in the file may say where it lies.
    assert model.path == path
