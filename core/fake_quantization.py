"""Fake quantization: floats on the grid that int8 weights and uint8 activations can express.

Gradients pass straight through (STE). Scales follow the data, or are learned (core/step_sizes.py).

Legend: B batch, O output channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.network import Quantization
from core.step_sizes import round_to_steps, rounded

_ACTIVATION_LIMIT = 255
_SMALLEST_SCALE = 1e-12
_MOST_SAMPLES = 2**16
# What shares of a batch's own range are tried.
_RANGE_SHARES = tuple(share / 40 for share in range(8, 41))


class WeightFakeQuantize(nn.Module):
    """Rounds weights to S·q with |q| <= limit, one S = max|w| / limit for each output channel.

    With weights to `learn_for`, S is a parameter that stays there while `observing` and is learned
    afterwards.
    """

    observing: Tensor

    def __init__(self, limit: int, learn_for: Tensor | None = None) -> None:
        super().__init__()
        if not 1 <= limit <= 127:
            raise ValueError(f"the weight limit must be 1 to 127, not {limit}")
        self.limit = limit
        self.log_scale: nn.Parameter | None = None
        if learn_for is not None:
            self.log_scale = nn.Parameter(self._widest(learn_for).log())
            self.register_buffer("observing", torch.ones((), dtype=torch.bool))

    def _widest(self, weight: Tensor) -> Tensor:
        largest = weight.detach().abs().flatten(1).amax(dim=1)
        return (largest / self.limit).clamp_min(_SMALLEST_SCALE)

    def scale(self, weight: Tensor) -> Tensor:
        """O×… float to O scales."""
        if self.log_scale is None:
            return self._widest(weight)
        if self.training and bool(self.observing):
            with torch.no_grad():
                self.log_scale.copy_(self._widest(weight).log())
        return self.log_scale.detach().exp()

    def forward(self, weight: Tensor, scale: Tensor | None = None) -> Tensor:
        """O×… float to the same shape; the gradient passes straight through (STE)."""
        scale = self.scale(weight) if scale is None else scale
        if self.log_scale is not None:
            learning = not bool(self.observing)
            return round_to_steps(weight, self.log_scale, scale, -self.limit, self.limit, learning)
        zero_point = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(
            weight, scale, zero_point, 0, -self.limit, self.limit
        )


def least_error_range(x: Tensor) -> Tensor:
    """The top of the range whose 256 levels are nearest to non-negative x (least squared error).

    See least_error_share.
    """
    peak = x.amax()
    return peak * least_error_share(x, torch.zeros_like(peak), peak)


def least_error_share(x: Tensor, low: Tensor, high: Tensor) -> float:
    """The share of low..high, 0 within, whose 256 levels are nearest to x.

    The maximum itself would spend most levels on a few outliers: on an early demonstration student
    it left int8 and fp32 agreeing on 94 % of clips where this choice gave 95.5 %, untrained.
    Measured on at most _MOST_SAMPLES evenly spaced values; exact zeros cost nothing anywhere.
    """
    if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last_3d)):
        x = x.contiguous()
    # Channels may lie side by side: a step with a factor in common with their number would always
    # meet the same few of them.
    step = max(-(-x.numel() // _MOST_SAMPLES), 1)
    while math.gcd(step, x.numel()) > 1:
        step += 1
    sample = x.as_strided(((x.numel() + step - 1) // step,), (step,))
    zero_point = _zero_point(low, high)
    errors = [
        functional.mse_loss(
            rounded(
                sample,
                float((high - low) * share / _ACTIVATION_LIMIT) or _SMALLEST_SCALE,
                -zero_point,
                _ACTIVATION_LIMIT - zero_point,
            ),
            sample,
        )
        for share in _RANGE_SHARES
    ]
    return _RANGE_SHARES[int(torch.stack(errors).argmin())]


class _RoundToLevels(torch.autograd.Function):
    """`rounded`, whose gradient passes straight through where nothing is cut (STE)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float, zero_point: int) -> Tensor:
        ctx.save_for_backward(x)
        # Half a level beyond the last one is rounded to it.
        ctx.lowest = -(zero_point + 0.5) * scale
        ctx.highest = (_ACTIVATION_LIMIT - zero_point + 0.5) * scale
        return rounded(x, scale, -zero_point, _ACTIVATION_LIMIT - zero_point)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        passed = torch.ops.aten.hardtanh_backward(*gradients, x, ctx.lowest, ctx.highest)
        return passed, None, None


