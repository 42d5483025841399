"""The paper's converted students: PyTorch's quantized modules, read as the numbers they hold.

features.N.conv1.weight      qint8, one scale for each output channel, zero-points 0
                .bias        float32
                .scale       of the output, as .zero_point
quant.scale                  of the input, as quant.zero_point
classifier.1._packed_params._packed_params     (qint8 weight, float32 bias)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from core.fusion import geometry_of
from core.models.mobilenet3d import ConvBnRelu3d, MobileNet3D
from core.network import (
    F32,
    I8,
    I32,
    LARGEST_BIAS,
    LARGEST_EXACT_WEIGHT,
    Int8Conv,
    Int8Linear,
    Int8Network,
    Quantization,
)
from training.importers.formats import Part
from training.importers.mobilenet import (
    PUBLISHED_GROUPS,
    layer_names,
    lost_relus,
    relu_behind,
    size_of,
)
from training.importers.reading import as_float
from training.importers.renaming import as_shape

_PACKED = "classifier.1._packed_params._packed_params"


def read_int8_mobilenet(part: Part) -> tuple[Int8Network, float, list[str]]:
    """The int8 network, its width multiplier, and how it differs from one that InCab trains.

    Raises:
        ValueError: tensors are missing, left over, or do not fit each other.
    """
    state = part.state
    packed = state.get(_PACKED)
    if not isinstance(packed, tuple) or len(packed) != 2:
        raise ValueError(f"{_PACKED} is no pair of weight and bias")
    classes, width = size_of(packed[0], _PACKED)
    _check_keys(state)
    kept = relu_behind(part.groups or PUBLISHED_GROUPS)
    current = _quantization(state, "quant")
    convolutions: list[Int8Conv] = []
    blocks = cast("list[ConvBnRelu3d]", list(MobileNet3D(classes, width).features))
    for index, (name, block) in enumerate(zip(layer_names(), blocks, strict=True)):
        weight = as_shape(state[f"{name}.weight"], f"{name}.weight")
        output = _quantization(state, name)
        tensors = _integers(weight, state[f"{name}.bias"], current, name)
        convolutions.append(
            Int8Conv(f"conv{index}", *tensors, geometry_of(block.conv), current, output, kept[name])
        )
        current = output
    # The quantized average pool keeps the scale of what it averages.
    linear = Int8Linear("classifier", *_integers(*packed, current, "classifier.1"), current)
    network = Int8Network(tuple(convolutions), linear, part.source.normalization)
    return network, width, _differences(network, state, part, classes)


def _check_keys(state: Mapping[str, Any]) -> None:
    wanted = {f"{name}.{kind}" for name in layer_names() for kind in ("weight", "bias")}
    wanted |= {
        f"{name}.{kind}"
        for name in (*layer_names(), "quant", "classifier.1")
        for kind in ("scale", "zero_point")
    }
    wanted |= {_PACKED, "classifier.1._packed_params.dtype"}
    missing, unknown = sorted(wanted - set(state)), sorted(set(state) - wanted)
    if missing:
        raise ValueError(f"it lacks {len(missing)} entries such as {missing[0]}")
    if unknown:
        raise ValueError(f"it has {len(unknown)} that such a network has not, such as {unknown[0]}")


def _quantization(state: Mapping[str, Any], name: str) -> Quantization:
    numbers = []
    for kind in ("scale", "zero_point"):
        value = state[f"{name}.{kind}"]
        if isinstance(value, Tensor) and value.numel() == 1:
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name}.{kind} is no number")
        numbers.append(value)
    scale, zero_point = numbers
    if zero_point != int(zero_point):
        raise ValueError(f"{name}.zero_point is no whole number")
    return Quantization(float(scale), int(zero_point))


def _integers(weight: object, bias: object, source: Quantization, name: str) -> tuple[I8, F32, I32]:
    """int8 levels, float32 scales and int32 biases at input scale × weight scale."""
    weight = as_shape(weight, f"{name}.weight")
    if not weight.is_quantized or weight.dtype != torch.qint8:
        raise ValueError(f"{name}.weight is no qint8 tensor")
    outputs = weight.shape[0]
    if weight.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        if weight.q_per_channel_axis() != 0:
            raise ValueError(f"{name}.weight has its scales on another axis than the outputs'")
        scale, zero = weight.q_per_channel_scales(), weight.q_per_channel_zero_points()
    else:
        scale = torch.full((outputs,), weight.q_scale())
        zero = torch.full((outputs,), weight.q_zero_point())
    if bool((zero != 0).any()):
        raise ValueError(f"{name}.weight has zero-points, which InCab's int8 networks have not")
    levels = cast(I8, weight.int_repr().contiguous().numpy().copy())
    scales = scale.to(torch.float32).numpy().copy()
    real = as_float(bias, f"{name}.bias").numpy().astype(np.float64)
    if real.shape != (outputs,) or not np.isfinite(real).all():
        raise ValueError(f"{name}.bias is not {outputs} finite numbers")
    # A channel without weights may have any scale: one at which its bias is an int32.
    silent = ~levels.reshape(outputs, -1).any(axis=1)
    smallest = np.float32(np.abs(real) / (source.scale * LARGEST_BIAS))
    scales[silent] = np.maximum(scales[silent], smallest[silent])
    biases = np.rint(real / (source.scale * scales.astype(np.float64)))
    if np.abs(biases).max() > 2**31 - 1:
        raise ValueError(f"{name}.bias is too large for an int32 at its scale")
    return levels, scales, biases.astype(np.int32)


def _differences(
    network: Int8Network, state: Mapping[str, Any], part: Part, classes: int
) -> list[str]:
    shifted = sum(conv.output.zero_point != 0 for conv in network.convolutions)
    step = _quantization(state, "classifier.1").scale
    notes = []
    if part.groups is None:
        notes.append("It does not say what was fused; taken is what the published settings fuse.")
    notes += lost_relus(network)
    if shifted:
        notes.append(f"{shifted} activations have a zero-point; InCab's own have none.")
    if network.largest_weight > LARGEST_EXACT_WEIGHT:
        notes.append(
            f"Weights go up to ±{network.largest_weight}, so fast engines need a CPU with VNNI; "
            f"InCab's own keep within ±{LARGEST_EXACT_WEIGHT} and need none."
        )
    notes.append(
        f"PyTorch rounds its {classes} logits to steps of {step:.3g} and cuts what lies outside of "
        "the range it saw in training; here they are neither rounded nor cut."
    )
    return notes
