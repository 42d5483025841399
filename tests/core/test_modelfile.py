from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from core.clip import ClipSpec
from core.engines import load_engine
from core.errors import EngineError, ModelFileError
from core.fusion import fuse
from core.modelfile import Model, kind_and_family, load_model, save_model
from core.network import FloatNetwork, Int8Network, Quantization
from core.shapes import multiply_accumulates

Edit = Callable[[dict[str, Any]], None]


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


@pytest.fixture
def edited(twin_files: tuple[Path, Path], tmp_path: Path) -> Callable[..., Path]:
    """The int8 file with its description changed."""

    def edit(change: Edit, kind: str = "int8") -> Path:
        table, description, tensors = parts(twin_files[kind == "fp32"])
        change(description)
        return write_parts(tmp_path / "edited.safetensors", table, description, tensors)

    return edit


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


# Files that are no model


def refuse(path: Path, message: str) -> None:
    with pytest.raises(ModelFileError, match=message) as raised:
        load_model(path)
    text = str(raised.value)
    assert "\n" not in text
    assert text.endswith(".")


def test_a_missing_file(tmp_path: Path) -> None:
    refuse(tmp_path / "missing.safetensors", r"missing\.safetensors: No such file")


def test_a_folder(tmp_path: Path) -> None:
    refuse(tmp_path, "is a folder; choose a .safetensors file")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    refuse(tmp_path / ("x" * 5000), "File name too long")
    refuse(tmp_path / "a\0b", "null byte")


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 7, b"{}", bytes(64), b"hello " * 99])
def test_not_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    refuse(path, r"truncated or no safetensors file|is damaged|not a usable")


def test_truncated_anywhere(twin_files: tuple[Path, Path], tmp_path: Path) -> None:
    data = twin_files[0].read_bytes()
    header = int.from_bytes(data[:8], "little")
    path = tmp_path / "truncated.safetensors"
    lengths = {0, 1, 7, 8, 9, header // 2, 8 + header - 1, 8 + header, 9 + header, len(data) - 1}
    lengths |= set(np.linspace(10, len(data) - 2, 20, dtype=int).tolist())
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        refuse(path, "truncated|damaged")


def test_bytes_after_the_end(twin_files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "longer.safetensors"
    path.write_bytes(twin_files[0].read_bytes() + b"more")
    refuse(path, "is damaged")


class Bomb:
    exploded = False

    def __reduce__(self):
        return (setattr, (Bomb, "exploded", True))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_renamed_is_never_opened(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"weights": Bomb()}, protocol))
    refuse(path, "is a Python pickle .* never loads pickles")
    assert not Bomb.exploded


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_checkpoint_renamed(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"weight": torch.zeros(64)}, path, _use_new_zipfile_serialization=zipped)
    refuse(path, "is a Python pickle .* never loads pickles")


def test_another_program_s_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    refuse(path, "header holds no InCab description")
    save_file({"weight": np.zeros(3, np.float32)}, path, metadata={"format": "pt"})
    refuse(path, "header holds no InCab description")


