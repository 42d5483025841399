"""The default engine: OpenVINO graphs built layer by layer with the opset API.

Frames go in as uint8 T×H×W×C; transposing and scaling are part of the graph. In the int8 network
weights stay int8 constants and every activation ends in a 256-level FakeQuantize, which OpenVINO's
low-precision passes turn into integer kernels. The graphs are never converted by the converter
tools, which report usage over the network.

Legend: N batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from core.engines.checks import adds_in_16_bits, check_clip, refuse_saturation
from core.engines.pixel_blocks import lay_out, on_blocks, takes_blocks
from core.errors import EngineError, reason_of
from core.network import (
    Branches,
    FloatConv,
    FloatLinear,
    Int8Conv,
    Int8Linear,
    Int8Network,
    MaxPool,
    Network,
    Quantization,
    Stage,
    stages_of,
)

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
_BYTE_LEVELS = 256

# OpenVINO's nodes are typed too loosely for a checker to follow.
_Node = Any
_new_model: Any = ov.Model


def _constant(value: object) -> _Node:
    return ops.constant(np.asarray(value, np.float32))


def _per_channel(values: F32, rank: int) -> _Node:
    return _constant(values.reshape(1, -1, *([1] * (rank - 2))))


def _dequantize(levels: _Node, quantization: Quantization) -> _Node:
    """r = S · (q - Z), eq. 3 solved for r."""
    node = ops.convert(levels, "f32")
    if quantization.zero_point:
        node = ops.subtract(node, _constant(quantization.zero_point))
    return ops.multiply(node, _constant(quantization.scale))


def _fake_quantize(node: _Node, quantization: Quantization, levels_out: bool = False) -> _Node:
    """Round to the 256 levels of `quantization`; with `levels_out` give 0..255 instead of reals."""
    low = -quantization.zero_point * quantization.scale
    high = (_BYTE_LEVELS - 1 - quantization.zero_point) * quantization.scale
    out_low, out_high = (0.0, _BYTE_LEVELS - 1.0) if levels_out else (low, high)
    return ops.fake_quantize(
        node,
        _constant(low),
        _constant(high),
        _constant(out_low),
        _constant(out_high),
        _BYTE_LEVELS,
    )


def _weight(
    layer: FloatConv | Int8Conv | FloatLinear | Int8Linear, shape: tuple[int, ...]
) -> _Node:
    if isinstance(layer, (FloatConv, FloatLinear)):
        return ops.constant(layer.weight.reshape(shape))
    scale_shape = [1] * len(shape)
    if isinstance(layer, Int8Conv) and len(shape) == 6:
        scale_shape[:2] = shape[:2]
    else:
        scale_shape[0] = shape[0]
    levels = ops.convert(ops.constant(layer.weight.reshape(shape)), "f32")
    return ops.multiply(levels, _constant(layer.weight_scale.reshape(scale_shape)))


def _bias(layer: FloatConv | Int8Conv | FloatLinear | Int8Linear) -> F32:
    if isinstance(layer, (FloatConv, FloatLinear)):
        return layer.bias
    return (layer.bias * layer.sum_scale).astype(np.float32)


def _convolution(x: _Node, conv: FloatConv | Int8Conv) -> _Node:
    """Real-valued convolution, bias and ReLU; N×C×T×H×W."""
    geometry = conv.geometry
    arguments = (
        list(geometry.stride),
        list(geometry.padding),
        list(geometry.back),
        [1, 1, 1],
    )
    shape = conv.weight.shape
    if geometry.groups == 1:
        y = ops.convolution(x, _weight(conv, shape), *arguments)
    else:
        grouped = (geometry.groups, shape[0] // geometry.groups, *shape[1:])
        y = ops.group_convolution(x, _weight(conv, grouped), *arguments)
    y = ops.add(y, _per_channel(_bias(conv), 5))
    return ops.relu(y) if conv.relu else y


def _stage(x: _Node, stage: Stage | Int8Conv) -> _Node:
    """One stage of a network on real values; N×C×T×H×W."""
    if isinstance(stage, Branches):
        return ops.concat([_chain(x, chain) for chain in stage.chains], 1)
    if isinstance(stage, MaxPool):
        geometry = stage.geometry
        pooled = ops.max_pool(
            x,
            list(geometry.stride),
            [1, 1, 1],
            list(geometry.padding),
            list(geometry.back),
            list(stage.kernel),
            "floor",
        )
        return pooled.output(0)
    x = _convolution(x, stage)
    return _fake_quantize(x, stage.output) if isinstance(stage, Int8Conv) else x


def _chain(x: _Node, stages: Sequence[Stage | Int8Conv]) -> _Node:
    for stage in stages:
        x = _stage(x, stage)
    return x


def _normalize(pixels: _Node, network: Network) -> _Node:
    """N×T×H×W×C uint8 to the real numbers of the first layer's input, quantized where it is."""
    normalization = network.normalization
    x = ops.convert(pixels, "f32")
    if any(normalization.mean):
        # A node of its own: in the first convolution's bias it would change what padding means.
        x = ops.subtract(x, _constant(normalization.mean))
    x = ops.multiply(x, _constant(normalization.scale))
    if isinstance(network, Int8Network) and not normalization.is_unit_range:
        x = _fake_quantize(x, network.convolutions[0].input)
    return x


