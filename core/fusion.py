"""The trained teacher as plain data: batch norm folded, SAME padding written out as numbers."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from core.models.i3d import I3D, Inception3d, SameConvBnRelu3d, SameMaxPool3d
from core.network import (
    F32,
    Branches,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Geometry,
    MaxPool,
    Stage,
    Triple,
    same_padding,
)
from core.quantization import fold_batch_norm


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
    classifier = FloatLinear("classifier", _to_numpy(linear.weight), _to_numpy(linear.bias))
    return FloatNetwork(tuple(stages), classifier)


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
    return FloatConv(name, _to_numpy(weight), _to_numpy(bias), _geometry(size, kernel, stride))


def _geometry(size: Triple, kernel: Triple, stride: Triple) -> Geometry:
    front, back = same_padding(size, kernel, stride)
    return Geometry(stride, front, padding_back=back)


def _to_numpy(tensor: Tensor) -> F32:
    return tensor.detach().cpu().to(torch.float32).contiguous().numpy().copy()
