"""The first step of a network in torch: see core.normalization.

Legend: B batch, T frames, H height, W width, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.normalization import Normalization


class Normalize(nn.Module):
    """Turns p / 255 into the numbers that the network was trained on.

    Nothing of it is learned, and nothing of it is in the state dict.
    """

    mean: Tensor

    def __init__(self, normalization: Normalization) -> None:
        super().__init__()
        self.normalization = normalization
        mean = torch.tensor(normalization.mean).reshape(1, -1, 1, 1, 1) / 255
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float in [0, 1] to the same shape."""
        if self.normalization.is_unit_range:
            return x
        return (x - self.mean) * (255 * self.normalization.scale)
