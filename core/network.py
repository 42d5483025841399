"""The student as plain data: what a model file holds and every engine runs.

A network is a list of convolutions (batch normalisation already folded in), a global average
pool and a classifier. The int8 form follows eq. 3-4 of arXiv 2311.05970 with the bracket that
eq. 3 misses: a real value r is stored as q = round(r / S) + Z, so r = S · (q - Z).

Legend: T frames, H height, W width, C channels, O output channels, I input channels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
Triple = tuple[int, int, int]

# The camera's byte already is the quantized input: real value p / 255 in [0, 1], zero-point 0.
PIXEL_SCALE = 1 / 255

# CPUs without VNNI add pairs of uint8·int8 products in 16 bits: 2·255·63 < 2^15 is exact there.
LARGEST_EXACT_WEIGHT = 63


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


PIXELS = Quantization(PIXEL_SCALE, 0)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a 3-D convolution moves over its input; padding is the same on both sides."""

    stride: Triple
    padding: Triple
    groups: int

    def output_size(self, size: Triple, kernel: Triple) -> Triple:
        """T×H×W of the output for an input of T×H×W."""
        steps = (
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(size, self.padding, kernel, self.stride, strict=True)
        )
        t, h, w = steps
        return (t, h, w)


@dataclass(frozen=True, slots=True, eq=False)
class FloatConv:
    """y = relu(conv(x, weight) + bias); weight O×(I/groups)×kT×kH×kW, bias O, float32."""

    name: str
    weight: F32
    bias: F32
    geometry: Geometry
    relu: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class FloatLinear:
    """logits = weight · x + bias; weight K×C, bias K, float32."""

    name: str
    weight: F32
    bias: F32


@dataclass(frozen=True, slots=True, eq=False)
class FloatNetwork:
    """The fp32 student: pixels p / 255 through the convolutions, mean over T, H, W, classifier."""

    convolutions: tuple[FloatConv, ...]
    classifier: FloatLinear

    def __post_init__(self) -> None:
        check_shapes(self)


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


@dataclass(frozen=True, slots=True, eq=False)
class Int8Linear:
    """logits = int32 accumulation · (input.scale · weight_scale), float32; weight K×C int8."""

    name: str
    weight: I8
    weight_scale: F32
    bias: I32
    input: Quantization


@dataclass(frozen=True, slots=True, eq=False)
class Int8Network:
    """The int8 student; the pool's float mean is quantized with the classifier's input scale."""

    convolutions: tuple[Int8Conv, ...]
    classifier: Int8Linear

    def __post_init__(self) -> None:
        check_shapes(self)
        if self.convolutions[0].input != PIXELS:
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


Network = FloatNetwork | Int8Network


def kind_of(network: Network) -> str:
    """The kind of numbers it holds: "int8" or "fp32"."""
    return "int8" if isinstance(network, Int8Network) else "fp32"


def check_shapes(network: Network) -> None:
    """Raise ValueError, naming the layer, unless all layers fit each other and are finite."""
    if not network.convolutions:
        raise ValueError("a network needs at least one convolution")
    names = [layer.name for layer in (*network.convolutions, network.classifier)]
    if len(set(names)) != len(names):
        raise ValueError("two layers have the same name")
    channels = None
    for conv in network.convolutions:
        weight, groups = conv.weight, conv.geometry.groups
        if weight.ndim != 5 or min(weight.shape) < 1:
            raise ValueError(f"{conv.name}: weight {weight.shape} is not O x I x kT x kH x kW")
        if channels is None:
            channels = weight.shape[1] * groups
        if groups < 1 or channels % groups or weight.shape[0] % groups:
            raise ValueError(f"{conv.name}: {groups} groups do not divide its channels")
        if weight.shape[1] * groups != channels:
            raise ValueError(
                f"{conv.name}: weight wants {weight.shape[1] * groups} input channels, "
                f"gets {channels}"
            )
        padding_fits = all(
            0 <= padding < kernel
            for padding, kernel in zip(conv.geometry.padding, weight.shape[2:], strict=True)
        )
        if min(conv.geometry.stride) < 1 or not padding_fits:
            raise ValueError(
                f"{conv.name}: strides must be at least 1 and padding 0 to less than the kernel"
            )
        channels = weight.shape[0]
        _check_per_channel(conv, channels)
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


def _check_per_channel(layer: FloatConv | FloatLinear | Int8Conv | Int8Linear, count: int) -> None:
    vectors = {"bias": layer.bias}
    if isinstance(layer, (Int8Conv, Int8Linear)):
        vectors["weight_scale"] = layer.weight_scale
        if not (np.isfinite(layer.weight_scale).all() and (layer.weight_scale > 0).all()):
            raise ValueError(f"{layer.name}: weight scales must be positive and finite")
    elif not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
        raise ValueError(f"{layer.name}: weights hold NaN or infinity")
    for name, vector in vectors.items():
        if vector.shape != (count,):
            raise ValueError(f"{layer.name}: {name} has shape {vector.shape}, expected ({count},)")


def activation_sizes(network: Network, clip_shape: tuple[int, int, int, int]) -> list[Triple]:
    """T×H×W at the input of each convolution, then of the pool, for a clip T×H×W×C."""
    sizes: list[Triple] = [clip_shape[:3]]
    for conv in network.convolutions:
        kernel = (conv.weight.shape[2], conv.weight.shape[3], conv.weight.shape[4])
        sizes.append(conv.geometry.output_size(sizes[-1], kernel))
        if min(sizes[-1]) < 1:
            raise ValueError(f"{conv.name}: a clip of {clip_shape} is too small for this network")
    return sizes


def multiply_accumulates(network: Network, clip_shape: tuple[int, int, int, int]) -> int:
    """Multiply-accumulate operations for one clip T×H×W×C."""
    sizes = activation_sizes(network, clip_shape)[1:]
    convolutions = sum(
        prod(size) * conv.weight.size
        for size, conv in zip(sizes, network.convolutions, strict=True)
    )
    return convolutions + network.classifier.weight.size
