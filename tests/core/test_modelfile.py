"""Model files: what is written comes back, nothing is written half or contradicts itself."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from core.clip import ClipSpec
from core.engines import load_engine
from core.errors import ModelFileError
from core.fusion import fuse
from core.modelfile import Model, kind_and_family, load_model, save_model
from core.network import FloatNetwork, Int8Network, Quantization
from tests.core.model_parts import json_values, parts


def assert_same_network(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    layers = zip(
        (*one.convolutions, one.classifier), (*other.convolutions, other.classifier), strict=True
    )
    for a, b in layers:
        assert type(a) is type(b)
        for field in fields(a):
            left, right = getattr(a, field.name), getattr(b, field.name)
            if isinstance(left, np.ndarray):
                assert left.dtype == right.dtype
                np.testing.assert_array_equal(left, right)
            else:
                assert left == right, field.name


# What is written comes back


@pytest.mark.parametrize("kind", ["int8", "fp32"])
def test_a_model_comes_back_as_it_was(networks, tmp_path: Path, kind: str) -> None:
    network = getattr(networks, kind)(seed=3)
    model = networks.model(
        network,
        labels=("a", "b c", "ß", "d", "猫"),
        architecture={"name": "mobilenet3d", "width_multiplier": 0.5},
        training={"recipe": {"seed": 1, "data": None}, "steps": [1, 2.5, "x"]},
        metrics={"test": {"mean_per_class_accuracy": 0.1234567890123}},
    )
    path = tmp_path / "model.safetensors"
    save_model(model, path)
    loaded = load_model(path)
    assert_same_network(loaded.network, network)
    assert loaded.kind == kind
    for name in ("clip", "labels", "architecture", "training", "metrics", "parent"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert set(loaded.golden) == set(model.golden)
    for name, logits in model.golden.items():
        assert loaded.golden[name].dtype == np.float32
        np.testing.assert_array_equal(loaded.golden[name], logits)
    data = path.read_bytes()
    assert loaded.sha256 == hashlib.sha256(data).hexdigest()
    assert loaded.file_bytes == len(data)
    assert loaded.file_mb == len(data) / 1e6
    assert loaded.path == path
    save_model(loaded, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == data


clip_specs = st.builds(
    ClipSpec,
    frames=st.integers(1, 40),
    span_s=st.one_of(st.none(), st.floats(0.01, 60)),
    resize=st.integers(64, 1024),
    crop=st.integers(16, 64),
    channels=st.sampled_from(["rgb", "bgr"]),
)


def test_what_kind_of_model_it_is_can_be_told_from_its_head(
    twin_files: tuple[Path, Path], tmp_path: Path
) -> None:
    for path in twin_files:
        model = load_model(path)
        assert kind_and_family(path) == (model.kind, model.architecture["name"])
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ModelFileError, match="holds no InCab description"):
        kind_and_family(tmp_path / "foreign.safetensors")
    with pytest.raises(ModelFileError, match="Cannot read model"):
        kind_and_family(tmp_path / "missing.safetensors")


@settings(max_examples=25)
@given(
    clip_specs,
    st.lists(st.text(min_size=1, max_size=10), min_size=5, max_size=5, unique=True),
    st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=5, max_size=5),
)
def test_whatever_describes_a_model_comes_back(
    networks,
    tmp_path: Path,
    clip: ClipSpec,
    labels: list[str],
    training: dict[str, Any],
    logits: list[float],
) -> None:
    answers = np.array(logits, np.float32)
    model = Model(
        network=networks.fp32(),
        clip=clip,
        labels=tuple(labels),
        architecture={"name": "tiny"},
        training=training,
        golden={"ordinary": answers, "bright": answers[::-1]},
    )
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.clip == clip
    assert loaded.labels == tuple(labels)
    assert loaded.training == training
    np.testing.assert_array_equal(loaded.golden["bright"], answers[::-1])


def test_layers_without_relu_and_with_zero_points_come_back(networks, tmp_path: Path) -> None:
    network = networks.int8()
    first, second, *rest = network.convolutions
    middle = Quantization(0.25, 17)
    layers = (replace(first, relu=False, output=middle), replace(second, input=middle), *rest)
    network = Int8Network(layers, network.classifier)
    save_model(networks.model(network), tmp_path / "model.safetensors")
    assert_same_network(load_model(tmp_path / "model.safetensors").network, network)


def test_weights_in_any_memory_layout(networks, tmp_path: Path) -> None:
    network = networks.fp32()
    first = network.convolutions[0]
    turned = replace(first, weight=np.asfortranarray(first.weight))
    network = FloatNetwork((turned, *network.convolutions[1:]), network.classifier)
    save_model(networks.model(network), tmp_path / "model.safetensors")
    assert_same_network(load_model(tmp_path / "model.safetensors").network, network)


def test_the_loaded_model_runs(twin_files: tuple[Path, Path]) -> None:
    for path in twin_files:
        for name in ("openvino", "reference"):
            load_engine(load_model(path), name, threads=1)


def test_a_twin_knows_its_parent(networks, twin_files: tuple[Path, Path], tmp_path: Path) -> None:
    int8, fp32 = (load_model(path) for path in twin_files)
    assert isinstance(int8.network, Int8Network)
    assert int8.is_twin_of(fp32)
    assert not fp32.is_twin_of(int8)
    save_model(networks.model(networks.fp32(seed=1)), tmp_path / "other.safetensors")
    assert not int8.is_twin_of(load_model(tmp_path / "other.safetensors"))
    orphan = replace(int8, parent=None)
    assert not orphan.is_twin_of(fp32)
    assert not orphan.is_twin_of(replace(fp32, sha256=""))


def test_the_real_students_are_small_enough(
    networks, full_student, full_int8: Int8Network, tmp_path: Path
) -> None:
    """881,538 weights as float32 and as int8, with everything a real file says of itself."""
    logits = np.linspace(-9.87654321, 9.87654321, 34, dtype=np.float32)
    description = {
        "clip": ClipSpec(),
        "labels": tuple(f"some_long_activity_name_{index}" for index in range(34)),
        "training": {"recipe": {f"setting_{index}": index / 7 for index in range(40)}},
        "golden": {"ordinary": logits, "bright": logits},
        "metrics": {
            "test": {"per_class": {f"some_long_activity_name_{i}": i / 7 for i in range(34)}}
        },
    }
    for network, limit_mb in ((fuse(full_student), 3.6), (full_int8, 0.95)):
        path = tmp_path / f"{limit_mb}.safetensors"
        save_model(
            Model(network=network, architecture={"name": "mobilenet3d"}, **description), path
        )
        assert 0.9 * limit_mb < load_model(path).file_mb <= limit_mb


@pytest.mark.parametrize(
    "length", [19280, 65536 + 640, 65536 + 896, 65536 + 1152, 65536 + 1408, 131072 + 19280]
)
def test_a_header_as_long_as_a_pickle_s_first_bytes(
    twin_files: tuple[Path, Path], tmp_path: Path, length: int
) -> None:
    """The header's length comes first: …640 reads as a pickle's mark, 19280 as a zip's "PK"."""
    table, description, tensors = parts(twin_files[0])
    header = json.dumps({**table, "__metadata__": {"incab": json.dumps(description)}}).encode()
    assert len(header) <= length
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + header.ljust(length) + tensors)
    assert load_model(path).kind == "int8"


