"""A network as plain data: what a model file holds and every engine runs.

A student is a chain of convolutions (batch normalisation already folded in), a global average
pool and a classifier. An fp32 network may also pool and branch, as the teacher does; int8 stays a
chain. The int8 form follows eq. 3-4 of arXiv 2311.05970 with the bracket that eq. 3 misses: a real
value r is stored as q = round(r / S) + Z, so r = S · (q - Z).

Legend: T frames, H height, W width, C channels, O output channels, I input channels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry, Triple
from core.normalization import PIXEL_SCALE, UNIT_RANGE, Normalization

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

# CPUs without VNNI add pairs of uint8·int8 products in 16 bits: 2·255·63 < 2^15 is exact there.
LARGEST_EXACT_WEIGHT = 63
# Engines accumulate in int32, and the reference's 63-bit products rely on it.
_LARGEST_SUM = 2**31 - 1
# What makes a bias keeps below this: a channel whose weights are almost zero gets a coarser scale.
LARGEST_BIAS = 2**30
_APART_FROM_TIES = 1e-3


@dataclass(frozen=True, slots=True)
class Quantization:
    """Scale S > 0 and zero-point Z (0 to 255) of one uint8 activation tensor."""

    scale: float
    zero_point: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"an activation scale must be positive and finite, not {self.scale}")
        if not 0 <= self.zero_point <= 255:
            raise ValueError(f"a zero-point must be 0 to 255, not {self.zero_point}")


# The camera's byte already is the quantized input: real value p / 255 in [0, 1], zero-point 0.
PIXELS = Quantization(PIXEL_SCALE, 0)


def pixel_quantization(normalization: Normalization) -> Quantization:
    """Where an int8 network has its pixels: p / 255 as they are, else 256 levels over their range.

    Zero, which padding stands for, is one of the levels.
    """
    if normalization.is_unit_range:
        return PIXELS
    reals = normalization.apply(np.arange(256, dtype=np.uint8)[:, np.newaxis])
    low, high = float(reals.min()), float(reals.max())
    for steps in range(255, 0, -1):
        scale = (high - low) / steps
        # Engines round differently where a byte falls in the middle between two levels.
        if float(np.abs(np.mod(reals / scale, 1) - 0.5).min()) > _APART_FROM_TIES:
            return Quantization(scale, round(-low / scale))
    raise ValueError(f"no quantization keeps {normalization} away from ties")


@dataclass(frozen=True, slots=True, eq=False)
class FloatConv:
    """y = relu(conv(x, weight) + bias); weight O×(I/groups)×kT×kH×kW, bias O, float32."""

    name: str
    weight: F32
    bias: F32
    geometry: Geometry
    relu: bool = True

    @property
    def kernel(self) -> Triple:
        """kT×kH×kW."""
        return _kernel(self.weight)


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest value of each kT×kH×kW window; padding never wins.

    Padding counts as -infinity. After a ReLU zeros would give the same answer, which is what
    ports of I3D pad with.
    """

    kernel: Triple
    geometry: Geometry


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """Chains that all take the same input; their outputs are joined over the channels, in order."""

    chains: tuple[tuple[FloatConv | MaxPool, ...], ...]


Stage = FloatConv | MaxPool | Branches


@dataclass(frozen=True, slots=True, eq=False)
class FloatLinear:
    """logits = weight · x + bias; weight K×C, bias K, float32."""

    name: str
    weight: F32
    bias: F32


@dataclass(frozen=True, slots=True, eq=False)
class FloatNetwork:
    """An fp32 network: normalised pixels through the stages, mean over T, H, W, classifier."""

    stages: tuple[Stage, ...]
    classifier: FloatLinear
    normalization: Normalization = UNIT_RANGE

    def __post_init__(self) -> None:
        check_shapes(self)

    @property
    def convolutions(self) -> tuple[FloatConv, ...]:
        """All convolutions in order, those of branches one chain after the other."""
        return tuple(_convolutions(self.stages))

    @property
    def is_chain(self) -> bool:
        """Whether it is nothing but convolutions, one after the other."""
        return all(isinstance(stage, FloatConv) for stage in self.stages)


