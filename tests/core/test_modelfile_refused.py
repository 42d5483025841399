"""Files that are no model, or say of themselves what cannot be: each is refused in a sentence."""

from __future__ import annotations

import os
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from core.errors import ModelFileError
from core.modelfile import load_model
from tests.core.model_parts import parts, write_parts

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def edited(twin_files: tuple[Path, Path], tmp_path: Path) -> Callable[..., Path]:
    """The int8 file with its description changed."""

    def edit(change: Edit, kind: str = "int8") -> Path:
        table, description, tensors = parts(twin_files[kind == "fp32"])
        change(description)
        return write_parts(tmp_path / "edited.safetensors", table, description, tensors)

    return edit


def refuse(path: Path, message: str) -> None:
    with pytest.raises(ModelFileError, match=message) as raised:
        load_model(path)
    text = str(raised.value)
    assert "\n" not in text
    assert text.endswith(".")


def test_a_missing_file(tmp_path: Path) -> None:
    refuse(tmp_path / "missing.safetensors", r"missing\.safetensors: No such file")


def test_a_folder(tmp_path: Path) -> None:
    refuse(tmp_path, "Is a directory; choose a .safetensors file")


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
    refuse(path, "it is larger than 537 MB; choose a .safetensors file")


def test_reading_takes_no_more_memory_than_the_file_needs(twin_files: tuple[Path, Path]) -> None:
    load_model(twin_files[0])
    tracemalloc.start()
    try:
        load_model(twin_files[0])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refuse(tmp_path / "pipe", "it is no ordinary file; choose a .safetensors file")
    refuse(Path("/dev/zero"), "it is no ordinary file")


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
