from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino as ov
import pytest
from numpy.typing import NDArray

from core.clip import ClipSpec
from core.engines import GOLDEN_TOLERANCE
from core.engines.openvino import compile_graph, shared_core
from core.engines.reference import ReferenceEngine
from core.errors import DataError, EngineError
from core.fusion import fuse_i3d
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model, save_model
from core.models.i3d import I3D
from core.network import FloatNetwork, Int8Conv, Int8Network
from core.normalization import Normalization
from training.exporters.export import Format, export
from training.exporters.onnx_graph import onnx_model

Make = Callable[[str], Model]
KINDS = ("fp32", "int8")
FORMATS: tuple[tuple[Format, str], ...] = (("openvino", "m.xml"), ("onnx", "m.onnx"))


@pytest.fixture
def make(networks: Any, tmp_path: Path) -> Make:
    """A small model of a kind, from its file, as `export` gets it."""

    def of(kind: str) -> Model:
        model = networks.model(networks.fp32() if kind == "fp32" else networks.int8())
        save_model(replace(model, temperature=1.5), tmp_path / f"{kind}.safetensors")
        return load_model(tmp_path / f"{kind}.safetensors")

    return of


def clips(model: Model) -> NDArray[np.uint8]:
    return np.stack([golden_clip(name, model.clip.clip_shape) for name in GOLDEN_NAMES])


def golden(model: Model) -> NDArray[np.float32]:
    return np.stack([model.golden[name] for name in GOLDEN_NAMES])


def by_onnxruntime(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"pixels": pixels})
    return logits


