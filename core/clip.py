"""What a model wants to see, and the only preprocessing and sampling in InCab.

Training, evaluation and the application all go through this file, so that the same frames and
timestamps always become the same tensor.

Legend: T frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.video import Frame

Image = NDArray[np.uint8]

# A frame counts as present at a sampling time that it misses by no more than this: timestamps
# from containers are rounded to a millisecond and must not flip the choice between two frames.
# With 1.5 ms they did at 29.97 fps; with 1 ms they do at no common rate.
TIME_TOLERANCE_S = 0.001

# Frames nearer to each other than this cannot change which frame is sampled by more than this
# time; leaving them out bounds the buffer for any source rate (3 s hold at most 859 frames).
# At 240 fps, even with times rounded to a millisecond, every frame still counts.
_MINIMUM_SPACING_S = 0.0035

# What one buffer may hold. The paper's clips need 129 MB of it at the fastest rate. Where a longer
# span or larger pictures would need more, frames are spaced wider instead: at 30 fps that begins
# with spans of 59 s.
_MOST_BUFFER_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSpec:
    """The input of a model: T frames of crop×crop×C uint8, spread over the last `span_s` seconds.

    `span_s` None means consecutive frames. A frame is squashed to resize×resize and cut to the
    centre crop×crop; with `keep_aspect` the central square of it is taken before, which is the
    same as resizing its shorter side. What numbers the network reads the bytes as is its own
    first step, see core.normalization.
    """

    frames: int = 16
    span_s: float | None = 3.0
    resize: int = 256
    crop: int = 224
    channels: Literal["rgb", "bgr", "grey"] = "rgb"
    keep_aspect: bool = False

    def __post_init__(self) -> None:
        for name, value in (("frames", self.frames), ("resize", self.resize), ("crop", self.crop)):
            # A model file may hold anything.
            if type(value) is not int:
                raise ValueError(f"{name} must be a whole number, not {value!r}")
        if not 1 <= self.frames <= 256:
            raise ValueError(f"frames must be 1 to 256, not {self.frames}")
        if self.span_s is not None and not 0 < self.span_s <= 60:
            raise ValueError(f"span_s must be above 0 and at most 60 seconds, not {self.span_s}")
        if not 1 <= self.crop <= self.resize <= 1024:
            raise ValueError(
                f"crop and resize must be 1 <= crop <= resize <= 1024, "
                f"not {self.crop} and {self.resize}"
            )
        if self.channels not in ("rgb", "bgr", "grey"):
            raise ValueError(f"channels must be rgb, bgr or grey, not {self.channels!r}")
        if type(self.keep_aspect) is not bool:
            raise ValueError(f"keep_aspect must be true or false, not {self.keep_aspect!r}")

    @property
    def channel_count(self) -> int:
        """C: 1 for grey, else 3."""
        return 1 if self.channels == "grey" else 3

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """T×H×W×C of one clip."""
        return (self.frames, self.crop, self.crop, self.channel_count)


def squash(image: Image, spec: ClipSpec) -> Image:
    """H×W×3 RGB uint8 of any size to resize×resize×C uint8.

    The aspect is given up as in the paper, or kept and the longer side cut: see ClipSpec. H×W×1
    stands for a picture whose three channels are the same, and gives the same answer.
    """
    return in_channels(resized(image, spec), spec)


def resized(image: Image, spec: ClipSpec) -> Image:
    """The first half of `squash`: H×W×N uint8 to resize×resize×N, N 1 or 3."""
    size = (spec.resize, spec.resize)
    if spec.keep_aspect:
        image = _central_square(image)
    if image.shape[:2] == size:
        return image
    shrinking = image.shape[0] >= spec.resize and image.shape[1] >= spec.resize
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    smaller = np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)
    return smaller.reshape(*size, image.shape[2])


def in_channels(image: Image, spec: ClipSpec) -> Image:
    """The other half: H×W×1 or H×W×3 RGB uint8 to H×W×C (a view where that will do)."""
    if image.shape[2] == 1:
        # Broadcasting one channel to one takes as long as the rest.
        return image if spec.channel_count == 1 else np.broadcast_to(image, (*image.shape[:2], 3))
    if spec.channels == "bgr":
        return image[:, :, ::-1]
    if spec.channels == "grey":
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, np.newaxis]
    return image


def _central_square(image: Image) -> Image:
    """The middle of H×W×C, as high and wide as its shorter side (a view)."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def centre_crop(images: Image, spec: ClipSpec) -> Image:
    """…×resize×resize×C to the central …×crop×crop×C (a view)."""
    start = (spec.resize - spec.crop) // 2
    stop = start + spec.crop
    return images[..., start:stop, start:stop, :]


def model_frame(image: Image, spec: ClipSpec) -> Image:
    """H×W×3 RGB uint8 to the crop×crop×C uint8 that the model sees (its own copy)."""
    return np.array(centre_crop(squash(image, spec), spec), order="C")


