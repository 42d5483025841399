"""Tells a source that repeats one picture from one that looks at something that stands still.

A sensor is noisy: two exposures of the same scene differ in some bit, also where nothing moves. A
driver that hangs delivers the very same bytes again and again. So what counts is byte for byte
equality over a while, never likeness. Two honest sources repeat bytes, too:

- a covered lens or the night, where every pixel is clipped to black: dark pictures never count;
- a coded stream of a calm scene, which may say "as before" from one key frame to the next: a stream
  therefore gets longer than a camera (see SourceLimits).

A still test card or slide is reported as frozen, although its sender works: nothing in the pictures
tells the two apart, and a label of a picture that does not change is worth nothing in a vehicle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Black is 0, or 16 where a limited range was not expanded.
_BLACK = 16
# Noise shows in a few pixels already; only where these agree are all of them compared.
_STRIDE = 16
# A longer silence between two pictures is no time of repeating.
_LONGEST_STEP_S = 1.0


class RepeatedPicture:
    """For how long a source has given the same picture; one object for the life of a source."""

    def __init__(self) -> None:
        self._picture: NDArray[np.uint8] | None = None
        self._newest_s = self._repeated_s = 0.0
        self._black = False

    def update(self, image: NDArray[np.uint8], now_s: float) -> float:
        """For how many seconds this H×W×3 uint8 picture has been coming; 0 for a black one."""
        step_s, self._newest_s = now_s - self._newest_s, now_s
        if self._picture is not None and _equal(self._picture, image):
            self._repeated_s += step_s if step_s <= _LONGEST_STEP_S else 0.0
        else:
            self._picture, self._repeated_s = image, 0.0
            # Whatever is not black in its coarse grid need not be searched in full.
            self._black = int(image[::_STRIDE, ::_STRIDE].max(initial=0)) <= _BLACK and (
                int(image.max(initial=0)) <= _BLACK
            )
        return 0.0 if self._black else self._repeated_s


def _equal(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    return (
        one.shape == other.shape
        and np.array_equal(one[::_STRIDE, ::_STRIDE], other[::_STRIDE, ::_STRIDE])
        and np.array_equal(one, other)
    )
