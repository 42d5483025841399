"""What both networks share: which classes and channels they take, and how their weights begin."""

from __future__ import annotations

from torch import nn


def check_sizes(num_classes: int, in_channels: int) -> None:
    """Raise ValueError unless there is a class at least, and frames are grey or colour."""
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, not {num_classes}")
    if in_channels not in (1, 3):
        raise ValueError(f"in_channels must be 1 (grey) or 3 (colour), not {in_channels}")


def initialise(model: nn.Module) -> None:
    """Draw the weights of all convolutions and linear layers."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            # fan_in counts a depthwise filter's own 27 weights. fan_out would count all channels,
            # start those filters tiny, and batch norm would then turn every step into a jump.
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
