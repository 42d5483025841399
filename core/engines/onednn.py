"""oneDNN through PyTorch's own operators: int8 on plain uint8 and int8 tensors, and fp32.

These operators are what PyTorch's compiler emits; no quantized dtypes and no compiler are needed.
Weights are laid out for the kernels once, activations stay channels last, and the pool and the
classifier, tiny as they are, are the reference's own integers.

Legend: N batch, T frames, H height, W width, C channels, O output channels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.engines.checks import adds_in_16_bits, check_clip, refuse_saturation
from core.engines.reference import run_classifier, run_pool
from core.errors import EngineError, reason_of
from core.geometry import Triple
from core.network import FloatConv, FloatNetwork, Int8Conv, Int8Network, Network
from core.shapes import activation_sizes

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Layer = Callable[[Tensor], Tensor]
_NOT_DILATED = (1, 1, 1)

# PyTorch makes its operators at run time, where no checker can follow.
_ops: Any = torch.ops


def int8_layer(conv: Int8Conv, input_shape: tuple[int, int, int, int]) -> Layer:
    """One convolution of eq. 4 for an input of C×T×H×W: N×C×T×H×W uint8 to N×O×T'×H'×W' uint8."""
    geometry, source, target = conv.geometry, conv.input, conv.output
    where = (geometry.stride, geometry.padding, _NOT_DILATED, geometry.groups)
    scale = torch.from_numpy(conv.weight_scale)
    symmetric = torch.zeros(len(scale), dtype=torch.int32)
    bias = torch.from_numpy(np.float32(conv.bias * conv.sum_scale))
    weight = _ops.onednn.qconv_prepack(
        torch.from_numpy(conv.weight), scale, source.scale, source.zero_point, *where,
        (1, *input_shape),
    )  # fmt: skip
    # uint8 clamps at 0; the ReLU of a layer with a zero-point clamps there.
    lowest = target.zero_point if conv.relu else 0

    def run(levels: Tensor) -> Tensor:
        y = _ops.onednn.qconv_pointwise(
            levels, source.scale, source.zero_point, weight, scale, symmetric, bias, *where,
            target.scale, target.zero_point, torch.uint8, "none", [], "",
        )  # fmt: skip
        return y.clamp_(min=lowest) if lowest else y

    return run


def float_layer(conv: FloatConv, input_shape: tuple[int, int, int, int]) -> Layer:
    """Convolution, bias and ReLU in float32 for an input of C×T×H×W; N×C×T×H×W in and out."""
    geometry = conv.geometry
    where = (geometry.padding, geometry.stride, _NOT_DILATED, geometry.groups)
    weight = _ops.mkldnn._reorder_convolution_weight(
        torch.from_numpy(conv.weight), *where, (1, *input_shape)
    )
    bias = torch.from_numpy(conv.bias)
    after = "relu" if conv.relu else "none"

    def run(x: Tensor) -> Tensor:
        return _ops.mkldnn._convolution_pointwise(x, weight, bias, *where, after, [], "")

    return run


def saturates() -> bool:
    """Whether ±127 comes out wrong here; see adds_in_16_bits."""

    def run(conv: Int8Conv, levels: U8) -> U8:
        x = torch.from_numpy(levels)[None].contiguous(memory_format=torch.channels_last_3d)
        return int8_layer(conv, levels.shape)(x)[0].numpy()

    return adds_in_16_bits(run)


def pads_wrongly(conv: Int8Conv, size: Triple) -> bool:
    """Whether oneDNN's VNNI kernels get this layer wrong on an input of T×H×W.

    Measured: up to 255 steps off where the input is one frame, the kernel reaches beyond it, and
    several outputs read the same single channel. No layer of a student is like that.
    """
    outputs, inputs, kernel_frames = conv.weight.shape[:3]
    return size[0] == 1 and kernel_frames > 1 and inputs == 1 and outputs > conv.geometry.groups


def _refuse_what_it_cannot_run(network: Network) -> None:
    """Raise EngineError, saying why, for what these operators cannot do or get wrong here."""
    if not torch.backends.mkldnn.is_available():
        raise EngineError("This PyTorch is built without oneDNN; choose another engine.")
    if isinstance(network, FloatNetwork) and not network.is_chain:
        raise EngineError(
            "The onednn engine runs no network with branches or pools; choose openvino."
        )
    for conv in network.convolutions:
        if not conv.geometry.symmetric:
            raise EngineError(
                f"The onednn engine pads {conv.name} only alike on both sides; choose openvino."
            )
    if isinstance(network, Int8Network):
        refuse_saturation(network, saturates)


class OneDnnEngine:
    """Runs one network with PyTorch's oneDNN operators; owned by one thread at a time."""

    name = "onednn"

    @torch.inference_mode()
    def __init__(
        self, network: Network, clip_shape: tuple[int, int, int, int], threads: int
    ) -> None:
        torch.set_num_threads(threads)
        _refuse_what_it_cannot_run(network)
        self._network = network
        self._clip_shape = clip_shape
        self._mean = torch.tensor(network.normalization.mean).reshape(-1, 1, 1, 1)
        try:
            self._layers = list(_prepare(network, clip_shape))
            self._run(torch.zeros(clip_shape, dtype=torch.uint8))
        except (RuntimeError, ValueError) as error:
            raise EngineError(
                f"oneDNN cannot run this network ({reason_of(error)}); choose another engine."
            ) from error

    @torch.inference_mode()
    def logits(self, pixels: U8) -> F32:
        """T×H×W×C uint8 pixels to K float32 logits."""
        check_clip(pixels, self._clip_shape)
        if isinstance(self._network, Int8Network):
            pixels = self._network.quantize_pixels(pixels)
        # Torch takes no mirrored arrays and warns of read-only ones; any other is used in place.
        return self._run(torch.from_numpy(np.require(pixels, requirements=["C", "W"])))

    def _run(self, pixels: Tensor) -> F32:
        # The T×H×W×C pixels are the N×C×T×H×W tensor, channels last, without moving a byte.
        x = pixels.permute(3, 0, 1, 2).unsqueeze(0)
        network = self._network
        if isinstance(network, FloatNetwork):
            x = (x.float() - self._mean) * network.normalization.scale
            for layer in self._layers:
                x = layer(x)
            pooled, classifier = x.mean(dim=(2, 3, 4))[0].numpy(), network.classifier
            return classifier.weight @ pooled + classifier.bias
        for layer in self._layers:
            x = layer(x)
        return run_classifier(network, run_pool(network, x[0].numpy()))


def _prepare(network: Network, clip_shape: tuple[int, int, int, int]) -> Iterator[Layer]:
    sizes = activation_sizes(network, clip_shape)
    for conv, size in zip(network.convolutions, sizes, strict=False):
        shape = (conv.weight.shape[1] * conv.geometry.groups, *size)
        if isinstance(conv, FloatConv):
            yield float_layer(conv, shape)
        elif pads_wrongly(conv, size):
            raise EngineError(f"oneDNN pads {conv.name} wrongly (one frame); choose openvino.")
        else:
            yield int8_layer(conv, shape)
