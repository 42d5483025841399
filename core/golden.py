"""Golden inputs: clips derived from a hash stream, so that they never change with a library.

An engine proves itself on this very CPU by answering them as the model file says it must. The
first is ordinary; the second is bright and changes abruptly, so that sums of neighbouring
products grow large enough to show 16-bit saturation.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]

GOLDEN_NAMES = ("ordinary", "bright")
_COARSE = 16


def golden_clip(name: str, clip_shape: tuple[int, int, int, int]) -> U8:
    """T×H×W×C uint8 pixels of one golden input.

    "ordinary": coarse blocks of random brightness under fine noise, like a scene.
    "bright": every pixel 192 to 255, with saturated blocks.
    """
    frames, height, width, channels = clip_shape
    rows, columns = -(-height // _COARSE), -(-width // _COARSE)
    coarse_shape = (frames, rows, columns, channels)
    coarse = _stream(f"incab golden {name} coarse", coarse_shape)
    blocks = coarse.repeat(_COARSE, axis=1).repeat(_COARSE, axis=2)[:, :height, :width]
    fine = _stream(f"incab golden {name} fine", clip_shape)
    if name == "ordinary":
        return (blocks // 2 + blocks // 4 + fine // 4).astype(np.uint8)
    if name == "bright":
        return np.where(blocks > 127, np.uint8(255), 192 + fine // 4).astype(np.uint8)
    raise ValueError(f"there is no golden input {name!r}; choose from {GOLDEN_NAMES}")


def _stream(seed: str, shape: tuple[int, ...]) -> U8:
    count = int(np.prod(shape))
    stream = hashlib.shake_256(seed.encode()).digest(count)
    return np.frombuffer(stream, np.uint8).reshape(shape)
