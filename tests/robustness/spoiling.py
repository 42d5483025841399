"""Ways to spoil the bytes of any file, and values that nobody expects."""

from __future__ import annotations

import random
from typing import Any


def spoil_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip, cut, repeat, swap or insert."""
    spoiled = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 50))):
        if not spoiled:
            return b""
        start = chance.randrange(len(spoiled))
        end = min(len(spoiled), start + chance.choice((1, 4, 64, 1000)))
        match chance.randrange(6):
            case 0 | 1:
                spoiled[start] = chance.randrange(256)
            case 2:
                del spoiled[start:]
            case 3:
                spoiled[start:start] = spoiled[start:end] * chance.choice((1, 2, 100))
            case 4:
                del spoiled[start:end]
            case _:
                spoiled[start:end] = chance.randbytes(end - start)
    return bytes(spoiled)


def strange_value(chance: random.Random) -> Any:
    """Some JSON that is of another kind than whatever stood there."""
    return chance.choice(
        (
            None, True, False, 0, -1, 1.5, 10**400, "", "1", "\0", [], {}, [[]], [None] * 1000,
            {"a": {"b": []}}, ["x"] * 3, [1, 2, 3], [1.5, -2, "3"], "../" * 50, {"name": 1},
            "nan", [10**20] * 3, {"": ""},
        )
    )  # fmt: skip
