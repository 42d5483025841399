"""Pools, branches and one-sided padding in a model file; chains are tested with core.modelfile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.description import assemble, describe, tensors_of
from core.engines.reference import ReferenceEngine
from core.errors import ModelFileError
from core.geometry import Geometry
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import load_model, save_model
from core.network import (
    Branches,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Network,
    MaxPool,
    Network,
)

SAME = Geometry((1, 1, 1), (1, 1, 1))
Entries = list[dict[str, Any]]


def conv(name: str, inputs: int, outputs: int, kernel: int, geometry: Geometry) -> FloatConv:
    random = np.random.default_rng(len(name))
    weight = np.float32(random.normal(0, 0.3, (outputs, inputs, kernel, kernel, kernel)))
    return FloatConv(name, weight, np.float32(random.normal(0, 0.1, outputs)), geometry)


@pytest.fixture(scope="module")
def branched() -> FloatNetwork:
    """A small I3D: a stem padded on one side, a pool, branches."""
    stem = Geometry((2, 2, 2), (0, 0, 0), padding_back=(1, 1, 1))
    halving = Geometry((1, 2, 2), (0, 0, 0), padding_back=(0, 1, 1))
    point = Geometry((1, 1, 1), (0, 0, 0))
    stages = (
        conv("stem", 3, 6, 3, stem),
        MaxPool((1, 3, 3), halving),
        Branches(
            (
                (conv("mixed.0", 6, 4, 1, point),),
                (conv("mixed.1.0", 6, 3, 1, point), conv("mixed.1.1", 3, 5, 3, SAME)),
                (MaxPool((3, 3, 3), SAME), conv("mixed.2.1", 6, 2, 1, point)),
            )
        ),
    )
    weight = np.float32(np.random.default_rng(0).normal(0, 1, (5, 11)))
    return FloatNetwork(stages, FloatLinear("classifier", weight, np.zeros(5, np.float32)))


def through_json(network: Network) -> Entries:
    return json.loads(json.dumps(describe(network)))


def again(network: Network, kind: str = "fp32") -> Network:
    return assemble(kind, through_json(network), tensors_of(network))


def test_branches_come_back_as_they_were(branched: FloatNetwork) -> None:
    loaded = again(branched)
    assert isinstance(loaded, FloatNetwork)
    assert through_json(loaded) == through_json(branched)
    clip = golden_clip("ordinary", (4, 32, 32, 3))
    expected = ReferenceEngine(branched).logits(clip)
    np.testing.assert_array_equal(ReferenceEngine(loaded).logits(clip), expected)
    assert loaded.stages[1] == branched.stages[1]
    for one, other in zip(loaded.convolutions, branched.convolutions, strict=True):
        assert (one.name, one.geometry, one.relu) == (other.name, other.geometry, other.relu)


def test_the_description_is_the_documented_one(branched: FloatNetwork) -> None:
    stem, pool, branches, classifier = through_json(branched)
    assert stem == {
        "name": "stem",
        "stride": [2, 2, 2],
        "padding": [0, 0, 0],
        "groups": 1,
        "padding_back": [1, 1, 1],
        "relu": True,
    }
    assert pool == {
        "max_pool": [1, 3, 3],
        "stride": [1, 2, 2],
        "padding": [0, 0, 0],
        "padding_back": [0, 1, 1],
    }
    assert list(branches) == ["branches"]
    assert [len(chain) for chain in branches["branches"]] == [1, 2, 2]
    assert classifier == {"name": "classifier"}


def test_one_sided_padding_of_an_int8_layer_comes_back(networks) -> None:
    network = networks.int8()
    first, *rest = network.convolutions
    one_sided = Geometry((1, 2, 2), (1, 0, 0), padding_back=(1, 1, 1))
    first = type(first)(
        *(getattr(first, field) for field in ("name", "weight", "weight_scale", "bias")),
        one_sided,
        *(getattr(first, field) for field in ("input", "output", "relu")),
    )
    network = Int8Network((first, *rest), network.classifier)
    assert again(network, "int8").convolutions[0].geometry == one_sided


def test_symmetric_layers_are_described_as_they_always_were(networks) -> None:
    assert through_json(networks.fp32())[0] == {
        "name": "conv0",
        "stride": [1, 2, 2],
        "padding": [1, 1, 1],
        "groups": 1,
        "relu": True,
    }


def test_a_file_with_branches_comes_back(branched: FloatNetwork, networks, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = networks.model(branched)
    save_model(model, path)
    loaded = load_model(path)
    assert loaded.kind == "fp32"
    for name in GOLDEN_NAMES:
        clip = golden_clip(name, loaded.clip.clip_shape)
        np.testing.assert_array_equal(
            ReferenceEngine(loaded.network).logits(clip), loaded.golden[name]
        )
    save_model(loaded, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


# Files that somebody made up


def nested(depth: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"branches": []}
    for _ in range(depth):
        entry = {"branches": [[entry]]}
    return entry


def set_in(*keys_and_value: Any) -> Callable[[Entries], Entries]:
    def change(entries: Entries) -> Entries:
        *keys, last, value = keys_and_value
        node: Any = entries
        for key in keys:
            node = node[key]
        node[last] = value
        return entries

    change.__name__ = f"{'.'.join(map(str, keys_and_value[:-1]))}={keys_and_value[-1]!r:.40}"
    return change


CHAINS = (2, "branches")
POOL = {"max_pool": [1, 1, 1], "stride": [1, 1, 1], "padding": [0, 0, 0]}
HUGE = 10**6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in(*CHAINS, 0, 0, nested(1)), "branches within branches"),
        (set_in(2, nested(50)), "branches within branches"),
        (set_in(*CHAINS, 0, [POOL] * 1000), "missing or absurd"),
        (set_in(*CHAINS, [[POOL]] * 1000), "missing or absurd"),
        (set_in(*CHAINS, []), "at least one chain"),
        (set_in(*CHAINS, 1, []), "no chain may be empty"),
        (set_in(*CHAINS, 5), "not a usable"),
        (set_in(*CHAINS, "abc"), "not a usable"),
        (set_in(*CHAINS, [None]), "not a usable"),
        (set_in(*CHAINS, [["abc"]]), "not a usable"),
        (set_in(*CHAINS, 2, 0, "stride", [2, 1, 1]), "branches give different sizes"),
        (set_in(*CHAINS, 2, 0, "padding", [1, 0, 1]), "branches give different sizes"),
        (set_in(*CHAINS, 2, 0, "padding_back", [1, 1, 2]), "max pool is padded by more than half"),
        (set_in(*CHAINS, 0, 0, "name", "stem"), "two layers have the same name"),
        (set_in(*CHAINS, 0, 0, "name", "classifier"), "two layers have the same name"),
        (set_in(*CHAINS, 0, 0, "name", "nobody"), r"'nobody\.weight' is missing"),
        (set_in(1, "max_pool", [3, 3]), "max_pool needs three numbers"),
        (set_in(1, "max_pool", None), "not a usable"),
        (set_in(1, "max_pool", [0, 3, 3]), "max pool: strides must be at least 1 and padding"),
        (set_in(1, "max_pool", [1, HUGE, HUGE]), "2x16x16 values are left, a clip too small"),
        (
            set_in(1, {**POOL, "max_pool": [HUGE] * 3, "padding": [HUGE - 1] * 3}),
            "padded by more than half",
        ),
        (set_in(1, "stride", [0, 1, 1]), "max pool: strides must be at least 1"),
        (set_in(1, "padding_back", [0, -1, 0]), "max pool: strides must be at least 1 and padding"),
        (set_in(0, "padding_back", [1, 1, 3]), "stem: strides must be at least 1 and padding 0"),
        (set_in(0, "padding_back", [1, 1]), "padding_back needs three numbers"),
        (set_in(0, "padding_back", None), "not a usable"),
        (set_in(3, {"branches": [[POOL]]}), "'name' is missing"),
        (set_in(3, POOL), "'name' is missing"),
        (lambda entries: [POOL, POOL, entries[3]], "at least one convolution"),
        (lambda entries: [entries[2], entries[0], entries[3]], "input channels"),
        (lambda entries: [[entries], entries], "not a usable"),
    ],
)
def test_a_description_that_cannot_be(
    branched: FloatNetwork,
    networks,
    tmp_path: Path,
    change: Callable[[Entries], Entries],
    message: str,
) -> None:
    path = tmp_path / "model.safetensors"
    save_model(networks.model(branched), path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    description = json.loads(table["__metadata__"]["incab"])
    description["layers"] = change(description["layers"])
    table["__metadata__"]["incab"] = json.dumps(description)
    header = json.dumps(table).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    with pytest.raises(ModelFileError, match=message) as raised:
        load_model(path)
    assert "\n" not in str(raised.value)


def test_int8_has_no_branches(branched: FloatNetwork, networks) -> None:
    entries = through_json(networks.int8())
    entries.insert(1, through_json(branched)[2])
    with pytest.raises(KeyError, match="name"):
        assemble("int8", entries, tensors_of(networks.int8()))
