"""Whole networks on every engine: the same answers, and nothing else of the caller's touched.

The tolerance for logits is GOLDEN_TOLERANCE and stands in core/engines/__init__.py, nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import ClipSpec
from core.engines import GOLDEN_TOLERANCE, Engine, check_golden, golden_deviation
from core.engines.onednn import OneDnnEngine
from core.engines.openvino import OpenVinoEngine
from core.engines.reference import ReferenceEngine
from core.errors import EngineError
from core.fusion import fuse
from core.golden import GOLDEN_NAMES, golden_clip
from core.models.mobilenet3d import MobileNet3D
from core.network import FloatNetwork, Int8Network, Network, kind_of
from core.quantization import QatMobileNet3D, convert

Maker = Callable[[Network, tuple[int, int, int, int], int], Engine]
ENGINES: dict[str, Maker] = {"openvino": OpenVinoEngine, "onednn": OneDnnEngine}

every_engine = pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES)
both_kinds = pytest.mark.parametrize("kind", ["int8", "fp32"])


def noise(spec: ClipSpec, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, spec.clip_shape, np.uint8)


def share_off(engine: Engine, network: Network, clip: np.ndarray) -> float:
    """Largest distance of a logit from the reference's, as a share of their spread."""
    got, expected = engine.logits(clip), ReferenceEngine(network).logits(clip)
    assert got.shape == expected.shape
    assert got.dtype == np.float32
    return float(np.abs(got - expected).max() / (expected.max() - expected.min()))


@every_engine
@both_kinds
@pytest.mark.parametrize("seed", range(3))
def test_a_small_network_equals_the_reference(networks, make: Maker, kind: str, seed: int) -> None:
    network = getattr(networks, kind)(seed)
    engine = make(network, networks.spec.clip_shape, 1)
    for clip in (noise(networks.spec, seed), golden_clip("bright", networks.spec.clip_shape)):
        assert share_off(engine, network, clip) <= GOLDEN_TOLERANCE[kind] / 2


# Students of every size


def calibrated(student: MobileNet3D, spec: ClipSpec, as_input) -> QatMobileNet3D:
    """A fake-quantized student in evaluation, its ranges taken from the golden inputs."""
    qat = QatMobileNet3D(student).train()
    qat.freeze_batch_norm()
    with torch.no_grad():
        for name in GOLDEN_NAMES:
            qat(as_input(golden_clip(name, spec.clip_shape)))
    return qat.eval()


def check_student(
    student: MobileNet3D, spec: ClipSpec, as_input, calibration: ClipSpec | None = None
) -> None:
    """fp32, int8 and the fake-quantized student itself: all engines within the tolerance."""
    qat = calibrated(student, calibration or spec, as_input)
    networks: tuple[Network, ...] = (fuse(student), convert(qat))
    clip = noise(spec, 7)
    with torch.no_grad():
        trained = qat(as_input(clip))[0].numpy()
    for network in networks:
        expected = ReferenceEngine(network).logits(clip)
        answers = [make(network, spec.clip_shape, 1).logits(clip) for make in ENGINES.values()]
        if isinstance(network, Int8Network):
            answers.append(trained)
        allowed = GOLDEN_TOLERANCE[kind_of(network)] * (expected.max() - expected.min())
        for logits in answers:
            assert logits.shape == expected.shape
            assert np.abs(logits - expected).max() <= allowed


@settings(max_examples=4)
@given(
    st.floats(0.25, 1.5),
    st.integers(2, 100),
    st.sampled_from(["rgb", "grey"]),
    st.sampled_from([8, 16]),
    st.integers(0, 2**32 - 1),
)
def test_students_of_112_pixels(
    random_student, as_input, width: float, classes: int, channels: str, frames: int, seed: int
) -> None:
    spec = ClipSpec(frames=frames, resize=128, crop=112, channels=channels)
    student = random_student(classes, seed, width_multiplier=width, in_channels=spec.channel_count)
    small = replace(spec, frames=8, resize=64, crop=56)
    check_student(student, spec, as_input, small)


@pytest.mark.parametrize(("width", "channels"), [(0.5, "rgb"), (0.25, "grey")])
def test_students_of_224_pixels(random_student, as_input, width: float, channels: str) -> None:
    spec = ClipSpec(channels=channels)
    student = random_student(34, width_multiplier=width, in_channels=spec.channel_count)
    check_student(student, spec, as_input, replace(spec, frames=8, resize=64, crop=56))


# How clips are taken


