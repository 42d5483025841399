"""The first convolution of a grey network on blocks of 2×2 pixels: the same sums, denser kernels.

CPUs multiply bytes four at a time, so a single input channel leaves three quarters of each
instruction empty. Where the first convolution moves by two pixels, 2×2 pixels can stand as four
channels instead: a kernel of 3×3 pixels becomes one of 2×2 blocks that moves by one, its missing
taps are zero, and every output is the sum of the same products. The model file keeps the ordinary
form; an engine rewrites it when it loads.

Legend: T frames, H height, W width, O output channels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.network import FloatConv, FloatNetwork, Int8Conv, Int8Network, Network

U8 = NDArray[np.uint8]

# Output o looks at pixels 2o-1, 2o and 2o+1, which lie in block o-1 (second pixel) and in block o
# (both): (block, pixel in it) of each tap.
_PLACE_OF_TAP = ((0, 1), (1, 0), (1, 1))


def takes_blocks(network: Network, clip_shape: tuple[int, int, int, int]) -> bool:
    """Whether the first convolution of a network for clips T×H×W×C can run on blocks."""
    first = network.convolutions[0]
    if isinstance(network, FloatNetwork) and network.stages[0] is not first:
        return False
    geometry = first.geometry
    return (
        clip_shape[1] % 2 == 0
        and clip_shape[2] % 2 == 0
        and clip_shape[3] == 1
        and first.weight.shape[1] == 1
        and first.weight.shape[3:] == (3, 3)
        and geometry.groups == 1
        and geometry.stride[1:] == (2, 2)
        and geometry.padding[1:] == (1, 1)
        # Behind, an even picture never reaches its padding; more of it would add outputs.
        and set(geometry.back[1:]) <= {0, 1}
    )


def on_blocks(network: Network) -> Network:
    """The same network with a first convolution that takes T×H/2×W/2×4; see takes_blocks."""
    first = network.convolutions[0]
    weight = np.zeros((*first.weight.shape[:1], 4, first.weight.shape[2], 2, 2), first.weight.dtype)
    for row, (block_row, pixel_row) in enumerate(_PLACE_OF_TAP):
        for column, (block_column, pixel_column) in enumerate(_PLACE_OF_TAP):
            channel = 2 * pixel_row + pixel_column
            weight[:, channel, :, block_row, block_column] = first.weight[:, 0, :, row, column]
    old = first.geometry
    geometry = Geometry(
        (old.stride[0], 1, 1), (old.padding[0], 1, 1), padding_back=(old.back[0], 0, 0)
    )
    if isinstance(network, Int8Network):
        assert isinstance(first, Int8Conv)
        blocked = replace(first, weight=weight, geometry=geometry)
        return replace(network, convolutions=(blocked, *network.convolutions[1:]))
    assert isinstance(first, FloatConv)
    blocked = replace(first, weight=weight, geometry=geometry)
    return replace(network, stages=(blocked, *network.stages[1:]))


def lay_out(pixels: U8, out: U8) -> None:
    """Write T×H×W×1 pixels into `out`, T×H/2×W/2×4: each block's upper two, then its lower two."""
    width = pixels.shape[2]
    # Two neighbours in a row are one 16-bit number, so that a block is a pair of numbers from two
    # rows: 0.1 ms for a clip of 16×224×224, where a transpose of single bytes takes 3 ms.
    rows = np.ascontiguousarray(pixels).reshape(-1, 2, width).view(np.uint16)
    pairs = out.reshape(len(rows), 2 * width).view(np.uint16).reshape(len(rows), width // 2, 2)
    pairs[..., 0] = rows[:, 0]
    pairs[..., 1] = rows[:, 1]
