"""3-D convolution whose depthwise form trains at a fair speed on x86 without AVX-512.

oneDNN answers the gradient of a depthwise 3-D convolution there by multiplying matrices of one
channel each: 85 % of a training step of the student was that. In 2-D it has kernels of its own, and
a 3-D convolution is the sum of 2-D ones, one for each tap in time:

    y[t] = sum_k conv2d(x[t·stride + k - padding], w[k])

so its gradients are theirs, added up: the largest layer's in a tenth of the time, and a training
step is two to four times as fast (`python tests/training_speed.py`; docs/training.md).

Legend: B batch, C channels, T frames, H height, W width; apostrophes mark the output's.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.geometry import Triple


class Conv3d(nn.Conv3d):
    """torch's Conv3d, computed by `conv3d` unless dilated, or padded otherwise than by zeros."""

    def forward(self, input: Tensor) -> Tensor:
        """B×C×T×H×W float to B×C'×T'×H'×W' float."""
        padding_named = isinstance(self.padding, str)
        if padding_named or self.dilation != (1, 1, 1) or self.padding_mode != "zeros":
            return super().forward(input)
        stride, padding = cast(Triple, self.stride), cast(Triple, self.padding)
        return conv3d(input, self.weight, self.bias, stride, padding, self.groups)


def conv3d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Triple, padding: Triple, groups: int
) -> Tensor:
    """torch's conv3d, to the bit; the gradients of a depthwise one within rounding (1e-5).

    Args:
        x: B×C×T×H×W float.
        weight: C'×(C / groups)×kernel float.
        bias: C' float, or None.
        stride: Steps in T, H and W.
        padding: Zeros on both sides of T, H and W.
        groups: C for a depthwise convolution.

    Returns:
        B×C'×T'×H'×W' float.
    """
    if groups == x.shape[1] == len(weight) and _has_slow_gradient(x, weight):
        return cast(Tensor, _Depthwise.apply(x, weight, bias, stride, padding))
    return functional.conv3d(x, weight, bias, stride, padding, groups=groups)


def _has_slow_gradient(x: Tensor, weight: Tensor) -> bool:
    return (
        torch.is_grad_enabled()
        and (x.requires_grad or weight.requires_grad)
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and x.is_contiguous(memory_format=torch.channels_last_3d)
        and _lacks_3d_kernels()
    )


@cache
def _lacks_3d_kernels() -> bool:
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx2")) and not able.get("avx512_f")


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Triple, padding: Triple
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv3d(x, weight, bias, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
        x_gradient = torch.zeros_like(x) if needs_x else None
        weight_gradient = torch.zeros_like(weight) if needs_weight else None
        for tap in range(weight.shape[2]):
            seen, answered = _frames_of_tap(
                tap, x.shape[2], gradient.shape[2], ctx.stride[0], ctx.padding[0]
            )
            if not len(answered):
                continue
            of_x, of_weight, _ = torch.ops.aten.convolution_backward(
                _as_pictures(gradient[:, :, answered.start : answered.stop]),
                _as_pictures(x[:, :, seen]),
                weight[:, :, tap],
                None,
                ctx.stride[1:],
                ctx.padding[1:],
                (1, 1),
                False,
                (0, 0),
                len(weight),
                (needs_x, needs_weight, False),
            )
            if x_gradient is not None:
                frames = of_x.unflatten(0, (len(x), len(answered))).transpose(1, 2)
                x_gradient[:, :, seen] += frames
            if weight_gradient is not None:
                weight_gradient[:, :, tap] = of_weight
        bias_gradient = gradient.sum(dim=(0, 2, 3, 4)) if needs_bias else None
        return x_gradient, weight_gradient, bias_gradient, None, None


def _frames_of_tap(
    tap: int, frames: int, answers: int, stride: int, padding: int
) -> tuple[slice, range]:
    """The input's frames that a tap in time meets, and the output's frames they go into."""
    first = max(-(-(padding - tap) // stride), 0)
    last = min((frames - 1 + padding - tap) // stride, answers - 1)
    begin, end = first * stride + tap - padding, last * stride + tap - padding
    return slice(begin, end + 1, stride), range(first, last + 1)


def _as_pictures(x: Tensor) -> Tensor:
    """B×C×T×H×W to (B·T)×C×H×W, channels last in memory as before."""
    return x.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)
