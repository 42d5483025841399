"""Model files taken apart and put together otherwise."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from hypothesis import strategies as st


def parts(path: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Tensor table, InCab's description and tensor bytes of a model file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    return table, json.loads(table["__metadata__"]["incab"]), data[8 + length :]


def write_parts(path: Path, table: dict[str, Any], description: Any, tensors: bytes) -> Path:
    if not isinstance(description, str):
        description = json.dumps(description)
    header = json.dumps({**table, "__metadata__": {"incab": description}}).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(struct.pack("<Q", len(header)) + header + tensors)
    return path


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    # JSON has no infinity either.
    .filter(lambda value: abs(value) < float("inf"))
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