def _zero_point(low: Tensor, high: Tensor) -> int:
    """The level of zero in the range low..high; a share of the range has the same."""
    span = float(high - low)
    return round(float(-low) / span * _ACTIVATION_LIMIT) if span > 0 else 0


class ActivationFakeQuantize(nn.Module):
    """Rounds non-negative activations to S·q, q in 0..255; S follows the data seen.

    While `observing`, the range moves by `momentum` towards each batch's least_error_range; the
    first batch sets it. Values past the range are clamped and get no gradient. With `learned`, S
    is a parameter that follows the range while `observing` and is learned afterwards. `signed`
    activations, which no ReLU precedes, are rounded to S·(q - Z).
    """

    largest: Tensor
    smallest: Tensor | None
    observing: Tensor

    def __init__(self, momentum: float = 0.02, learned: bool = False, signed: bool = False) -> None:
        super().__init__()
        self.momentum = momentum
        self.log_scale = nn.Parameter(torch.zeros(())) if learned else None
        self.register_buffer("largest", torch.zeros(()))
        self.register_buffer("smallest", torch.zeros(()) if signed else None)
        self.register_buffer("observing", torch.ones((), dtype=torch.bool))

    def set_range(self, levels: Quantization) -> None:
        """Begin with these levels instead of those of the first batch."""
        self.largest.fill_(levels.scale * (_ACTIVATION_LIMIT - levels.zero_point))
        if self.smallest is not None:
            self.smallest.fill_(-levels.scale * levels.zero_point)
        if self.log_scale is not None:
            self.log_scale.data.copy_(self._observed.log())

    @property
    def is_unset(self) -> bool:
        """Whether no range is known yet."""
        return float(self._span) <= 0

    @property
    def zero_point(self) -> int:
        """Z, the level that stands for zero."""
        return 0 if self.smallest is None else _zero_point(self.smallest, self.largest)

    @property
    def scale(self) -> Tensor:
        """S as a scalar tensor."""
        if self.log_scale is not None:
            return self.log_scale.detach().exp()
        return self._observed

    @property
    def _span(self) -> Tensor:
        return self.largest if self.smallest is None else self.largest - self.smallest

    @property
    def _observed(self) -> Tensor:
        return (self._span / _ACTIVATION_LIMIT).clamp_min(_SMALLEST_SCALE)

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        pace = 1 if self.is_unset else self.momentum
        if self.smallest is None:
            self.largest += pace * (least_error_range(x) - self.largest)
        else:
            low, high = x.amin().clamp_max(0), x.amax().clamp_min(0)
            share = least_error_share(x, low, high)
            self.largest += pace * (high * share - self.largest)
            self.smallest += pace * (low * share - self.smallest)
        if self.log_scale is not None:
            self.log_scale.copy_(self._observed.log())

    def forward(self, x: Tensor, adapt: Callable[[Tensor], Tensor] = lambda scale: scale) -> Tensor:
        """Float of any shape, non-negative unless signed, to the same on the grid of adapt(S)."""
        if self.training and bool(self.observing):
            self._observe(x.detach())
        zero = self.zero_point
        if self.log_scale is not None:
            learning = not bool(self.observing)
            return round_to_steps(
                x, self.log_scale, adapt(self.scale), -zero, _ACTIVATION_LIMIT - zero, learning
            )
        levels: Tensor = _RoundToLevels.apply(x, float(adapt(self.scale)), zero)
        return levels
