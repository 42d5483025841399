"""Learned step sizes: LSQ (Esser et al., ICLR 2020; reference 59 of arXiv 2311.05970).

    v̂ = S · round(clamp(v / S, -Q_N, Q_P))                                            (eq. 1-2)
    ∂v̂/∂S = round(v / S) - v / S, and -Q_N or Q_P where v is cut                      (eq. 3)
    ∂v̂/∂v = 1, and 0 where v is cut                                                   (eq. 5)
    the gradient of S is multiplied by g = 1 / √(N · Q_P), N values of one clip        (section 2.2)

What is learned is log S: the optimizers that normalize gradients (AdamW) then move S by a share of
itself, whatever its size. Its gradient is that of S divided by S, so that gradient descent moves S
as LSQ does, to first order.

Legend: O output channels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def rounded(v: Tensor, scale: Tensor | float, low: int, high: int) -> Tensor:
    """Float v on the grid of one `scale`, low to high steps from 0.

    torch.fake_quantize_per_tensor_affine to the bit, in a third of its time; but a NaN stays one,
    so that training stops at it, where torch makes a level of it.
    """
    return (v * (1 / scale)).round_().clamp_(low, high).mul_(scale)


class _RoundToSteps(torch.autograd.Function):
    """eq. 1-5 for one S or, with O of them, for each of the O rows of v."""

    @staticmethod
    def forward(
        ctx: Any, v: Tensor, log_scale: Tensor, scale: Tensor, low: int, high: int, learning: bool
    ) -> Tensor:
        del log_scale  # Only its gradient is wanted; `scale` is what it stands for.
        ctx.save_for_backward(v, scale)
        ctx.low, ctx.high, ctx.learning = low, high, learning
        if scale.dim() == 0:
            return rounded(v, scale, low, high)
        zero_point = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(v, scale, zero_point, 0, low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        v, scale = ctx.saved_tensors
        column = scale.reshape(-1, *([1] * (v.dim() - 1))) if scale.dim() else scale
        steps = v / column
        if not ctx.learning:
            # S follows the data, so the largest value lies at the last step, by rounding beyond it.
            last = torch.round(steps)
            inside = (last >= ctx.low) & (last <= ctx.high)
            return gradient * inside, torch.zeros_like(scale), None, None, None, None
        inside = (steps > ctx.low) & (steps < ctx.high)
        cut = steps.clamp(ctx.low, ctx.high)
        error = torch.where(inside, torch.round(steps) - steps, cut) * gradient
        # Activations: the values of one clip; weights: those that share an S.
        values = v.numel() // len(v)
        g = 1 / math.sqrt(values * max(ctx.high, -ctx.low))
        total = error.flatten(1).sum(dim=1) if scale.dim() else error.sum()
        return gradient * inside, total * g / scale, None, None, None, None


def round_to_steps(
    v: Tensor, log_scale: Tensor, scale: Tensor, low: int, high: int, learning: bool
) -> Tensor:
    """v on the grid of `scale` within low..high; the gradient of S goes to `log_scale`.

    Args:
        v: activations B×… with one S, or weights O×… with one for each row.
        log_scale: the parameter, of the shape of `scale`.
        scale: S itself, float32; may lie a little beside exp(log_scale), see core.tie_free.
        low: -Q_N, 0 for activations behind a ReLU.
        high: Q_P; the larger of the two is N's in the factor g.
        learning: otherwise the parameter's gradient is zero, as it is while S follows the data.
    """
    stepped: Tensor = _RoundToSteps.apply(v, log_scale, scale, low, high, learning)
    return stepped