@pytest.mark.parametrize("length", [2**63 - 1, 2**64 - 1, 5 * 2**20, 100_000])
def test_a_giant_header(tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{" * 5000)
    refuse(path, "truncated or no safetensors file")


def test_a_file_too_large_to_be_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(600 * 2**20)
    refuse(path, "too large for a model file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refuse(tmp_path / "pipe", "is no ordinary file; choose a .safetensors file")
    refuse(Path("/dev/zero"), "is no ordinary file")


def test_a_small_file_cannot_ask_for_terabytes(edited: Callable[..., Path]) -> None:
    def wide(description: dict[str, Any]) -> None:
        description["clip"] |= {"frames": 256, "resize": 1024, "crop": 1024}

    refuse(edited(wide), r"conv0 needs 8.*e\+08 values at once for clips of this size")


def put(*path_and_value: Any) -> Edit:
    """Set one value deep in the description."""
    *keys, last, value = path_and_value

    def change(description: dict[str, Any]) -> None:
        for key in keys:
            description = description[key]
        description[last] = value

    change.__name__ = f"{'.'.join(map(str, path_and_value[:-1]))}={value!r:.40}"
    return change


def drop(*keys: Any) -> Edit:
    def change(description: dict[str, Any]) -> None:
        for key in keys[:-1]:
            description = description[key]
        del description[keys[-1]]

    change.__name__ = f"no {'.'.join(map(str, keys))}"
    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("format", 2), "format is 2, this InCab reads 1"),
        (put("format", None), "format is None"),
        (put("kind", "fp16"), "kind 'fp16' is neither int8 nor fp32"),
        (put("kind", "fp32"), "expected float32"),
        (put("labels", ["a", "b"]), "names 2 classes but its weights give 5"),
        (put("labels", ["a", "b", "c", "d", "d"]), "appears twice"),
        (put("labels", "abcde"), "no list of names"),
        (put("labels", [1, 2, 3, 4, 5]), "no list of names"),
        (put("labels", None), "no list of names"),
        (drop("labels"), "'labels' is missing"),
        (drop("layers"), "'layers' is missing"),
        (put("layers", []), "missing or absurd"),
        (put("layers", {}), "missing or absurd"),
        (put("layers", [{}] * 1001), "missing or absurd"),
        (put("layers", ["a", "b"]), "not a usable"),
        (put("layers", 0, "name", "other"), r"'other\.weight' is missing"),
        (put("layers", 1, "name", "conv0"), "two layers have the same name|input channels"),
        (put("layers", 0, "groups", 0), "groups do not divide"),
        (put("layers", 0, "groups", 2), "channels"),
        (put("layers", 0, "groups", float("inf")), "not a usable"),
        (put("layers", 0, "groups", None), "not a usable"),
        (put("layers", 0, "groups", True), "groups must be a whole number, not True"),
        (put("layers", 0, "relu", "false"), "relu must be true or false, not 'false'"),
        (put("layers", 0, "relu", 1), "relu must be true or false, not 1"),
        (put("layers", 0, "name", 7), "name must be a text, not 7"),
        (put("layers", 5, "name", None), "name must be a text, not None"),
        (put("layers", 0, "stride", [1, 2.5, 2]), "stride must be a whole number, not 2.5"),
        (put("layers", 0, "stride", "123"), "stride must be a whole number, not '1'"),
        (put("layers", 0, "output", "scale", "1"), "scale must be a number, not '1'"),
        (put("layers", 0, "output", "zero_point", 0.5), "zero-point must be a whole number"),
        (put("layers", 0, "stride", [1, 2]), "stride needs three numbers"),
        (put("layers", 0, "stride", [0, 1, 1]), "strides must be at least 1"),
        (put("layers", 0, "stride", "abc"), "not a usable"),
        (put("layers", 0, "padding", [-1, 1, 1]), "padding 0 to less than the kernel"),
        (put("layers", 0, "padding", [1, 10**9, 1]), "padding 0 to less than the kernel"),
        (put("layers", 0, "input", "scale", 0.5), "first layer's input must be the pixel itself"),
        (put("layers", 1, "input", "scale", 0.5), "does not take what conv0 gives"),
        (put("layers", 0, "output", "scale", -1), "positive and finite"),
        (put("layers", 0, "output", "scale", float("nan")), "positive and finite"),
        (put("layers", 0, "output", "scale", 10**400), "not a usable"),
        (put("layers", 0, "output", "zero_point", 256), "zero-point must be 0 to 255"),
        (put("layers", 5, "input", "scale", 0), "positive and finite"),
        (put("clip", "frames", 0), "frames must be 1 to 256"),
        (put("clip", "frames", 4.5), "frames must be a whole number"),
        (put("clip", "crop", "32"), "crop must be a whole number"),
        (put("clip", "span_s", float("nan")), "span_s"),
        (put("clip", "channels", "grey"), "channels"),
        (put("clip", "extra", 1), "extra"),
        (put("clip", None), "not a usable"),
        (put("parent", 5), "parent is no hash"),
        (put("training", "by hand"), "its training must be a JSON object"),
        (put("metrics", [["test", {}]]), "its metrics must be a JSON object"),
        (put("metrics", {"test": 0.5}), "its test must be a JSON object"),
        (
            put("metrics", {"test": {"mean_per_class_accuracy": "high"}}),
            "accuracy must be a number",
        ),
        (put("metrics", {"test": {"mean_per_class_accuracy": 50}}), "accuracy must be 0 to 1"),
        (put("temperature", "2"), "its temperature must be a number"),
        (put("golden", {}), "needs golden answers to ordinary, bright"),
        (drop("golden", "bright"), "needs golden answers to ordinary, bright"),
        (put("golden", "strange", [0] * 5), "needs golden answers to ordinary, bright"),
        (put("golden", "ordinary", [0.0] * 4), "not 5 finite logits"),
        (put("golden", "ordinary", [float("nan")] * 5), "not 5 finite logits"),
        (put("golden", "ordinary", [1e300, 0, 0, 0, 0]), "not 5 finite logits"),
        (put("golden", "ordinary", [10**400, 0, 0, 0, 0]), "not a usable"),
        (put("golden", "ordinary", "abcde"), "not a usable"),
    ],
)
def test_a_description_that_cannot_be(
    edited: Callable[..., Path], change: Edit, message: str
) -> None:
    refuse(edited(change), message)


