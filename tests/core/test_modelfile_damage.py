"""Model files with random damage: refused, or harmless."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engines import load_engine
from core.errors import EngineError, ModelFileError
from core.modelfile import Model, load_model
from core.shapes import multiply_accumulates
from tests.core.model_parts import json_values, parts, write_parts


@pytest.fixture(scope="module")
def healthy(networks, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    int8, _ = networks.save_twins(tmp_path_factory.mktemp("healthy"))
    return int8.read_bytes()


def load_or_refuse(data: bytes, path: Path) -> Model | None:
    path.write_bytes(data)
    try:
        return load_model(path)
    except ModelFileError:
        return None


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_random_bytes_are_only_ever_refused(tmp_path: Path, data: bytes) -> None:
    assert load_or_refuse(data, tmp_path / "fuzzed.safetensors") is None


@settings(max_examples=120)
@given(st.data())
def test_damage_is_only_ever_refused_or_harmless(
    healthy: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    """A few bytes overwritten, mostly in the header: ModelFileError or a model, nothing else."""
    header = 8 + int.from_bytes(healthy[:8], "little")
    where = st.one_of(st.integers(0, header - 1), st.integers(0, len(healthy) - 1))
    mutated = bytearray(healthy)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(where)
        piece = data.draw(
            st.one_of(
                st.binary(min_size=1, max_size=6),
                st.sampled_from([b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"99999", b"true"]),
            )
        )
        mutated[at : at + len(piece)] = piece
    load_or_refuse(bytes(mutated[: len(healthy)]), tmp_path / "fuzzed.safetensors")


@settings(max_examples=150)
@given(st.data())
def test_any_value_anywhere_in_the_description(
    healthy: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    """Any part of the description replaced by any JSON: refused, or a model that runs or is not."""
    path = tmp_path / "healthy.safetensors"
    path.write_bytes(healthy)
    table, description, tensors = parts(path)
    node: Any = description
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        inner = node[key]
        if not (isinstance(inner, (dict, list)) and inner) or data.draw(st.booleans()):
            break
        node = inner
    extremes = st.sampled_from(
        [float("inf"), float("nan"), -0.0, 1e308, 10**400, -(10**30), 2**31, "", "1", True, [], {}]
    )
    node[key] = data.draw(extremes | json_values)
    edited = write_parts(tmp_path / "edited.safetensors", table, description, tensors)
    model = load_or_refuse(edited.read_bytes(), edited)
    # Larger clips would take seconds; what they cost is bounded and tested with core.shapes.
    if model and multiply_accumulates(model.network, model.clip.clip_shape) < 10**7:
        with contextlib.suppress(EngineError):
            load_engine(model, "reference")
