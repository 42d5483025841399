from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import ClipSpec
from core.engines import GOLDEN_TOLERANCE, check_golden, golden_deviation, load_engine
from core.engines.openvino import (
    OpenVinoEngine,
    build_layer_graph,
    compile_graph,
    saturates,
)
from core.engines.reference import ReferenceEngine, accumulate, run_convolution
from core.errors import EngineError
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import load_model
from core.network import (
    LARGEST_EXACT_WEIGHT,
    PIXELS,
    FloatNetwork,
    Geometry,
    Int8Conv,
    Int8Network,
    Quantization,
    Triple,
)

ROOT = Path(__file__).resolve().parents[3]
X86 = platform.machine() in ("x86_64", "AMD64")
CHOSEN = "within_one_step or full_range"
WITHOUT_VNNI = os.environ.get("ONEDNN_MAX_CPU_ISA") == "AVX2"
EXAMPLES = 12 if WITHOUT_VNNI else 32


def run_layer(conv: Int8Conv, x: np.ndarray) -> np.ndarray:
    compiled = compile_graph(build_layer_graph(conv, x.shape), threads=1)
    return np.array(compiled(x[np.newaxis])[compiled.output(0)][0])


def steps_off(conv: Int8Conv, x: np.ndarray) -> int:
    """Largest distance of OpenVINO from the reference, in uint8 steps."""
    got, expected = run_layer(conv, x), run_convolution(conv, x)
    assert got.shape == expected.shape
    assert got.dtype == np.uint8
    return int(np.abs(got.astype(np.int16) - expected).max())


def fitted(conv: Int8Conv, x: np.ndarray) -> Int8Conv:
    """The layer with an output scale at which this input fills the bytes and clips a few."""
    padding = [(0, 0), *((p, p) for p in conv.geometry.padding)]
    sums = accumulate(
        np.pad(x.astype(np.float64) - conv.input.zero_point, padding), conv.weight, conv
    )
    column = (-1, 1, 1, 1)
    scale = conv.input.scale * conv.weight_scale.astype(np.float64).reshape(column)
    reals = np.abs((sums + conv.bias.reshape(column)) * scale)
    largest = float(np.percentile(reals, 99)) or 1.0
    zero_point = conv.output.zero_point
    return replace(conv, output=Quantization(largest / max(255 - zero_point, 1), zero_point))


