"""The paper's own way to run int8, for the bench alone: PyTorch's FBGEMM quantized modules.

A historical baseline and no engine for users: PyTorch has deprecated these modules and the
dtypes quint8 and qint8 under them. It is built from the very tensors of our int8 network, so it
computes the same layers, and it is given every advantage: no time for quantizing the input, which
already lies as its kernels want it.

Legend: T frames, H height, W width, C channels, O output channels, K classes.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import INSTALL_TRAINING, EngineError, reason_of
from core.network import Int8Conv, Int8Linear, Int8Network

_LEVELS = 255


class FbgemmBaseline:
    """Runs an int8 network with quantized modules; alone in its process, whose warnings it mutes.

    Args:
        network: the int8 network.
        logits_range: lowest and highest logit to expect. Quantized modules put out bytes, so the
            logits need a range of their own, which an observer would have found.
        threads: CPU threads.

    Raises:
        EngineError: PyTorch is missing, or no longer offers this on this CPU.
    """

    name = "fbgemm"

    def __init__(
        self, network: Int8Network, logits_range: tuple[float, float], threads: int
    ) -> None:
        # Deprecation is the reason why this is only a baseline; nobody needs to be told in here.
        warnings.filterwarnings("ignore", module=r"torch\.")
        try:
            import torch
            from torch.ao.nn import quantized
            from torch.ao.nn.intrinsic import quantized as fused
        except ImportError as error:
            raise EngineError(
                "needs a PyTorch that still has quantized modules; install PyTorch 2.13 with "
                f"{INSTALL_TRAINING}."
            ) from error
        if "fbgemm" not in torch.backends.quantized.supported_engines:
            raise EngineError("PyTorch offers no FBGEMM on this CPU.")
        self._torch: Any = torch
        torch.set_num_threads(threads)
        torch.backends.quantized.engine = "fbgemm"
        self._network = network
        self._input = network.convolutions[0].input
        self._pooled = network.classifier.input
        try:
            self._layers = [
                self._convolution(conv, fused, quantized) for conv in network.convolutions
            ]
            self._classifier = self._linear(network.classifier, quantized, logits_range)
        except (AttributeError, RuntimeError, TypeError) as error:
            raise EngineError(
                f"PyTorch no longer builds FBGEMM modules ({reason_of(error)})."
            ) from error

    def _convolution(self, conv: Int8Conv, fused: Any, quantized: Any) -> Any:
        geometry = conv.geometry
        if not geometry.symmetric:
            raise EngineError(f"{conv.name}: FBGEMM's modules pad both sides alike.")
        outputs, inputs = conv.weight.shape[:2]
        layer = (fused.ConvReLU3d if conv.relu else quantized.Conv3d)(
            inputs * geometry.groups,
            outputs,
            conv.kernel,
            stride=geometry.stride,
            padding=geometry.padding,
            groups=geometry.groups,
        )
        self._fill(layer, conv)
        layer.scale, layer.zero_point = conv.output.scale, conv.output.zero_point
        return layer

    def _linear(self, linear: Int8Linear, quantized: Any, logits_range: tuple[float, float]) -> Any:
        classes, channels = linear.weight.shape
        layer = quantized.Linear(channels, classes)
        self._fill(layer, linear)
        low, high = min(logits_range[0], 0.0), max(logits_range[1], 0.0)
        layer.scale = (high - low) / _LEVELS or 1.0
        layer.zero_point = round(-low / layer.scale)
        return layer

    def _fill(self, layer: Any, ours: Int8Conv | Int8Linear) -> None:
        torch = self._torch
        zero_points = torch.zeros(len(ours.weight_scale), dtype=torch.int64)
        scales = torch.from_numpy(ours.weight_scale).double()
        weight = torch._make_per_channel_quantized_tensor(
            torch.from_numpy(ours.weight), scales, zero_points, 0
        )
        bias = (ours.bias * ours.sum_scale).astype(np.float32)
        layer.set_weight_bias(weight, torch.from_numpy(bias))

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits, which lie on 256 levels."""
        torch = self._torch
        with torch.inference_mode():
            # A view: in memory the clip is channels last, as FBGEMM's convolutions are.
            pixels = self._network.quantize_pixels(pixels)
            levels = torch.from_numpy(np.array(pixels, order="C")).permute(3, 0, 1, 2).unsqueeze(0)
            x = torch._make_per_tensor_quantized_tensor(
                levels, self._input.scale, self._input.zero_point
            )
            for layer in self._layers:
                x = layer(x)
            mean = x.dequantize().mean(dim=(2, 3, 4))
            pooled = torch.quantize_per_tensor(
                mean, self._pooled.scale, self._pooled.zero_point, torch.quint8
            )
            return self._classifier(pooled).dequantize()[0].numpy()
