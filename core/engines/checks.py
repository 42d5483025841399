"""What the fast engines check alike: the clip they are given, and whether the CPU can hold ±127."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.errors import SaturationError
from core.geometry import Geometry
from core.network import LARGEST_EXACT_WEIGHT, Int8Conv, Int8Network, Quantization

U8 = NDArray[np.uint8]

_CHANNELS = 64


def check_clip(pixels: U8, clip_shape: tuple[int, int, int, int]) -> None:
    """Raise ValueError unless the pixels are uint8 and T×H×W×C as promised."""
    if pixels.shape != clip_shape or pixels.dtype != np.uint8:
        raise ValueError(f"a clip must be {clip_shape} uint8, not {pixels.shape} {pixels.dtype}")


def adds_in_16_bits(run_layer: Callable[[Int8Conv, U8], U8]) -> bool:
    """Whether int8 kernels here add pairs of products in 16 bits, so that ±127 comes out wrong.

    `run_layer` runs one layer on C×T×H×W levels: to O×T'×H'×W' levels.
    """
    conv = Int8Conv(
        "probe",
        np.full((_CHANNELS, _CHANNELS, 1, 1, 1), 127, np.int8),
        np.ones(_CHANNELS, np.float32),
        np.zeros(_CHANNELS, np.int32),
        Geometry((1, 1, 1), (0, 0, 0), 1),
        Quantization(1.0),
        Quantization(_CHANNELS * 127.0),
    )
    # Σ 127·255 over the channels, at the output's scale, is 255 again.
    answer = run_layer(conv, np.full((_CHANNELS, 4, 8, 8), 255, np.uint8))
    return bool((answer < 254).any())


def refuse_saturation(network: Int8Network, saturates: Callable[[], bool]) -> None:
    """Raise SaturationError for weights beyond ±63 where it `saturates`; else never ask it."""
    if network.largest_weight > LARGEST_EXACT_WEIGHT and saturates():
        raise SaturationError(
            f"This int8 model has weights up to ±{network.largest_weight} and needs a CPU with "
            f"VNNI; choose one trained within ±{LARGEST_EXACT_WEIGHT}."
        )
