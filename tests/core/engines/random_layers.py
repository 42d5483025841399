"""Random int8 layers, and what each engine makes of one layer alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import strategies as st

from core.engines import onednn, openvino
from core.engines.limits import scales_fit, sums_fit
from core.engines.pixel_blocks import lay_out, on_blocks
from core.engines.reference import accumulate, run_convolution
from core.errors import EngineError
from core.geometry import Geometry, Triple
from core.network import (
    LARGEST_EXACT_WEIGHT,
    PIXELS,
    Int8Conv,
    Int8Linear,
    Int8Network,
    Quantization,
)

POINT, CUBE = (1, 1, 1), (3, 3, 3)


def _on_openvino(conv: Int8Conv, x: np.ndarray) -> np.ndarray:
    compiled = openvino.compile_graph(openvino.build_layer_graph(conv, x.shape), threads=1)
    return np.array(compiled(x[np.newaxis])[compiled.output(0)][0])


def _on_onednn(conv: Int8Conv, x: np.ndarray) -> np.ndarray:
    levels = torch.from_numpy(x)[None].contiguous(memory_format=torch.channels_last_3d)
    return onednn.int8_layer(conv, x.shape)(levels)[0].numpy()


# Every engine that runs layers: C×T×H×W uint8 levels to O×T'×H'×W' uint8 levels.
RUN_LAYER: dict[str, Callable[[Int8Conv, np.ndarray], np.ndarray]] = {
    "openvino": _on_openvino,
    "onednn": _on_onednn,
}
SATURATES = {"openvino": openvino.saturates, "onednn": onednn.saturates}


def steps_off(engine: str, conv: Int8Conv, x: np.ndarray) -> int:
    """Largest distance of an engine from the reference, in uint8 steps."""
    got, expected = RUN_LAYER[engine](conv, x), run_convolution(conv, x)
    assert got.shape == expected.shape
    assert got.dtype == np.uint8
    return int(np.abs(got.astype(np.int16) - expected).max())


def refused(engine: str, conv: Int8Conv, x: np.ndarray) -> bool:
    """Whether the engine says of itself that it cannot do this layer."""
    if not (scales_fit(conv) and sums_fit(conv)):
        return True
    if engine == "onednn":
        return not conv.geometry.symmetric or onednn.pads_wrongly(conv, x.shape[1:])
    alone = SimpleNamespace(convolutions=[conv], largest_weight=LARGEST_EXACT_WEIGHT)
    try:
        openvino._refuse_what_comes_out_wrong(alone, 1)
    except EngineError:
        return True
    return False


def follow(engine: str, network: Int8Network, pixels: np.ndarray) -> list[int]:
    """Steps off in each layer, each fed the reference's own input."""
    x = np.ascontiguousarray(pixels.transpose(3, 0, 1, 2))
    steps = []
    for conv in network.convolutions:
        # The last outputs may all be zero: of what it does not know, a network finds no feature.
        assert x.any(), f"nothing was left to compare in {conv.name}"
        steps.append(steps_off(engine, conv, x))
        x = run_convolution(conv, x)
    return steps