@pytest.mark.parametrize(
    "description", ["", "null", "[]", "3", "{", "[" * 100_000, "9" * 5000, '"text"']
)
def test_a_description_that_is_no_object(
    twin_files: tuple[Path, Path], tmp_path: Path, description: str
) -> None:
    table, _, tensors = parts(twin_files[0])
    path = write_parts(tmp_path / "edited.safetensors", table, description, tensors)
    refuse(path, "is not a usable InCab model")


def test_an_unedited_file_is_accepted(edited: Callable[..., Path]) -> None:
    assert load_model(edited(lambda _: None)).kind == "int8"
    assert load_model(edited(lambda _: None, "fp32")).kind == "fp32"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([648], "is not O x I x kT x kH x kW"),
        ([8, 81], "is not O x I x kT x kH x kW"),
        ([27, 3, 1, 1, 8], "not a usable"),
        ([8, 3, 27, 1, 1], "padding 0 to less than the kernel"),
        ([], "is damaged"),
        ([8, 3, 3, 3, 4], "is damaged"),
    ],
    ids=str,
)
def test_a_weight_of_another_shape(
    twin_files: tuple[Path, Path], tmp_path: Path, shape: list[int], message: str
) -> None:
    table, description, tensors = parts(twin_files[0])
    table["conv0.weight"]["shape"] = shape
    refuse(write_parts(tmp_path / "edited.safetensors", table, description, tensors), message)


@pytest.mark.parametrize(
    ("tensor", "dtype"),
    [
        ("conv0.weight", "U8"),
        ("conv0.weight", "F8_E4M3"),
        ("conv0.weight", "NONSENSE"),
        ("conv0.bias", "F32"),
        ("conv0.weight_scale", "I32"),
        ("classifier.weight", "U8"),
        ("classifier.bias", "U32"),
    ],
)
def test_a_tensor_of_another_type(
    twin_files: tuple[Path, Path], tmp_path: Path, tensor: str, dtype: str
) -> None:
    table, description, tensors = parts(twin_files[0])
    table[tensor]["dtype"] = dtype
    refuse(
        write_parts(tmp_path / "edited.safetensors", table, description, tensors),
        "expected|is damaged",
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("tensor", ["conv2.weight", "conv0.bias", "classifier.weight"])
def test_weights_that_are_no_numbers(
    twin_files: tuple[Path, Path], tmp_path: Path, tensor: str, value: float
) -> None:
    table, description, tensors = parts(twin_files[1])
    begin = table[tensor]["data_offsets"][0]
    tensors = tensors[:begin] + struct.pack("<f", value) + tensors[begin + 4 :]
    refuse(
        write_parts(tmp_path / "edited.safetensors", table, description, tensors),
        f"{tensor.partition('.')[0]}: weights hold NaN or infinity",
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_weight_scales_that_cannot_be(
    twin_files: tuple[Path, Path], tmp_path: Path, value: float
) -> None:
    table, description, tensors = parts(twin_files[0])
    begin = table["conv1.weight_scale"]["data_offsets"][0]
    tensors = tensors[:begin] + struct.pack("<f", value) + tensors[begin + 4 :]
    refuse(
        write_parts(tmp_path / "edited.safetensors", table, description, tensors),
        "conv1: weight scales must be positive and finite",
    )


# Random damage


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
