"""PyTorch eager fp32: how the paper times its models, kept as the historical baseline.

Legend: T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.errors import EngineError
from core.geometry import Geometry, Triple
from core.network import Branches, FloatConv, FloatNetwork, MaxPool, Network, Stage

_Layer = Callable[[Tensor], Tensor]


class EagerEngine:
    """Runs an fp32 network with ordinary PyTorch operators, one after the other."""

    name = "eager"

    def __init__(self, network: Network, threads: int) -> None:
        if not isinstance(network, FloatNetwork):
            raise EngineError("The eager engine runs fp32 models only; choose openvino for int8.")
        torch.set_num_threads(threads)
        self._mean = torch.tensor(network.normalization.mean).reshape(-1, 1, 1, 1)
        self._scale = network.normalization.scale
        self._features = _chain(network.stages)
        self._weight = torch.from_numpy(network.classifier.weight)
        self._bias = torch.from_numpy(network.classifier.bias)

    @torch.inference_mode()
    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        # A copy of its own: torch takes no read-only or mirrored arrays.
        clip = torch.from_numpy(np.array(pixels, order="C"))
        x = clip.permute(3, 0, 1, 2).unsqueeze(0).contiguous().float()
        x = (x - self._mean) * self._scale
        pooled = self._features(x).mean(dim=(2, 3, 4))
        return functional.linear(pooled, self._weight, self._bias)[0].numpy()


def _chain(stages: Sequence[Stage]) -> _Layer:
    layers = [_layer(stage) for stage in stages]

    def run(x: Tensor) -> Tensor:
        for layer in layers:
            x = layer(x)
        return x

    return run


def _layer(stage: Stage) -> _Layer:
    if isinstance(stage, Branches):
        return _branches(stage)
    return _max_pool(stage) if isinstance(stage, MaxPool) else _convolution(stage)


def _branches(branches: Branches) -> _Layer:
    chains = [_chain(chain) for chain in branches.chains]
    return lambda x: torch.cat([chain(x) for chain in chains], dim=1)


def _max_pool(pool: MaxPool) -> _Layer:
    kernel, geometry = pool.kernel, pool.geometry
    inside, outside = _padding(geometry)

    def run(x: Tensor) -> Tensor:
        if outside:
            x = functional.pad(x, outside, value=-inf)
        return functional.max_pool3d(x, kernel, geometry.stride, inside)

    return run


def _convolution(conv: FloatConv) -> _Layer:
    weight, bias = torch.from_numpy(conv.weight), torch.from_numpy(conv.bias)
    geometry, relu = conv.geometry, conv.relu
    inside, outside = _padding(geometry)

    def run(x: Tensor) -> Tensor:
        if outside:
            x = functional.pad(x, outside)
        x = functional.conv3d(x, weight, bias, geometry.stride, inside, groups=geometry.groups)
        return x.relu_() if relu else x

    return run


def _padding(geometry: Geometry) -> tuple[Triple, list[int]]:
    """What the operator pads itself, and what it cannot: torch's list, last axis first."""
    if geometry.symmetric:
        return geometry.padding, []
    return (0, 0, 0), [n for pads in reversed(geometry.pads) for n in pads]