@dataclass(frozen=True, slots=True, eq=False)
class Int8Conv:
    """One convolution of eq. 4: uint8 in, int32 accumulation, uint8 out.

    weight: int8, symmetric, O×(I/groups)×kT×kH×kW; weight_scale: one float32 for each output
    channel; bias: int32 at scale input.scale · weight_scale. With `relu` the output is clamped
    from below at its zero-point; at zero-point 0 the clamp of uint8 is the ReLU.
    """

    name: str
    weight: I8
    weight_scale: F32
    bias: I32
    geometry: Geometry
    input: Quantization
    output: Quantization
    relu: bool = True

    @property
    def kernel(self) -> Triple:
        """kT×kH×kW."""
        return _kernel(self.weight)

    @property
    def sum_scale(self) -> F64:
        """What one step of its sums is worth, for each output channel."""
        return self.input.scale * self.weight_scale.astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Int8Linear:
    """logits = int32 accumulation · (input.scale · weight_scale), float32; weight K×C int8."""

    name: str
    weight: I8
    weight_scale: F32
    bias: I32
    input: Quantization

    @property
    def sum_scale(self) -> F64:
        """What one step of its sums is worth, for each output channel."""
        return self.input.scale * self.weight_scale.astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Int8Network:
    """The int8 student; the pool's float mean is quantized with the classifier's input scale.

    Pixels p / 255 are the first layer's input as they are. Any other normalisation is quantized
    like an activation: each byte becomes another byte, by a table of 256 entries.
    """

    convolutions: tuple[Int8Conv, ...]
    classifier: Int8Linear
    normalization: Normalization = UNIT_RANGE

    def __post_init__(self) -> None:
        check_shapes(self)
        if self.normalization.is_unit_range and self.convolutions[0].input != PIXELS:
            raise ValueError(
                "the first layer's input must be the pixel itself: scale 1/255, zero 0"
            )
        for before, after in zip(self.convolutions, self.convolutions[1:], strict=False):
            if before.output != after.input:
                raise ValueError(f"{after.name} does not take what {before.name} gives")

    @property
    def largest_weight(self) -> int:
        """Largest |int8 weight|; above LARGEST_EXACT_WEIGHT the model needs a CPU with VNNI."""
        layers = (*self.convolutions, self.classifier)
        return max(int(np.abs(layer.weight.astype(np.int16)).max()) for layer in layers)

    def quantize_pixels(self, pixels: U8) -> U8:
        """…×C uint8 pixels to the levels that the first layer takes."""
        if self.normalization.is_unit_range:
            return pixels
        target = self.convolutions[0].input
        reals = self.normalization.apply(np.arange(256, dtype=np.uint8)[:, np.newaxis])
        levels = np.rint(reals / target.scale) + target.zero_point
        table = np.clip(levels, 0, 255).astype(np.uint8)
        if table.shape[1] == 1:
            return table[:, 0][pixels]
        return table[pixels, np.arange(table.shape[1])]


Network = FloatNetwork | Int8Network


def kind_of(network: Network) -> str:
    """The kind of numbers it holds: "int8" or "fp32"."""
    return "int8" if isinstance(network, Int8Network) else "fp32"


def _kernel(weight: F32 | I8) -> Triple:
    _, _, t, h, w = weight.shape
    return (t, h, w)


def _convolutions(stages: Sequence[Stage]) -> Iterator[FloatConv]:
    for stage in stages:
        if isinstance(stage, FloatConv):
            yield stage
        elif isinstance(stage, Branches):
            for chain in stage.chains:
                yield from _convolutions(chain)


def stages_of(network: Network) -> Sequence[Stage | Int8Conv]:
    """Its stages in order; of an int8 network its convolutions."""
    return network.stages if isinstance(network, FloatNetwork) else network.convolutions


def input_channels(network: Network) -> int:
    """Channels of the clips it takes."""
    first = network.convolutions[0]
    return first.weight.shape[1] * first.geometry.groups