def build_graph(
    network: Network, clip_shape: tuple[int, int, int, int], batch: int = 1
) -> ov.Model:
    """The whole network: N×T×H×W×C uint8 pixels to N×K float32 logits."""
    pixels = ops.parameter([batch, *clip_shape], ov.Type.u8, name="pixels")
    # Scaling stands before the transpose: only so does the first convolution become an int8 kernel.
    x = _normalize(pixels, network)
    x = ops.transpose(x, ops.constant(np.array([0, 4, 1, 2, 3])))
    x = _chain(x, stages_of(network))
    x = ops.reduce_mean(x, ops.constant(np.array([2, 3, 4])), keep_dims=False)
    classifier = network.classifier
    if isinstance(classifier, Int8Linear):
        x = _fake_quantize(x, classifier.input)
    weight = _weight(classifier, classifier.weight.shape)
    x = ops.add(ops.matmul(x, weight, False, True), _per_channel(_bias(classifier), 2))
    return _new_model([ops.result(x)], [pixels], f"incab-{type(network).__name__}")


def build_layer_graph(conv: Int8Conv, input_shape: tuple[int, int, int, int]) -> ov.Model:
    """One int8 convolution alone: C×T×H×W uint8 levels to O×T'×H'×W' uint8 levels."""
    levels = ops.parameter([1, *input_shape], ov.Type.u8, name="levels")
    y = _fake_quantize(_convolution(_dequantize(levels, conv.input), conv), conv.output, True)
    return _new_model([ops.result(ops.convert(y, "u8"))], [levels], conv.name)


@functools.cache
def shared_core() -> ov.Core:
    """The one OpenVINO of this process.

    Its CPU plugin gives the calling thread a stack for signal handlers and takes it away with its
    last model. With a plugin for each model, two that are not freed in reverse order leave the
    thread with freed memory for a stack, and the next Ctrl-C is a segmentation fault.
    """
    return ov.Core()


def compile_graph(graph: ov.Model, threads: int) -> ov.CompiledModel:
    """Compile for this CPU with a fixed number of threads and float32 wherever it is not int8."""
    return shared_core().compile_model(
        graph,
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        },
    )


def saturates(threads: int = 1) -> bool:
    """Whether ±127 comes out wrong here; see adds_in_16_bits."""

    def run(conv: Int8Conv, levels: U8) -> U8:
        compiled = compile_graph(build_layer_graph(conv, levels.shape), threads)
        return compiled(levels[np.newaxis])[compiled.output(0)][0]

    return adds_in_16_bits(run)


def _refuse_what_comes_out_wrong(network: Int8Network, threads: int) -> None:
    """Raise EngineError for what OpenVINO is known to get wrong; logits alone may hide it."""
    for conv in network.convolutions:
        groups, (outputs, inputs) = conv.geometry.groups, conv.weight.shape[:2]
        depthwise = inputs == 1 and groups == outputs
        plain = groups == 1 or depthwise or not np.any(conv.geometry.pads)
        if conv.input.zero_point and not plain:
            raise EngineError(
                f"OpenVINO pads {conv.name} wrongly (grouped, with an input zero-point); "
                "choose another engine or a model with zero-point 0."
            )
    refuse_saturation(network, lambda: saturates(threads))


class OpenVinoEngine:
    """Runs one network on OpenVINO's CPU plugin; owned by one thread at a time."""

    name = "openvino"

    def __init__(
        self, network: Network, clip_shape: tuple[int, int, int, int], threads: int
    ) -> None:
        if isinstance(network, Int8Network):
            _refuse_what_comes_out_wrong(network, threads)
        self._clip_shape = clip_shape
        self._blocks: U8 | None = None
        if takes_blocks(network, clip_shape):
            network = on_blocks(network)
            frames, height, width, _ = clip_shape
            clip_shape = (frames, height // 2, width // 2, 4)
            self._blocks = np.empty(clip_shape, np.uint8)
        try:
            compiled = compile_graph(build_graph(network, clip_shape), threads)
        except RuntimeError as error:
            reason = reason_of(error, line=-1)
            raise EngineError(
                f"OpenVINO cannot compile this network ({reason}); choose another engine."
            ) from error
        self._request = compiled.create_infer_request()
        self._output = compiled.output(0)

    def logits(self, pixels: U8) -> F32:
        """T×H×W×C uint8 pixels to K float32 logits."""
        check_clip(pixels, self._clip_shape)
        if self._blocks is None:
            batch = np.ascontiguousarray(pixels)[np.newaxis]
        else:
            lay_out(pixels, self._blocks)
            batch = self._blocks[np.newaxis]
        answer = self._request.infer([batch], share_inputs=True, share_outputs=False)
        return np.array(answer[self._output][0], np.float32)