@every_engine
@pytest.mark.parametrize("channels", ["rgb", "grey"])
def test_channels_and_axes_are_where_they_belong(networks, make: Maker, channels: str) -> None:
    """A clip that differs along every axis, so that no transposition goes unnoticed."""
    makers = type(networks)(replace(networks.spec, channels=channels))
    network = makers.fp32()
    t, h, w, c = (np.arange(n) for n in makers.spec.clip_shape)
    clip = (
        9 * t[:, None, None, None] + 5 * h[:, None, None] + w[:, None] ** 2 // 8 + 50 * c
    ).astype(np.uint8)
    engine = make(network, makers.spec.clip_shape, 1)
    expected = ReferenceEngine(network).logits(clip)
    np.testing.assert_allclose(engine.logits(clip), expected, rtol=1e-4, atol=1e-4)


@every_engine
@both_kinds
def test_an_answer_stays_as_it_was(networks, make: Maker, kind: str) -> None:
    engine = make(getattr(networks, kind)(), networks.spec.clip_shape, 1)
    first = engine.logits(noise(networks.spec, 1))
    kept = first.copy()
    assert not np.array_equal(engine.logits(noise(networks.spec, 2)), kept)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(engine.logits(noise(networks.spec, 1)), kept)


@every_engine
def test_clips_in_any_memory_layout(networks, make: Maker) -> None:
    """A prepared clip may lie in a file mapped read-only; torch would warn of that."""
    engine = make(networks.int8(), networks.spec.clip_shape, 1)
    clip = noise(networks.spec, 1)
    expected = engine.logits(clip)
    read_only = clip.copy()
    read_only.setflags(write=False)
    mirrored_twice = np.ascontiguousarray(clip[:, :, ::-1])[:, :, ::-1]
    for same in (read_only, np.asfortranarray(clip), mirrored_twice):
        np.testing.assert_array_equal(engine.logits(same), expected)


@every_engine
@pytest.mark.parametrize(
    "wrong",
    [
        lambda clip: clip.transpose(0, 3, 1, 2),
        lambda clip: clip[:-1],
        lambda clip: clip.astype(np.float32),
        lambda clip: clip[np.newaxis],
    ],
    ids=["channels first", "a frame missing", "float", "batch"],
)
def test_a_clip_that_does_not_fit_is_refused(networks, make: Maker, wrong) -> None:
    """As many bytes in another order would give an answer, only not to this clip."""
    engine = make(networks.int8(), networks.spec.clip_shape, 1)
    with pytest.raises(ValueError, match=r"a clip must be \(4, 32, 32, 3\) uint8"):
        engine.logits(wrong(noise(networks.spec, 1)))


@every_engine
@both_kinds
def test_the_clip_and_the_weights_stay_as_they_are(networks, make: Maker, kind: str) -> None:
    network, clip = getattr(networks, kind)(), noise(networks.spec, 1)
    before, weights = clip.copy(), [conv.weight.copy() for conv in network.convolutions]
    make(network, networks.spec.clip_shape, 1).logits(clip)
    np.testing.assert_array_equal(clip, before)
    for conv, weight in zip(network.convolutions, weights, strict=True):
        np.testing.assert_array_equal(conv.weight, weight)


# The golden answers


@every_engine
@both_kinds
def test_a_healthy_engine_passes(networks, make: Maker, kind: str) -> None:
    model = networks.model(getattr(networks, kind)())
    engine = make(model.network, model.clip.clip_shape, 1)
    check_golden(engine, model)
    assert golden_deviation(engine, model) <= GOLDEN_TOLERANCE[kind] / 2


@every_engine
@both_kinds
def test_an_engine_that_computes_something_else_is_caught(networks, make: Maker, kind: str) -> None:
    model = networks.model(getattr(networks, kind)())
    network = model.network
    layers = list(network.convolutions)
    layers[2] = replace(layers[2], weight=layers[2].weight[::-1].copy())
    chain = "stages" if isinstance(network, FloatNetwork) else "convolutions"
    tampered = replace(network, **{chain: tuple(layers)})
    engine = make(tampered, model.clip.clip_shape, 1)
    with pytest.raises(EngineError, match=r"answers wrongly on this CPU .* choose another engine"):
        check_golden(engine, model)


@every_engine
def test_a_network_it_cannot_prepare_is_an_engine_error(networks, make: Maker) -> None:
    network = networks.fp32()
    # Four input channels meet a clip of three.
    first = replace(network.convolutions[0], weight=np.zeros((8, 4, 3, 3, 3), np.float32))
    broken = replace(network, stages=(first, *network.stages[1:]))
    with pytest.raises(EngineError, match=r"cannot (compile|run) this network .* choose another"):
        make(broken, networks.spec.clip_shape, 1)