def check_shapes(network: Network) -> None:
    """Raise ValueError, naming the layer, unless all layers fit each other and are finite."""
    if not network.convolutions:
        raise ValueError("a network needs at least one convolution")
    names = [layer.name for layer in (*network.convolutions, network.classifier)]
    if len(set(names)) != len(names):
        raise ValueError("two layers have the same name")
    for conv in network.convolutions:
        _check_convolution(conv)
    network.normalization.check_channels(input_channels(network))
    channels = _channels_after(stages_of(network), input_channels(network))
    classifier = network.classifier
    if (
        classifier.weight.ndim != 2
        or classifier.weight.shape[0] < 1
        or classifier.weight.shape[1] != channels
    ):
        raise ValueError(
            f"{classifier.name}: weight {classifier.weight.shape} does not take {channels} channels"
        )
    _check_per_channel(classifier, classifier.weight.shape[0])


def _check_convolution(conv: FloatConv | Int8Conv) -> None:
    weight, groups = conv.weight, conv.geometry.groups
    if weight.ndim != 5 or min(weight.shape) < 1:
        raise ValueError(f"{conv.name}: weight {weight.shape} is not O x I x kT x kH x kW")
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(f"{conv.name}: {groups} groups do not divide its channels")
    _check_window(conv.name, conv.geometry, conv.kernel)
    _check_per_channel(conv, weight.shape[0])


def _check_window(name: str, geometry: Geometry, kernel: Triple) -> None:
    padding_fits = all(
        0 <= min(pads) <= max(pads) < k for pads, k in zip(geometry.pads, kernel, strict=True)
    )
    if min(geometry.stride) < 1 or not padding_fits:
        raise ValueError(
            f"{name}: strides must be at least 1 and padding 0 to less than the kernel"
        )


def _channels_after(stages: Sequence[Stage | Int8Conv], channels: int) -> int:
    for stage in stages:
        if isinstance(stage, Branches):
            if not stage.chains or not all(stage.chains):
                raise ValueError("branches need at least one chain, and no chain may be empty")
            channels = sum(_channels_after(chain, channels) for chain in stage.chains)
        elif isinstance(stage, MaxPool):
            if stage.geometry.groups != 1:
                raise ValueError("a max pool has no groups")
            _check_window("max pool", stage.geometry, stage.kernel)
            # PyTorch's pools take no more.
            if any(max(p) > k // 2 for p, k in zip(stage.geometry.pads, stage.kernel, strict=True)):
                raise ValueError("a max pool is padded by more than half its kernel")
        else:
            wanted = stage.weight.shape[1] * stage.geometry.groups
            if wanted != channels:
                raise ValueError(
                    f"{stage.name}: weight wants {wanted} input channels, gets {channels}"
                )
            channels = stage.weight.shape[0]
    return channels


def _check_per_channel(layer: FloatConv | FloatLinear | Int8Conv | Int8Linear, count: int) -> None:
    vectors = {"bias": layer.bias}
    if isinstance(layer, (Int8Conv, Int8Linear)):
        vectors["weight_scale"] = layer.weight_scale
        if not (np.isfinite(layer.weight_scale).all() and (layer.weight_scale > 0).all()):
            raise ValueError(f"{layer.name}: weight scales must be positive and finite")
        _check_sums(layer)
    elif not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
        raise ValueError(f"{layer.name}: weights hold NaN or infinity")
    for name, vector in vectors.items():
        if vector.shape != (count,):
            raise ValueError(f"{layer.name}: {name} has shape {vector.shape}, expected ({count},)")


def _check_sums(layer: Int8Conv | Int8Linear) -> None:
    weights = np.abs(layer.weight.astype(np.int64)).reshape(len(layer.weight), -1).sum(axis=1)
    biases = np.abs(layer.bias.astype(np.int64))
    # A bias of another shape is told by its own sentence.
    if biases.shape == weights.shape and (255 * weights + biases).max() > _LARGEST_SUM:
        raise ValueError(f"{layer.name}: its sums can leave the range of int32")
