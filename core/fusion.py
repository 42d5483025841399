"""Trained networks as plain data: batch norm folded, SAME padding written out as numbers."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from core.geometry import Geometry, Triple, same_padding
from core.models.i3d import I3D, Inception3d, SameConvBnRelu3d, SameMaxPool3d
from core.models.mobilenet3d import ConvBnRelu3d, MobileNet3D
from core.network import F32, Branches, FloatConv, FloatLinear, FloatNetwork, MaxPool, Stage


def batch_norm_factor(bn: nn.BatchNorm3d) -> Tensor:
    """What eval mode multiplies each channel by: O values, never zero."""
    assert bn.running_var is not None
    # A factor of zero would make unfolding divide by zero; such a channel is dead either way.
    factor = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    tiny = torch.full_like(factor, 1e-8)
    return torch.where(factor.abs() < tiny, tiny, factor)


def fold_batch_norm(conv: nn.Conv3d, bn: nn.BatchNorm3d) -> tuple[Tensor, Tensor]:
    """Weight O×… and bias O that do in one convolution what conv and bn do in two (eval mode)."""
    assert bn.running_mean is not None
    factor = batch_norm_factor(bn)
    weight = conv.weight * factor.reshape(-1, 1, 1, 1, 1)
    bias = bn.bias - bn.running_mean * factor
    return weight, bias if conv.bias is None else bias + conv.bias * factor


def geometry_of(conv: nn.Conv3d) -> Geometry:
    """Stride, padding and groups of a convolution that is padded alike on both sides."""
    return Geometry(cast(Triple, conv.stride), cast(Triple, conv.padding), conv.groups)


def to_numpy(tensor: Tensor) -> F32:
    """A float32 copy that shares nothing with the tensor."""
    return tensor.detach().cpu().to(torch.float32).contiguous().numpy().copy()


@torch.no_grad()
def fuse(student: MobileNet3D) -> FloatNetwork:
    """The float student as data: batch norm folded, every ReLU where it was."""
    convolutions: list[FloatConv] = []
    for index, block in enumerate(cast("list[ConvBnRelu3d]", list(student.features))):
        weight, bias = fold_batch_norm(block.conv, block.bn)
        convolutions.append(
            FloatConv(
                f"conv{index}",
                to_numpy(weight),
                to_numpy(bias),
                geometry_of(block.conv),
                relu=isinstance(block.relu, nn.ReLU),
            )
        )
    linear = student.classifier
    classifier = FloatLinear("classifier", to_numpy(linear.weight), to_numpy(linear.bias))
    return FloatNetwork(tuple(convolutions), classifier, student.normalize.normalization)


@torch.no_grad()
def fuse_i3d(teacher: I3D, clip_size: Triple) -> FloatNetwork:
    """I3D (as in eval mode) for clips of T×H×W `clip_size`, on which its SAME padding depends.

    Layers keep the module's names, such as "mixed_3b.branch_1.0".
    """
    stages: list[Stage] = []
    size = clip_size
    for name, module in teacher.stages:
        if isinstance(module, Inception3d):
            chains = [
                _chain(f"{name}.branch_{index}", branch, size)
                for index, branch in enumerate(module.branches)
            ]
            stages.append(Branches(tuple(chains)))
            continue
        step = _step(name, module, size)
        stages.append(step)
        size = step.geometry.output_size(size, step.kernel)
    linear = teacher.classifier
    classifier = FloatLinear("classifier", to_numpy(linear.weight), to_numpy(linear.bias))
    return FloatNetwork(tuple(stages), classifier, teacher.normalize.normalization)


def _chain(name: str, branch: nn.Module, size: Triple) -> tuple[FloatConv | MaxPool, ...]:
    """One branch of an Inception module; none of its steps changes T, H or W."""
    if isinstance(branch, nn.Sequential):
        return tuple(
            _step(f"{name}.{inner}", step, size) for inner, step in branch.named_children()
        )
    return (_step(name, branch, size),)


def _step(name: str, module: nn.Module, size: Triple) -> FloatConv | MaxPool:
    if isinstance(module, SameMaxPool3d):
        return MaxPool(module.kernel_size, _geometry(size, module.kernel_size, module.stride))
    assert isinstance(module, SameConvBnRelu3d)
    kernel, stride = cast(Triple, module.conv.kernel_size), cast(Triple, module.conv.stride)
    weight, bias = fold_batch_norm(module.conv, module.bn)
    return FloatConv(name, to_numpy(weight), to_numpy(bias), _geometry(size, kernel, stride))


def _geometry(size: Triple, kernel: Triple, stride: Triple) -> Geometry:
    front, back = same_padding(size, kernel, stride)
    return Geometry(stride, front, padding_back=back)
