from __future__ import annotations

from app.bench.roofline import DENSE_SHAPES, dense_network
from core.shapes import activation_sizes, multiply_accumulates


def test_rooflines_are_dense_and_unpadded() -> None:
    """Kernels skip padding, which would make the machine look faster than it is."""
    for kind in ("int8", "fp32"):
        for channels, kernel, size in DENSE_SHAPES:
            network = dense_network(kind, channels, kernel)
            clip_shape = (*size, channels)
            assert min(min(left) for left in activation_sizes(network, clip_shape)) >= 1
            assert multiply_accumulates(network, clip_shape) > 5e8
            assert not any(sum(conv.geometry.padding) for conv in network.convolutions)