@pytest.mark.parametrize("kind", KINDS)
def test_the_onnx_file_answers_as_the_reference_in_another_runtime(
    make: Make, kind: str, tmp_path: Path
) -> None:
    """Two clips at once, too: the batch is free."""
    model, path = make(kind), tmp_path / "m.onnx"
    exported = export(model, "onnx", path, threads=1)
    assert exported.files == (path,)
    logits, expected = by_onnxruntime(path, clips(model)), golden(model)
    assert np.ptp(expected) > 0.5
    assert np.abs(logits - expected).max() <= GOLDEN_TOLERANCE[kind] * np.ptp(expected)
    assert exported.deviation <= exported.tolerance == GOLDEN_TOLERANCE[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_ir_answers_as_the_reference(make: Make, kind: str, tmp_path: Path) -> None:
    model, path = make(kind), tmp_path / "m.xml"
    exported = export(model, "openvino", path, threads=1)
    assert exported.files == (path, path.with_suffix(".bin"))
    compiled = compile_graph(shared_core().read_model(path), 1)
    for clip, expected in zip(clips(model), golden(model), strict=True):
        logits = compiled(clip[np.newaxis])[compiled.output("logits")][0]
        assert np.abs(logits - expected).max() <= GOLDEN_TOLERANCE[kind] * np.ptp(expected)


def test_int8_files_hold_integers_and_fp32_ir_is_not_halved(make: Make, tmp_path: Path) -> None:
    """Rounding weights to 16 bits is what OpenVINO does when nothing is said."""
    for kind, name in (("int8", "int8"), ("fp32", "fp32")):
        export(make(kind), "openvino", tmp_path / f"{name}.xml", threads=1)
    network = make("fp32").network
    graph = ov.Core().read_model(tmp_path / "fp32.xml")
    constants = [op for op in graph.get_ops() if op.get_type_name() == "Constant"]
    assert not any(op.get_element_type() == ov.Type.f16 for op in constants)
    weight = network.convolutions[0].weight
    assert any(
        op.shape == list(weight.shape) and np.array_equal(op.data, weight) for op in constants
    )
    int8 = onnx_model(make("int8")).graph
    kinds = {tensor.data_type for tensor in int8.initializer if tensor.name.endswith(".levels")}
    assert kinds == {onnx.TensorProto.INT8, onnx.TensorProto.INT32}
    graph = ov.Core().read_model(tmp_path / "int8.xml")
    integers = [op for op in graph.get_ops() if op.get_element_type() == ov.Type.i8]
    assert len(integers) == len(make("int8").network.convolutions) + 1


@pytest.mark.parametrize(("kind", "name"), FORMATS)
def test_a_file_says_what_somebody_who_deploys_it_must_know(
    make: Make, kind: Format, name: str, tmp_path: Path
) -> None:
    model, path = make("int8"), tmp_path / name
    export(model, kind, path, threads=1)
    if kind == "onnx":
        told = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    else:
        graph = ov.Core().read_model(path)
        keys = ("labels", "clip", "temperature", "kind", "model_sha256", "input", "output")
        told = {key: graph.get_rt_info(["incab", key]).astype(str) for key in keys}
    assert json.loads(told["labels"]) == list(model.labels)
    assert ClipSpec(**json.loads(told["clip"])) == model.clip
    assert float(told["temperature"]) == 1.5
    assert (told["kind"], told["model_sha256"]) == ("int8", model.sha256)
    assert "uint8, N x 4 x 32 x 32 x 3" in told["input"]
    assert "softmax(logits / 1.5)" in told["output"]


def test_the_batch_of_the_ir_can_be_changed(make: Make, tmp_path: Path) -> None:
    model, path = make("int8"), tmp_path / "m.xml"
    export(model, "openvino", path, threads=1)
    graph = shared_core().read_model(path)
    ov.set_batch(graph, 2)
    compiled = compile_graph(graph, 1)
    logits = compiled(clips(model))[compiled.output(0)]
    expected = golden(model)
    assert np.abs(logits - expected).max() <= GOLDEN_TOLERANCE["int8"] * np.ptp(expected)


def with_golden(model: Model, network: FloatNetwork | Int8Network, clip: ClipSpec) -> Model:
    reference = ReferenceEngine(network)
    answers = {n: reference.logits(golden_clip(n, clip.clip_shape)) for n in GOLDEN_NAMES}
    return replace(model, network=network, clip=clip, golden=answers)


def test_the_teacher_can_be_exported(networks: Any, tmp_path: Path) -> None:
    """Branches, pools, and padding that differs in front and behind."""
    clip = ClipSpec(frames=8, resize=36, crop=32)
    network = fuse_i3d(I3D(5).eval(), (8, 32, 32))
    model = with_golden(networks.model(networks.fp32()), network, clip)
    for kind, name in FORMATS:
        exported = export(model, kind, tmp_path / name, threads=1)
        assert exported.deviation < 1e-4
    expected = golden(model)
    logits = by_onnxruntime(tmp_path / "m.onnx", clips(model))
    assert np.abs(logits - expected).max() < 1e-3 * np.ptp(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_other_pixels_than_p_over_255_go_along(make: Make, kind: str, tmp_path: Path) -> None:
    """As imported checkpoints want them; their zeros of padding are not black."""
    model = make(kind)
    network = replace_normalization(model.network, Normalization((114.0, 107.0, 99.0), 1 / 128))
    model = with_golden(model, network, model.clip)
    for format_, name in FORMATS:
        exported = export(model, format_, tmp_path / name, threads=1)
        assert exported.deviation <= GOLDEN_TOLERANCE[kind]
    expected = golden(model)
    logits = by_onnxruntime(tmp_path / "m.onnx", clips(model))
    assert np.abs(logits - expected).max() <= GOLDEN_TOLERANCE[kind] * np.ptp(expected)


def replace_normalization(
    network: FloatNetwork | Int8Network, normalization: Normalization
) -> FloatNetwork | Int8Network:
    if isinstance(network, FloatNetwork):
        return replace(network, normalization=normalization)
    from core.network import pixel_quantization

    first: Int8Conv = replace(network.convolutions[0], input=pixel_quantization(normalization))
    return replace(
        network, convolutions=(first, *network.convolutions[1:]), normalization=normalization
    )


def test_a_grey_model_takes_grey_pixels(networks: Any, tmp_path: Path) -> None:
    """Not the 2×2 blocks that the engine lays out for itself."""
    grey = type(networks)(ClipSpec(frames=4, span_s=0.4, resize=36, crop=32, channels="grey"))
    model = grey.model(grey.int8())
    for kind, name in FORMATS:
        export(model, kind, tmp_path / name, threads=1)
    shape = onnx.load(tmp_path / "m.onnx").graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in shape[1:]] == [4, 32, 32, 1]


# What goes wrong


@pytest.mark.parametrize(("kind", "name"), FORMATS)
def test_a_file_that_answers_wrongly_never_appears(
    make: Make, kind: Format, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer is given another network than the one whose answers are asked for."""
    import training.exporters.export as module

    right, wrong, folder = make("fp32"), make("int8"), tmp_path / "out"
    write = module._writer(kind)
    monkeypatch.setattr(module, "_writer", lambda _: lambda model, path: write(wrong, path))
    with pytest.raises(EngineError, match="was not written: read back, it is"):
        export(right, kind, folder / name, threads=1)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("kind", "name"), FORMATS)
def test_an_older_file_stays_when_writing_fails(
    make: Make, kind: Format, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training.exporters.export as module

    def full(model: Model, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("No space left on device")

    path = tmp_path / "out" / name
    export(make("int8"), kind, path, threads=1)
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    monkeypatch.setattr(module, "_writer", lambda _: full)
    with pytest.raises(DataError, match="No space left on device"):
        export(make("fp32"), kind, path, threads=1)
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


def test_a_wrong_ending_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in \.onnx for --format onnx"):
        export(make("fp32"), "onnx", tmp_path / "m.xml")


def test_what_is_not_ours_is_left_alone(make: Make, tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_text("mine")
    with pytest.raises(DataError, match=r"m\.bin is there already and no m\.xml"):
        export(make("fp32"), "openvino", tmp_path / "m.xml", threads=1)
    (tmp_path / "m.xml").mkdir()
    with pytest.raises(DataError, match=r"m\.xml is a folder"):
        export(make("fp32"), "openvino", tmp_path / "m.xml", threads=1)
    assert (tmp_path / "m.bin").read_text() == "mine"


def test_no_graph_stands_beside_weights_of_another(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if killed between the two names."""
    path = tmp_path / "out" / "m.xml"
    export(make("int8"), "openvino", path, threads=1)
    replace_file = os.replace

    def killed(source: Path, target: Path) -> None:
        replace_file(source, target)
        if target.suffix == ".bin":
            raise KeyboardInterrupt

    monkeypatch.setattr("core.files.os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        export(make("fp32"), "openvino", path, threads=1)
    assert not path.exists()


def test_a_damaged_model_is_told_from_a_faulty_export(make: Make, tmp_path: Path) -> None:
    model = make("fp32")
    wrong = {name: answer[::-1].copy() for name, answer in model.golden.items()}
    with pytest.raises(EngineError, match="answers wrongly"):
        export(replace(model, golden=wrong), "onnx", tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
