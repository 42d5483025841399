"""How large a network's activations are for a clip, what it costs, and what is too much.

Weights say little of either: a file of a few kilobytes can ask for terabytes.

Legend: T frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from core.geometry import Triple
from core.network import (
    Branches,
    FloatConv,
    Int8Conv,
    Int8Network,
    MaxPool,
    Network,
    Stage,
    input_channels,
    stages_of,
)

ClipShape = tuple[int, int, int, int]

# 2 GiB as float32. The student's largest array has 3.7 million values, that of an I3D on 64 frames
# of 224×224 has 26 million.
LARGEST_ACTIVATION = 2**29
# Nine times that I3D's 0.11 · 10^12.
MOST_OPERATIONS = 10**12
# The pool's sum of bytes is an int32, as every sum on the int8 path.
_MOST_POOLED = (2**31 - 1) // 255


@dataclass(frozen=True, slots=True)
class _Step:
    """One convolution or pool at work: T×H×W and channels of what goes in and comes out."""

    layer: FloatConv | Int8Conv | MaxPool
    channels: int
    size: Triple
    output_channels: int
    output_size: Triple

    @property
    def name(self) -> str:
        return _name(self.layer)

    @property
    def operations(self) -> int:
        """Multiply-accumulates of a convolution, comparisons of a pool."""
        per_position = self.channels * prod(self.layer.kernel)
        if not isinstance(self.layer, MaxPool):
            per_position = self.layer.weight.size
        return prod(self.output_size) * per_position

    @property
    def largest(self) -> int:
        """Values of the largest array: padded input, output, or the windows of one output frame."""
        padded = prod(n + sum(pads) for n, pads in zip(self.size, self._pads, strict=True))
        windows = 0
        if not isinstance(self.layer, MaxPool):
            # The reference lays them out; other engines need less.
            windows = prod(self.layer.kernel) * prod(self.output_size[1:])
        return max(
            self.channels * max(padded, windows), self.output_channels * prod(self.output_size)
        )

    @property
    def _pads(self) -> tuple[tuple[int, int], ...]:
        return self.layer.geometry.pads


def _name(layer: FloatConv | Int8Conv | MaxPool) -> str:
    return "max pool" if isinstance(layer, MaxPool) else layer.name


def _walk(
    stages: Sequence[Stage | Int8Conv], channels: int, size: Triple, steps: list[_Step]
) -> tuple[int, Triple]:
    """Channels and T×H×W after the stages; every step on the way is appended to `steps`."""
    for stage in stages:
        if isinstance(stage, Branches):
            ends = [_walk(chain, channels, size, steps) for chain in stage.chains]
            sizes = {end for _, end in ends}
            if len(sizes) != 1:
                raise ValueError(f"branches give different sizes: {sorted(sizes)}")
            channels, (size,) = sum(count for count, _ in ends), sizes
            continue
        output = stage.geometry.output_size(size, stage.kernel)
        if min(output) < 1:
            t, h, w = size
            raise ValueError(
                f"{_name(stage)}: {t}x{h}x{w} values are left, a clip too small for it"
            )
        outputs = channels if isinstance(stage, MaxPool) else stage.weight.shape[0]
        steps.append(_Step(stage, channels, size, outputs, output))
        channels, size = outputs, output
    return channels, size


def _steps(network: Network, clip_shape: ClipShape) -> tuple[list[_Step], int, Triple]:
    steps: list[_Step] = []
    channels, size = _walk(stages_of(network), input_channels(network), clip_shape[:3], steps)
    return steps, channels, size


def _convolutions(steps: Sequence[_Step]) -> Iterator[_Step]:
    return (step for step in steps if not isinstance(step.layer, MaxPool))


def activation_sizes(network: Network, clip_shape: ClipShape) -> list[Triple]:
    """T×H×W at the input of each convolution, then of the average pool, for a clip T×H×W×C.

    Raises:
        ValueError: the clip is too small, or branches give different sizes.
    """
    steps, _, last = _steps(network, clip_shape)
    return [*(step.size for step in _convolutions(steps)), last]


def multiply_accumulates(network: Network, clip_shape: ClipShape) -> int:
    """Multiply-accumulate operations for one clip T×H×W×C; pools cost none."""
    steps, _, _ = _steps(network, clip_shape)
    convolutions = sum(step.operations for step in _convolutions(steps))
    return convolutions + network.classifier.weight.size


def check_costs(network: Network, clip_shape: ClipShape) -> None:
    """Raise ValueError where a clip T×H×W×C does not fit the network or would cost too much.

    Too much are an array of more than LARGEST_ACTIVATION values, more than MOST_OPERATIONS, and,
    in int8, an average over more positions than an int32 can sum up.
    """
    steps, channels, size = _steps(network, clip_shape)
    for step in steps:
        if step.largest > LARGEST_ACTIVATION:
            raise ValueError(
                f"{step.name} needs {step.largest:.2g} values at once for clips of this size, "
                f"allowed are {LARGEST_ACTIVATION:.2g}"
            )
    # Branches come together in no step of their own.
    if channels * prod(size) > LARGEST_ACTIVATION:
        raise ValueError(f"the pool gets {channels * prod(size):.2g} values, too many")
    operations = sum(step.operations for step in steps)
    if operations > MOST_OPERATIONS:
        raise ValueError(
            f"it needs {operations:.2g} operations for one clip, allowed are {MOST_OPERATIONS:.2g}"
        )
    if isinstance(network, Int8Network) and prod(size) > _MOST_POOLED:
        raise ValueError(f"the pool averages {prod(size)} positions, more than an int32 can sum up")
