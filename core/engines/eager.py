"""PyTorch eager fp32: how the paper times its models, kept as the historical baseline.

Legend: T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.errors import EngineError
from core.network import FloatNetwork, Network


class EagerEngine:
    """Runs an fp32 network with ordinary PyTorch operators, one after the other."""

    name = "eager"

    def __init__(self, network: Network, threads: int) -> None:
        if not isinstance(network, FloatNetwork):
            raise EngineError("The eager engine runs fp32 models only; choose openvino for int8.")
        torch.set_num_threads(threads)
        self._layers = [
            (torch.from_numpy(conv.weight), torch.from_numpy(conv.bias), conv.geometry, conv.relu)
            for conv in network.convolutions
        ]
        self._weight = torch.from_numpy(network.classifier.weight)
        self._bias = torch.from_numpy(network.classifier.bias)

    @torch.inference_mode()
    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        # A copy of its own: torch takes no read-only or mirrored arrays.
        clip = torch.from_numpy(np.array(pixels, order="C"))
        x = clip.permute(3, 0, 1, 2).unsqueeze(0).contiguous().float() / 255
        for weight, bias, geometry, relu in self._layers:
            x = functional.conv3d(
                x, weight, bias, geometry.stride, geometry.padding, groups=geometry.groups
            )
            if relu:
                x.relu_()
        return functional.linear(x.mean(dim=(2, 3, 4)), self._weight, self._bias)[0].numpy()
