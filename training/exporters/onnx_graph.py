"""A network as an ONNX graph, written node by node.

fp32 networks become plain float graphs. int8 networks become QDQ graphs: weights and biases stay
int8 and int32 constants behind a DequantizeLinear, every activation passes QuantizeLinear and
DequantizeLinear with the model's own scales, and runtimes fuse those into integer kernels. The
camera's byte already is the quantized input (scale 1/255, zero-point 0), so it is dequantized at
once.

Legend: N batch, T frames, H height, W width, C channels, O output channels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.geometry import Geometry
from core.modelfile import Model
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
from training.exporters.metadata import INPUT_NAME, OUTPUT_NAME, metadata_of

# Old enough for runtimes of 2022; nothing newer is needed.
_OPSET, _IR_VERSION = 17, 8


class _Graph:
    """Nodes and constants in the order they are added.

    What belongs to a layer of the network has a name that begins with a slash, so that no layer's
    name meets one given here.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """A node with one output; both are called `name`."""
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: object, dtype: type[np.generic]) -> str:
        array = np.ascontiguousarray(np.asarray(values, dtype))
        # ascontiguousarray() makes a vector of a single number, which scales must not be.
        array = array.reshape(np.shape(values))
        self.constants.append(numpy_helper.from_array(array, name))
        return name


def onnx_model(model: Model) -> onnx.ModelProto:
    """N×T×H×W×C uint8 `pixels` to N×K float32 `logits`, N free, with the model's metadata."""
    graph, network = _Graph(), model.network
    x = _pixels(graph, network)
    x = graph.add("Transpose", [x], "channels_first", perm=[0, 4, 1, 2, 3])
    x = _chain(graph, x, stages_of(network), "stage")
    x = graph.add("GlobalAveragePool", [x], "average")
    x = graph.add("Flatten", [x], "features", axis=1)
    classifier = network.classifier
    if isinstance(classifier, Int8Linear):
        x = _requantize(graph, x, "features", classifier.input)
    weight, bias = _weights(graph, classifier)
    graph.add("Gemm", [x, weight, bias], OUTPUT_NAME, transB=1)
    return _assemble(model, graph)


def _pixels(graph: _Graph, network: Network) -> str:
    """N×T×H×W×C real numbers that the first layer takes."""
    normalization = network.normalization
    if isinstance(network, Int8Network) and normalization.is_unit_range:
        return _dequantize(graph, INPUT_NAME, "pixels", network.convolutions[0].input)
    x = graph.add("Cast", [INPUT_NAME], "pixels_float", to=TensorProto.FLOAT)
    if any(normalization.mean):
        mean = graph.constant("pixels_mean", normalization.mean, np.float32)
        x = graph.add("Sub", [x, mean], "pixels_centred")
    scale = graph.constant("pixels_scale", normalization.scale, np.float32)
    x = graph.add("Mul", [x, scale], "pixels_normalized")
    if isinstance(network, Int8Network):
        x = _requantize(graph, x, "pixels", network.convolutions[0].input)
    return x


def _assemble(model: Model, graph: _Graph) -> onnx.ModelProto:
    shape, classes = model.clip.clip_shape, len(model.labels)
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            f"incab-{model.kind}",
            [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["N", *shape])],
            [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", classes])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="incab",
    )
    helper.set_model_props(made, metadata_of(model))
    onnx.checker.check_model(made, full_check=True)
    return made


def _chain(graph: _Graph, x: str, stages: Iterable[Stage | Int8Conv], name: str) -> str:
    for number, stage in enumerate(stages):
        x = _stage(graph, x, stage, f"{name}{number}")
    return x


def _stage(graph: _Graph, x: str, stage: Stage | Int8Conv, name: str) -> str:
    """One stage on real values; `name` is for what has no name of its own."""
    if isinstance(stage, Branches):
        ends = [
            _chain(graph, x, chain, f"{name}_branch{number}_")
            for number, chain in enumerate(stage.chains)
        ]
        return graph.add("Concat", ends, name, axis=1)
    if isinstance(stage, MaxPool):
        kernel = list(stage.kernel)
        return graph.add("MaxPool", [x], name, kernel_shape=kernel, **_window(stage.geometry))
    weight, bias = _weights(graph, stage)
    geometry, name = stage.geometry, f"/{stage.name}"
    x = graph.add(
        "Conv",
        [x, weight, bias],
        name,
        kernel_shape=list(stage.kernel),
        group=geometry.groups,
        **_window(geometry),
    )
    if stage.relu:
        x = graph.add("Relu", [x], f"{name}.relu")
    return _requantize(graph, x, name, stage.output) if isinstance(stage, Int8Conv) else x


def _window(geometry: Geometry) -> dict[str, list[int]]:
    return {
        "strides": list(geometry.stride),
        "pads": [*geometry.padding, *geometry.back],
    }


def _weights(
    graph: _Graph, layer: FloatConv | Int8Conv | FloatLinear | Int8Linear
) -> tuple[str, str]:
    """Names of a layer's real-valued weight and bias."""
    weight_name, bias_name = f"/{layer.name}.weight", f"/{layer.name}.bias"
    if isinstance(layer, (FloatConv, FloatLinear)):
        weight = graph.constant(weight_name, layer.weight, np.float32)
        return weight, graph.constant(bias_name, layer.bias, np.float32)
    return (
        _dequantize_channels(graph, weight_name, layer.weight, layer.weight_scale),
        _dequantize_channels(graph, bias_name, layer.bias, layer.sum_scale),
    )


def _dequantize_channels(
    graph: _Graph, name: str, levels: NDArray[np.integer[Any]], scales: NDArray[np.floating[Any]]
) -> str:
    """int8 or int32 constants with one scale for each of the O entries of axis 0."""
    inputs = [
        graph.constant(f"{name}.levels", levels, levels.dtype.type),
        graph.constant(f"{name}.scale", scales, np.float32),
        graph.constant(f"{name}.zero", np.zeros(len(levels)), levels.dtype.type),
    ]
    return graph.add("DequantizeLinear", inputs, name, axis=0)


def _scale(graph: _Graph, name: str, quantization: Quantization) -> list[str]:
    return [
        graph.constant(f"{name}.scale", quantization.scale, np.float32),
        graph.constant(f"{name}.zero", quantization.zero_point, np.uint8),
    ]


def _dequantize(graph: _Graph, x: str, name: str, quantization: Quantization) -> str:
    inputs = [x, *_scale(graph, name, quantization)]
    return graph.add("DequantizeLinear", inputs, f"{name}.real")


def _requantize(graph: _Graph, x: str, name: str, quantization: Quantization) -> str:
    """Round to the 256 levels of `quantization` and give real values again."""
    scale = _scale(graph, f"{name}.output", quantization)
    levels = graph.add("QuantizeLinear", [x, *scale], f"{name}.output.levels")
    return graph.add("DequantizeLinear", [levels, *scale], f"{name}.output")