def levels_of(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if kind == "bright":
        return random.choice(np.array([255, 255, 254, 200], np.uint8), shape)
    if kind == "dark":
        return random.choice(np.array([0, 0, 0, 1, 255], np.uint8), shape)
    return random.integers(0, 256, shape, np.uint8)


def weights_of(
    kind: str, limit: int, shape: tuple[int, ...], random: np.random.Generator
) -> np.ndarray:
    if kind == "extreme":
        # One sign a channel: sums grow as large as they can.
        signs = random.choice(np.array([-1, 1], np.int8), (shape[0], 1, 1, 1, 1))
        return np.broadcast_to(signs * np.int8(limit), shape).copy()
    if kind == "alternating":
        return random.choice(np.array([-limit, limit], np.int8), shape)
    return random.integers(-limit, limit + 1, shape).astype(np.int8)


# (input channels, output channels, groups, kernel, stride)
Shape = tuple[int, int, int, Triple, Triple]
POINT, CUBE = (1, 1, 1), (3, 3, 3)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    kind = draw(st.sampled_from(["stem", "depthwise", "pointwise", "grouped", "dense"]))
    stride = draw(st.sampled_from([POINT, (1, 2, 2), (2, 2, 2)]))
    width = draw(st.sampled_from([1, 3, 8, 15, 16, 17, 32, 40, 64]))
    if kind == "stem":
        return draw(st.sampled_from([1, 3])), width, 1, CUBE, stride
    if kind == "depthwise":
        return width, width, width, CUBE, stride
    if kind == "pointwise":
        return width, draw(st.sampled_from([1, 5, 16, 34, 64, 128])), 1, POINT, POINT
    if kind == "grouped":
        groups = draw(st.sampled_from([2, 4]))
        return 4 * groups, draw(st.sampled_from([2, 4])) * groups, groups, CUBE, stride
    return (
        draw(st.sampled_from([2, 6, 16])),
        width,
        1,
        draw(st.sampled_from([(3, 1, 1), (1, 3, 3)])),
        POINT,
    )


def build(
    shape: Shape,
    weight_kind: str = "random",
    input_kind: str = "random",
    *,
    limit: int = LARGEST_EXACT_WEIGHT,
    zero_points: tuple[int, int] = (0, 0),
    relu: bool = True,
    zero_channel: bool = False,
    bias_limit: int = 5000,
    seed: int = 0,
) -> tuple[Int8Conv, np.ndarray]:
    inputs, outputs, groups, kernel, stride = shape
    random = np.random.default_rng(seed)
    weight = weights_of(weight_kind, limit, (outputs, inputs // groups, *kernel), random)
    bias = random.integers(-bias_limit, bias_limit + 1, outputs, np.int32)
    scale = random.uniform(1e-3, 2e-2, outputs).astype(np.float32)
    if zero_channel:
        weight[0], bias[0], scale[0] = 0, 0, 1e-12
    conv = Int8Conv(
        "conv",
        weight,
        scale,
        bias,
        Geometry(stride, tuple(k // 2 for k in kernel), groups),
        Quantization(float(random.uniform(1e-3, 5e-2)), zero_points[0]),
        Quantization(1.0, zero_points[1]),
        relu,
    )
    x = levels_of(input_kind, (inputs, 4, 9, 9), random)
    return fitted(conv, x), x


# Layer by layer: the promise is one step


@settings(max_examples=EXAMPLES)
@given(
    shapes(),
    st.sampled_from(["random", "random", "extreme", "alternating"]),
    st.sampled_from(["random", "bright", "dark"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_layer_is_within_one_step(
    shape: Shape, weight_kind: str, input_kind: str, relu: bool, zero_channel: bool, seed: int
) -> None:
    conv, x = build(shape, weight_kind, input_kind, relu=relu, zero_channel=zero_channel, seed=seed)
    assert steps_off(conv, x) <= 1


@settings(max_examples=EXAMPLES // 2)
@given(
    shapes().filter(lambda shape: shape[2] in (1, shape[0])),
    st.sampled_from([(5, 0), (0, 9), (128, 128), (255, 3), (1, 255)]),
    st.sampled_from(["random", "bright"]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_zero_points_are_within_one_step(
    shape: Shape, zero_points: tuple[int, int], input_kind: str, relu: bool, seed: int
) -> None:
    conv, x = build(shape, input_kind=input_kind, zero_points=zero_points, relu=relu, seed=seed)
    assert steps_off(conv, x) <= 1


@pytest.mark.parametrize("bias_limit", [0, 2**20, 2**24])
def test_large_biases_are_within_one_step(bias_limit: int) -> None:
    conv, x = build((16, 32, 1, POINT, POINT), bias_limit=bias_limit)
    assert steps_off(conv, x) <= 1


@pytest.mark.parametrize("output_scale", [1e-6, 1e6])
def test_saturated_and_vanished_outputs(output_scale: float) -> None:
    conv, x = build((16, 32, 1, POINT, POINT))
    conv = replace(conv, output=Quantization(output_scale))
    levels = run_layer(conv, x)
    assert set(np.unique(levels)) <= {0, 255}
    np.testing.assert_array_equal(levels, run_convolution(conv, x))


def test_the_comparison_would_notice_one_wrong_weight() -> None:
    conv, x = build((16, 32, 1, POINT, POINT))
    wrong = conv.weight.copy()
    wrong[3, 5] += 40
    expected = run_convolution(replace(conv, weight=wrong), x)
    assert np.abs(run_layer(conv, x).astype(np.int16) - expected).max() > 1


def follow(network: Int8Network, pixels: np.ndarray) -> list[int]:
    """Steps off in each layer, each fed the reference's own input."""
    x = np.ascontiguousarray(pixels.transpose(3, 0, 1, 2))
    steps = []
    for conv in network.convolutions:
        steps.append(steps_off(conv, x))
        x = run_convolution(conv, x)
    assert x.any(), "nothing was left to compare"
    return steps


def test_the_shipped_student_on_a_real_clip(shipped: tuple[Path, Path], carphone) -> None:
    network = load_model(shipped[0]).network
    assert isinstance(network, Int8Network)
    steps = follow(network, carphone)
    assert len(steps) == 27
    assert max(steps) <= 1, steps


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_every_layer_on_the_golden_inputs(networks, name: str) -> None:
    assert max(follow(networks.int8(), golden_clip(name, networks.spec.clip_shape))) <= 1


# CPUs without VNNI


def test_full_range_weights_are_refused_or_right() -> None:
    """±127 needs VNNI. An engine that cannot hold it must say so, not be a little wrong."""
    worst = 0
    for shape in [(3, 16, 1, CUBE, (1, 2, 2)), (64, 64, 1, POINT, POINT)]:
        conv, x = build(shape, "extreme", "bright", limit=127)
        worst = max(worst, steps_off(conv, x))
    assert saturates() == (worst > 1)
    if WITHOUT_VNNI:
        assert worst > 20


def test_a_full_range_model_is_refused_where_it_would_be_wrong(networks) -> None:
    model = networks.model(networks.int8(limit=127))
    assert model.network.largest_weight == 127
    if saturates():
        with pytest.raises(EngineError, match=r"up to ±127 and needs a CPU with VNNI"):
            load_engine(model)
    else:
        load_engine(model)
    load_engine(networks.model(networks.int8(limit=LARGEST_EXACT_WEIGHT)))


@pytest.mark.skipif(not X86, reason="only x86 has CPUs with and without VNNI")
@pytest.mark.skipif(WITHOUT_VNNI, reason="this is the process without VNNI")
def test_all_this_holds_without_vnni() -> None:
    """The tests above once more in a process that may use no more than AVX2."""
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", CHOSEN],
        cwd=ROOT,
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-1000:]


# What OpenVINO gets wrong is refused


def test_grouped_padded_layers_with_a_zero_point_are_refused(networks) -> None:
    """oneDNN pads them wrongly at the border (measured: up to 255 steps off)."""
    network = networks.int8()
    zero = Quantization(network.convolutions[0].output.scale, 128)
    first = replace(network.convolutions[0], output=zero)
    random = np.random.default_rng(0)
    grouped = replace(
        network.convolutions[1],
        weight=random.integers(-63, 64, (8, 2, 3, 3, 3)).astype(np.int8),
        geometry=Geometry((2, 2, 2), (1, 1, 1), 4),
        input=zero,
    )
    rest = network.convolutions[2:]
    wrong = replace(network, convolutions=(first, grouped, *rest))
    with pytest.raises(EngineError, match="OpenVINO pads conv1 wrongly"):
        OpenVinoEngine(wrong, networks.spec.clip_shape, 1)
    depthwise = replace(network.convolutions[1], input=zero)
    fine = replace(network, convolutions=(first, depthwise, *rest))
    OpenVinoEngine(fine, networks.spec.clip_shape, 1)


# Whole networks


def noise(spec: ClipSpec, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, spec.clip_shape, np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_the_int8_network_equals_the_reference(networks, seed: int) -> None:
    network = networks.int8(seed)
    engine = OpenVinoEngine(network, networks.spec.clip_shape, 1)
    reference = ReferenceEngine(network)
    for clip in [noise(networks.spec, 1), golden_clip("bright", networks.spec.clip_shape)]:
        got, expected = engine.logits(clip), reference.logits(clip)
        assert got.shape == (5,)
        assert got.dtype == np.float32
        spread = expected.max() - expected.min()
        assert np.abs(got - expected).max() <= 0.02 * spread


@pytest.mark.parametrize("seed", range(3))
def test_the_float_network_equals_the_float_reference(networks, seed: int) -> None:
    network = networks.fp32(seed)
    engine = OpenVinoEngine(network, networks.spec.clip_shape, 1)
    expected = ReferenceEngine(network).logits(noise(networks.spec, seed))
    np.testing.assert_allclose(
        engine.logits(noise(networks.spec, seed)), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("channels", ["rgb", "grey"])
def test_channels_and_axes_are_where_they_belong(networks, channels: str) -> None:
    """A clip that differs along every axis, so that no transposition goes unnoticed."""
    makers = type(networks)(replace(networks.spec, channels=channels))
    network = makers.fp32()
    t, h, w, c = (np.arange(n) for n in makers.spec.clip_shape)
    clip = (
        9 * t[:, None, None, None] + 5 * h[:, None, None] + w[:, None] ** 2 // 8 + 50 * c
    ).astype(np.uint8)
    engine = OpenVinoEngine(network, makers.spec.clip_shape, 1)
    expected = ReferenceEngine(network).logits(clip)
    np.testing.assert_allclose(engine.logits(clip), expected, rtol=1e-4, atol=1e-4)


def test_an_answer_stays_as_it_was(networks) -> None:
    engine = OpenVinoEngine(networks.int8(), networks.spec.clip_shape, 1)
    first = engine.logits(noise(networks.spec, 1))
    kept = first.copy()
    assert not np.array_equal(engine.logits(noise(networks.spec, 2)), kept)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(engine.logits(noise(networks.spec, 1)), kept)


def test_clips_in_any_memory_layout(networks) -> None:
    engine = OpenVinoEngine(networks.int8(), networks.spec.clip_shape, 1)
    clip = noise(networks.spec, 1)
    expected = engine.logits(clip)
    read_only = clip.copy()
    read_only.setflags(write=False)
    mirrored_twice = np.ascontiguousarray(clip[:, :, ::-1])[:, :, ::-1]
    for same in (read_only, np.asfortranarray(clip), mirrored_twice):
        np.testing.assert_array_equal(engine.logits(same), expected)


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
def test_a_clip_that_does_not_fit_is_refused(networks, wrong) -> None:
    """As many bytes in another order would give an answer, only not to this clip."""
    engine = OpenVinoEngine(networks.int8(), networks.spec.clip_shape, 1)
    with pytest.raises(ValueError, match=r"a clip must be \(4, 32, 32, 3\) uint8"):
        engine.logits(wrong(noise(networks.spec, 1)))


@pytest.mark.parametrize("kind", ["int8", "fp32"])
def test_the_clip_is_not_written_to(networks, kind: str) -> None:
    clip = noise(networks.spec, 1)
    before = clip.copy()
    OpenVinoEngine(getattr(networks, kind)(), networks.spec.clip_shape, 1).logits(clip)
    np.testing.assert_array_equal(clip, before)


def test_int8_layers_really_run_as_integers(networks) -> None:
    """Or all this would be a slow float network in disguise."""
    network = networks.int8()
    assert isinstance(network, Int8Network)
    engine = OpenVinoEngine(network, networks.spec.clip_shape, 1)
    runtime = engine._request.get_compiled_model().get_runtime_model()
    precisions = [
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in runtime.get_ops()
        if node.get_rt_info()["layerType"].astype(str) in ("Convolution", "GroupConvolution")
    ]
    assert len(precisions) == len(network.convolutions)
    assert set(precisions) <= {"u8", "i8"}


# The golden answers


@pytest.mark.parametrize("kind", ["int8", "fp32"])
def test_a_healthy_engine_passes(networks, kind: str) -> None:
    model = networks.model(getattr(networks, kind)())
    engine = OpenVinoEngine(model.network, model.clip.clip_shape, 1)
    check_golden(engine, model)
    assert golden_deviation(engine, model) <= GOLDEN_TOLERANCE[kind] / 2


@pytest.mark.parametrize("kind", ["int8", "fp32"])
def test_an_engine_that_computes_something_else_is_caught(networks, kind: str) -> None:
    model = networks.model(getattr(networks, kind)())
    layers = list(model.network.convolutions)
    layers[2] = replace(layers[2], weight=layers[2].weight[::-1].copy())
    tampered = replace(model.network, convolutions=tuple(layers))
    engine = OpenVinoEngine(tampered, model.clip.clip_shape, 1)
    with pytest.raises(EngineError, match=r"answers wrongly on this CPU .* choose another engine"):
        check_golden(engine, model)


def test_a_network_openvino_cannot_compile_is_an_engine_error(networks) -> None:
    network = networks.fp32()
    assert isinstance(network, FloatNetwork)
    first = network.convolutions[0]
    # Four input channels meet a clip of three.
    weight = np.zeros((8, 4, 3, 3, 3), np.float32)
    broken = replace(
        network, convolutions=(replace(first, weight=weight), *network.convolutions[1:])
    )
    with pytest.raises(EngineError, match="OpenVINO cannot compile"):
        OpenVinoEngine(broken, networks.spec.clip_shape, 1)


def test_the_first_layer_takes_pixels_as_they_are(networks) -> None:
    assert networks.int8().convolutions[0].input == PIXELS