@dataclass(frozen=True)
class Shape:
    """What a layer looks like from outside, and the T×H×W it runs on."""

    inputs: int
    outputs: int
    kernel: Triple = CUBE
    stride: Triple = POINT
    groups: int = 1
    padding: Triple | None = None  # half the kernel
    size: Triple = (4, 9, 9)
    on_blocks: bool = False  # a grey stem, rewritten on 2×2 pixels

    @property
    def geometry(self) -> Geometry:
        half = tuple(k // 2 for k in self.kernel)
        return Geometry(self.stride, half if self.padding is None else self.padding, self.groups)


STEM = Shape(3, 16, stride=(1, 2, 2))
GREY_STEM = Shape(1, 16, stride=(1, 2, 2), size=(4, 10, 10), on_blocks=True)
POINTWISE = Shape(64, 64, POINT)
DEEP_POINTWISE = Shape(512, 512, POINT, size=(2, 7, 7))


@st.composite
def _odd_windows(draw: st.DrawFn) -> tuple[Triple, Triple, Triple, Triple]:
    """Kernel, stride, padding and T×H×W that no student has, but a model file may."""
    axes = []
    for longest in (5, 11, 13):
        kernel = draw(st.integers(1, 5))
        padding = draw(st.integers(0, kernel - 1))
        size = draw(st.integers(max(1, kernel - 2 * padding), longest))
        axes.append((kernel, draw(st.integers(1, 3)), padding, size))
    return tuple(zip(*axes, strict=True))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """The student's own kinds of layers, other groupings, and windows nobody expects."""
    kinds = ["stem", "grey stem", "depthwise", "pointwise", "deep pointwise", "grouped", "odd"]
    kind = draw(st.sampled_from(kinds))
    stride = draw(st.sampled_from([POINT, (1, 2, 2), (2, 2, 2)]))
    width = draw(st.sampled_from([1, 3, 8, 15, 16, 17, 32, 40, 64]))
    if kind == "stem":
        return Shape(draw(st.sampled_from([1, 3])), width, stride=stride)
    if kind == "grey stem":
        stride = draw(st.sampled_from([(1, 2, 2), (2, 2, 2)]))
        rows, columns = (draw(st.integers(1, 8)) for _ in range(2))
        size = (draw(st.integers(1, 5)), 2 * rows, 2 * columns)
        return Shape(1, width, stride=stride, size=size, on_blocks=True)
    if kind == "depthwise":
        return Shape(width, width, stride=stride, groups=width)
    if kind == "pointwise":
        return Shape(width, draw(st.sampled_from([1, 5, 16, 34, 64, 128])), POINT)
    if kind == "deep pointwise":
        inputs = draw(st.sampled_from([512, 1024, 1536]))
        return replace(DEEP_POINTWISE, inputs=inputs, outputs=width)
    groups = draw(st.sampled_from([2, 3, 4])) if kind == "grouped" else 1
    inputs, outputs = (groups * draw(st.sampled_from([1, 2, 4, 8])) for _ in range(2))
    kernel, stride, padding, size = draw(_odd_windows())
    return Shape(inputs, outputs, kernel, stride, groups, padding, size)


def levels_of(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Input bytes: "bright" ones make sums as large as they get."""
    if kind == "bright":
        return random.choice(np.array([255, 255, 254, 200], np.uint8), shape)
    if kind == "dark":
        return random.choice(np.array([0, 0, 0, 1, 255], np.uint8), shape)
    return random.integers(0, 256, shape, np.uint8)


def weights_of(
    kind: str, limit: int, shape: tuple[int, ...], random: np.random.Generator
) -> np.ndarray:
    """Weights within ±limit: "extreme" ones have one sign a channel, so that sums only grow."""
    if kind == "extreme":
        signs = random.choice(np.array([-1, 1], np.int8), (shape[0], 1, 1, 1, 1))
        return np.broadcast_to(signs * np.int8(limit), shape).copy()
    if kind == "alternating":
        return random.choice(np.array([-limit, limit], np.int8), shape)
    return random.integers(-limit, limit + 1, shape).astype(np.int8)


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
    """A layer whose output scale suits the input that comes with it."""
    random = np.random.default_rng(seed)
    outputs = shape.outputs
    weight_shape = (outputs, shape.inputs // shape.groups, *shape.kernel)
    weight = weights_of(weight_kind, limit, weight_shape, random)
    bias = random.integers(-bias_limit, bias_limit + 1, outputs, np.int32)
    scale = random.uniform(1e-3, 2e-2, outputs).astype(np.float32)
    if zero_channel:
        weight[0], bias[0], scale[0] = 0, 0, 1e-12
    conv = Int8Conv(
        "conv",
        weight,
        scale,
        bias,
        shape.geometry,
        Quantization(float(random.uniform(1e-3, 5e-2)), zero_points[0]),
        Quantization(1.0, zero_points[1]),
        relu,
    )
    x = levels_of(input_kind, (shape.inputs, *shape.size), random)
    conv = _fitted(conv, x)
    return _on_blocks(conv, x) if shape.on_blocks else (conv, x)


def _on_blocks(conv: Int8Conv, x: np.ndarray) -> tuple[Int8Conv, np.ndarray]:
    """A grey stem and its input as the openvino engine runs them."""
    classes, outputs = 1, len(conv.weight)
    classifier = Int8Linear(
        "classifier",
        np.zeros((classes, outputs), np.int8),
        np.ones(classes, np.float32),
        np.zeros(classes, np.int32),
        conv.output,
    )
    network = Int8Network((replace(conv, input=PIXELS),), classifier)
    (blocked,) = on_blocks(network).convolutions
    _, frames, height, width = x.shape
    blocks = np.empty((frames, height // 2, width // 2, 4), np.uint8)
    lay_out(x.transpose(1, 2, 3, 0), blocks)
    levels = np.ascontiguousarray(blocks.transpose(3, 0, 1, 2))
    return replace(blocked, input=conv.input), levels


def _fitted(conv: Int8Conv, x: np.ndarray) -> Int8Conv:
    """The layer with an output scale at which this input fills the bytes and clips a few."""
    centred = np.pad(x.astype(np.float64) - conv.input.zero_point, [(0, 0), *conv.geometry.pads])
    sums = accumulate(centred, conv.weight, conv) + conv.bias.reshape(-1, 1, 1, 1)
    scale = conv.input.scale * conv.weight_scale.astype(np.float64).reshape(-1, 1, 1, 1)
    largest = float(np.percentile(np.abs(sums * scale), 99)) or 1.0
    zero_point = conv.output.zero_point
    return replace(conv, output=Quantization(largest / max(255 - zero_point, 1), zero_point))
