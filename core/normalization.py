"""How a network reads pixels: byte p of channel c stands for the number (p - mean_c) · scale.

This is a step of its own, in front of the first layer. It must not be folded into that layer's
bias: convolutions pad with the number zero, which is black only where the mean is zero.

Legend: T frames, H height, W width, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

# The camera's byte is the paper's [0, 1]: p / 255.
PIXEL_SCALE = 1 / 255

_LARGEST_SCALE = 1e3


@dataclass(frozen=True, slots=True)
class Normalization:
    """Byte p of channel c is read as (p - mean_c) · scale.

    Attributes:
        mean: in steps of a byte, 0 to 255; one for each channel in the clip's order, or one for
            all of them.
        scale: what a step of a byte is worth, above 0.
    """

    mean: tuple[float, ...] = (0.0,)
    scale: float = PIXEL_SCALE

    def __post_init__(self) -> None:
        if not self.mean or not all(0 <= mean <= 255 for mean in self.mean):
            raise ValueError(f"the means of pixels must be 0 to 255, not {self.mean}")
        if not (isfinite(self.scale) and 0 < self.scale <= _LARGEST_SCALE):
            raise ValueError(
                f"the scale of pixels must be above 0 and at most {_LARGEST_SCALE:g}, "
                f"not {self.scale}"
            )

    @property
    def is_unit_range(self) -> bool:
        """Whether it is plain p / 255."""
        return self == UNIT_RANGE

    def check_channels(self, channels: int) -> None:
        """Raise ValueError unless there is a mean for each of C channels, or one for all."""
        if len(self.mean) not in (1, channels):
            raise ValueError(f"it has means of {len(self.mean)} channels, its clips {channels}")

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """…×C uint8 pixels to the same shape as float64."""
        return (pixels.astype(np.float64) - np.array(self.mean)) * self.scale


UNIT_RANGE = Normalization()
# What TensorFlow's I3D and the paper's published code want: [-1, 1].
SIGNED_RANGE = Normalization((127.5,), 2 / 255)