def sample_positions(
    times_s: NDArray[np.float64], span_s: float | None, frames: int
) -> NDArray[np.intp]:
    """Which of the given frames make a clip that ends with the newest of them.

    The span is cut into `frames` equal parts and each is represented by the picture that was
    up at its end: the last frame not later than newest - k·span/frames. A slow source repeats
    frames; times before the oldest frame get the oldest. `span_s` None takes the last frames.

    Args:
        times_s: N strictly increasing times in seconds, N >= 1.
        span_s: length of the window in seconds, or None for consecutive frames.
        frames: T, how many to choose.

    Returns:
        T positions into `times_s`, ascending; the last is N - 1.
    """
    newest = len(times_s) - 1
    if span_s is None:
        return np.maximum(np.arange(newest - frames + 1, newest + 1), 0)
    wanted = times_s[newest] - (span_s / frames) * np.arange(frames - 1, -1, -1)
    positions = np.searchsorted(times_s, wanted + TIME_TOLERANCE_S, side="right") - 1
    return np.clip(positions, 0, newest)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """T×H×W×C uint8 pixels, and the source frames (index, time in seconds) they were taken from."""

    pixels: Image
    frame_indices: tuple[int, ...]
    time_s: float

    @property
    def frame_index(self) -> int:
        """Index of the newest frame, which names the clip."""
        return self.frame_indices[-1]


class RollingClip:
    """The last `span_s` seconds of a source, ready to answer with a clip at any moment.

    Holds at most 256 MiB of pixels, or two clips where these are more, whatever span, size and rate
    a model file and a source bring together.

    Not thread-safe: it belongs to the thread that captures.
    """

    def __init__(self, spec: ClipSpec) -> None:
        self.spec = spec
        self._spacing_s = _MINIMUM_SPACING_S
        if spec.span_s is not None:
            frame_bytes = spec.crop * spec.crop * spec.channel_count
            most_frames = max(2 * spec.frames, _MOST_BUFFER_BYTES // frame_bytes)
            self._spacing_s = max(_MINIMUM_SPACING_S, spec.span_s / most_frames)
        self._frames: deque[tuple[float, int, Image]] = deque()
        self._newest: tuple[float, int, Image] | None = None

    def push(self, frame: Frame) -> None:
        """Add the next frame; times must increase (clear() first after a seek or a new source)."""
        if self._newest is not None and frame.time_s <= self._newest[0]:
            raise ValueError(
                f"frame time {frame.time_s:.6f} s is not after {self._newest[0]:.6f} s; "
                "clear the clip after a jump"
            )
        newest = (frame.time_s, frame.index, model_frame(frame.image, self.spec))
        # The newest frame always takes part; the one before it stays only when it was far
        # enough from its own predecessor.
        crowded = len(self._frames) >= 2 and (
            self._frames[-1][0] - self._frames[-2][0] < self._spacing_s
        )
        if crowded and self.spec.span_s is not None:
            self._frames.pop()
        self._newest = newest
        self._frames.append(newest)
        self._forget_old(frame.time_s)

    def _forget_old(self, now_s: float) -> None:
        span_s = self.spec.span_s
        if span_s is None:
            while len(self._frames) > self.spec.frames:
                self._frames.popleft()
            return
        # One frame older than the window stays: it was still up when the window began.
        oldest_wanted_s = now_s - span_s + TIME_TOLERANCE_S
        while len(self._frames) >= 2 and self._frames[1][0] <= oldest_wanted_s:
            self._frames.popleft()

    def clear(self) -> None:
        """Forget everything, after a seek, a gap or a change of source."""
        self._frames.clear()
        self._newest = None

    @property
    def filled(self) -> int:
        """How many of the T sampled frames are already real, for "warming up 9/16"."""
        if not self._frames:
            return 0
        if self.spec.span_s is None:
            return min(len(self._frames), self.spec.frames)
        age_s = self._frames[-1][0] - self._frames[0][0] + TIME_TOLERANCE_S
        return min(self.spec.frames, 1 + int(age_s / (self.spec.span_s / self.spec.frames)))

    @property
    def ready(self) -> bool:
        """Whether the source has been seen long enough for a whole clip."""
        return self.filled == self.spec.frames

    def clip(self) -> Clip | None:
        """The clip that ends with the newest frame, or None while warming up."""
        if not self.ready:
            return None
        times_s = np.array([time_s for time_s, _, _ in self._frames])
        positions = sample_positions(times_s, self.spec.span_s, self.spec.frames)
        chosen = [self._frames[position] for position in positions]
        return Clip(
            pixels=np.stack([image for _, _, image in chosen]),
            frame_indices=tuple(index for _, index, _ in chosen),
            time_s=chosen[-1][0],
        )
