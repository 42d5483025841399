from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from core.engines import load_engine
from core.engines.reference import run_classifier, run_convolution
from core.errors import EngineError
from core.network import Int8Network
from tests.core.engines.random_layers import SATURATES
from tests.training.importers.published import (
    MobileNet,
    fuse_groups,
    quantized,
    randomise,
    signed,
    to_network,
)
from training.importers.formats import recognise
from training.importers.int8 import read_int8_mobilenet
from training.importers.mobilenet import layer_names

LABELS = [f"activity {index}" for index in range(34)]
SHAPE = (16, 64, 64, 3)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


@pytest.fixture(scope="module", params=[True, False], ids=["all fused", "first ReLU alone"])
def converted(request: pytest.FixtureRequest) -> tuple[dict[str, object], nn.Module]:
    """A checkpoint as the paper's code writes it, and its network of quantized modules."""
    groups = fuse_groups(first_relu=request.param)
    network = randomise(MobileNet(34, 0.25, stubs=True))
    batches = [to_network(noise(seed), signed) for seed in range(3)]
    prepared, int8 = quantized(network, groups, batches)
    content = {
        "float_student_model_state_dict": prepared.state_dict(),
        "int_student_model_state_dict": int8.state_dict(),
        "fuse_module": groups,
        "loss": nn.CrossEntropyLoss(),
        "annotation": LABELS,
    }
    return content, int8


def read(content: dict[str, object]) -> Int8Network:
    return read_int8_mobilenet(recognise(content)["int_student"])[0]


def test_every_layer_gives_pytorchs_bytes(converted: tuple[dict[str, object], nn.Module]) -> None:
    content, int8 = converted
    network = read(content)
    seen: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def keep(name: str, followed: bool) -> Callable[..., None]:
        def hook(_: nn.Module, given: tuple[torch.Tensor], answer: torch.Tensor) -> None:
            answer = answer.relu() if followed else answer
            seen[name] = given[0].int_repr()[0].numpy(), answer.int_repr()[0].numpy()

        return hook

    modules = dict(int8.named_modules())
    # Its ReLU may still be a module of its own.
    stem = isinstance(modules["features.0.2"], nn.ReLU)
    for name in layer_names():
        modules[name].register_forward_hook(keep(name, stem and name == "features.0.0"))
    clip = noise(9)
    with torch.no_grad():
        int8(to_network(clip, signed))
    levels = network.quantize_pixels(clip).transpose(3, 0, 1, 2)
    assert np.array_equal(levels, seen["features.0.0"][0])
    for name, conv in zip(layer_names(), network.convolutions, strict=True):
        given, expected = seen[name]
        off = np.abs(run_convolution(conv, given).astype(int) - expected.astype(int))
        assert off.max() <= 1, name
        assert (off > 0).mean() < 0.01, name


def test_logits_differ_by_their_rounding_and_range_only(
    converted: tuple[dict[str, object], nn.Module],
) -> None:
    content, int8 = converted
    network = read(content)
    modules = dict(int8.named_modules())
    linear = modules["classifier.1"]
    step, zero_point = float(linear.scale), int(linear.zero_point)
    pooled: list[np.ndarray] = []
    modules["classifier.1"].register_forward_hook(
        lambda _, given, answer: pooled.append(given[0].int_repr()[0].numpy())
    )
    with torch.no_grad():
        expected = int8(to_network(noise(2), signed))[0].numpy()
    got = run_classifier(network, pooled[0])
    # What lies outside of its range PyTorch cuts off.
    got = np.clip(got, -zero_point * step, (255 - zero_point) * step)
    assert np.abs(got - expected).max() < 0.51 * step


def test_what_is_different_is_said(
    converted: tuple[dict[str, object], nn.Module], imported, capsys: pytest.CaptureFixture[str]
) -> None:
    model = imported(converted[0])
    said = capsys.readouterr().out
    assert model.kind == "int8"
    assert list(model.labels) == LABELS
    for words in ("no ReLU", "have a zero-point", "±12", "neither rounded nor cut"):
        assert words in said
    # Without the input's zero-point, or with another ReLU, engines would not agree.
    clip = np.random.default_rng(1).integers(0, 256, model.clip.clip_shape, np.uint8)
    expected = load_engine(model, "reference").logits(clip)
    for engine in ("openvino", "onednn"):
        if SATURATES[engine]():
            with pytest.raises(EngineError, match="needs a CPU with VNNI"):
                load_engine(model, engine, 1)
            continue
        got = load_engine(model, engine, 1).logits(clip)
        assert np.abs(got - expected).max() < 0.1 * np.ptp(expected)


def test_without_the_list_the_published_fusion_is_taken_and_said(
    converted: tuple[dict[str, object], nn.Module],
) -> None:
    state = converted[0]["int_student_model_state_dict"]
    part = recognise({"int_student_model_state_dict": state})["int_student"]
    network, _, notes = read_int8_mobilenet(part)
    assert sum(not conv.relu for conv in network.convolutions) == 13
    assert "does not say what was fused" in notes[0]
    assert any("keep within ±63 and need none" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quant.zero_point": torch.tensor([300])}, "zero-point must be 0 to 255"),
        ({"quant.scale": torch.tensor([0.0])}, "scale must be positive"),
        ({"features.1.conv1.scale": "much"}, "features.1.conv1.scale is no number"),
        ({"features.1.conv1.weight": torch.zeros(8)}, "no qint8 tensor"),
        ({"features.1.conv1.bias": torch.zeros(3)}, "not 8 finite numbers"),
        ({"features.1.conv1.bias": torch.full((8,), 1e30)}, "too large for an int32"),
        ({"features.99.weight": torch.zeros(3)}, "such as features.99.weight"),
        ({"classifier.1._packed_params._packed_params": 3}, "no pair of weight and bias"),
    ],
)
def test_damaged_int8_checkpoints(
    converted: tuple[dict[str, object], nn.Module], change: dict[str, object], words: str
) -> None:
    state = {**converted[0]["int_student_model_state_dict"], **change}  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=words):
        read({"int_student_model_state_dict": state})