# Nothing is written half


def test_a_failed_write_leaves_the_old_file_and_no_other(
    networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    save_model(networks.model(networks.fp32()), path)
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(networks.model(networks.fp32(seed=1)), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_description_that_json_cannot_hold_is_not_written(
    networks, tmp_path: Path, value: float
) -> None:
    model = networks.model(networks.fp32(), metrics={"accuracy": value})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(model, tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


# Models that contradict themselves


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("a", "b", "c", "d")}, "names 4 classes but its weights give 5"),
        ({"labels": ("a", "b", "c", "d", "a")}, "appears twice"),
        ({"clip": ClipSpec(channels="grey")}, "clips have 1 channels but its weights take 3"),
        ({"golden": {"ordinary": np.zeros(4, np.float32)}}, "not 5 finite logits"),
        ({"golden": {"bright": np.full(5, np.nan, np.float32)}}, "not 5 finite logits"),
    ],
    ids=str,
)
def test_a_model_that_contradicts_itself_is_refused(
    networks, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        networks.model(networks.fp32(), **change)


def test_a_clip_too_small_for_the_network_is_refused(networks) -> None:
    network = networks.fp32()
    first = network.convolutions[0]
    unpadded = replace(first, geometry=replace(first.geometry, padding=(0, 0, 0)))
    network = FloatNetwork((unpadded, *network.convolutions[1:]), network.classifier)
    with pytest.raises(ValueError, match="too small"):
        replace(networks.model(networks.fp32()), network=network, clip=ClipSpec(frames=2))
