"""An int8 network as the floats that it stands for: r = S · (q - Z), the other way of eq. 3.

Legend: O output channels.
"""

from __future__ import annotations

import numpy as np

from core.network import (
    F32,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Conv,
    Int8Linear,
    Int8Network,
)


def dequantized(network: Int8Network) -> FloatNetwork:
    """The fp32 network of exactly these weights; it differs by what rounding activations does.

    Raises:
        ValueError: a weight or bias is beyond float32.
    """
    convolutions = tuple(
        FloatConv(conv.name, *_floats(conv), conv.geometry, _clamps(conv))
        for conv in network.convolutions
    )
    linear = FloatLinear(network.classifier.name, *_floats(network.classifier))
    return FloatNetwork(convolutions, linear, network.normalization)


def _clamps(conv: Int8Conv) -> bool:
    """At zero-point 0 the clamp to 0 to 255 is a ReLU, whatever the file calls it."""
    return conv.relu or conv.output.zero_point == 0


def _floats(layer: Int8Conv | Int8Linear) -> tuple[F32, F32]:
    """Weight O×… and bias O."""
    scale = layer.weight_scale.astype(np.float64)
    column = scale.reshape(-1, *([1] * (layer.weight.ndim - 1)))
    # What a float32 cannot hold becomes infinite, and FloatNetwork refuses that.
    with np.errstate(over="ignore"):
        return (
            (layer.weight * column).astype(np.float32),
            (layer.bias * scale * layer.input.scale).astype(np.float32),
        )
