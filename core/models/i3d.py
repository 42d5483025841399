"""I3D, the teacher: Inception-V1 inflated to three dimensions (Carreira and Zisserman 2017).

Every convolution and pool is padded as TensorFlow's SAME pads, which the published weights were
trained with. The average pool covers what is left of the clip, so that any size gives one answer:
for the paper's 16×224×224 it is the published 2×7×7 pool.

Names follow the published checkpoints, so that an import is a renaming:

    here                        kinetics_i3d_pytorch           pytorch-i3d
    conv3d_1a_7x7.conv          conv3d_1a_7x7.conv3d           Conv3d_1a_7x7.conv3d
    conv3d_1a_7x7.bn            conv3d_1a_7x7.batch3d          Conv3d_1a_7x7.bn
    mixed_3b.branch_0.conv      mixed_3b.branch_0.conv3d       Mixed_3b.b0.conv3d
    mixed_3b.branch_1.0.conv    mixed_3b.branch_1.0.conv3d     Mixed_3b.b1a.conv3d
    mixed_3b.branch_1.1.conv    mixed_3b.branch_1.1.conv3d     Mixed_3b.b1b.conv3d
    mixed_3b.branch_3.1.conv    mixed_3b.branch_3.1.conv3d     Mixed_3b.b3b.conv3d
    classifier                  conv3d_0c_1x1.conv3d           logits.conv3d

The classifiers' weights have three more axes of length one there.

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.geometry import Triple, same_padding
from core.models.common import check_sizes, initialise
from core.models.normalize import Normalize
from core.normalization import UNIT_RANGE, Normalization

# As TensorFlow's: the published checkpoints' running variances were made for it.
_BATCH_NORM_EPS = 1e-3

# Output channels of each Inception module: 1×1×1; reduction and 3×3×3 of the second branch; the
# same of the third, which is 5×5 in Inception-V1; projection behind the pool.
_MIXED = {
    "mixed_3b": (64, (96, 128), (16, 32), 32),
    "mixed_3c": (128, (128, 192), (32, 96), 64),
    "mixed_4b": (192, (96, 208), (16, 48), 64),
    "mixed_4c": (160, (112, 224), (24, 64), 64),
    "mixed_4d": (128, (128, 256), (24, 64), 64),
    "mixed_4e": (112, (144, 288), (32, 64), 64),
    "mixed_4f": (256, (160, 320), (32, 128), 128),
    "mixed_5b": (256, (160, 320), (32, 128), 128),
    "mixed_5c": (384, (192, 384), (48, 128), 128),
}


def _pad_same(x: Tensor, kernel: Triple, stride: Triple) -> tuple[Tensor, Triple]:
    """Pad with zeros where the two sides differ; otherwise leave it to the operator (faster)."""
    t, h, w = x.shape[2:]
    front, back = same_padding((t, h, w), kernel, stride)
    if front == back:
        return x, front
    sides = [n for pair in reversed(list(zip(front, back, strict=True))) for n in pair]
    return functional.pad(x, sides), (0, 0, 0)


def _needs_float32(x: Tensor, kernel: Triple) -> bool:
    """Whether autocast would spoil the weight gradient: kernels of three frames over two.

    oneDNN's bfloat16 kernel for it (jit_bf16:avx512_core_bf16 of torch 2.13) leaves memory in the
    answer that nobody wrote: numbers up to 1e36, infinities, or worse, small ones.
    """
    shape = (x.shape[2], kernel[0])
    return x.device.type == "cpu" and shape == (2, 3) and torch.is_autocast_enabled("cpu")


class SameConvBnRelu3d(nn.Module):
    """Convolution without bias, SAME padding, batch normalisation and a ReLU of its own."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, kernel_size, stride, bias=False)
        self.bn = nn.BatchNorm3d(out_channels, eps=_BATCH_NORM_EPS)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float to B×C'×⌈T/s⌉×⌈H/s⌉×⌈W/s⌉ float, non-negative."""
        conv = self.conv
        kernel, stride = cast(Triple, conv.kernel_size), cast(Triple, conv.stride)
        x, padding = _pad_same(x, kernel, stride)
        if _needs_float32(x, kernel):
            with torch.autocast("cpu", enabled=False):
                x = functional.conv3d(x.float(), conv.weight, None, stride, padding)
        else:
            x = functional.conv3d(x, conv.weight, None, stride, padding)
        return self.relu(self.bn(x))


class SameMaxPool3d(nn.Module):
    """Max pool with SAME padding; its input follows a ReLU, so padding with zeros never wins."""

    def __init__(self, kernel_size: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W non-negative float to B×C×⌈T/s⌉×⌈H/s⌉×⌈W/s⌉."""
        x, padding = _pad_same(x, self.kernel_size, self.stride)
        return functional.max_pool3d(x, self.kernel_size, self.stride, padding)


class Inception3d(nn.Module):
    """Four branches over the same input, joined over the channels."""

    def __init__(
        self,
        in_channels: int,
        point: int,
        second: tuple[int, int],
        third: tuple[int, int],
        projection: int,
    ) -> None:
        super().__init__()
        self.branch_0 = SameConvBnRelu3d(in_channels, point)
        self.branch_1 = nn.Sequential(
            SameConvBnRelu3d(in_channels, second[0]), SameConvBnRelu3d(*second, kernel_size=3)
        )
        self.branch_2 = nn.Sequential(
            SameConvBnRelu3d(in_channels, third[0]), SameConvBnRelu3d(*third, kernel_size=3)
        )
        self.branch_3 = nn.Sequential(
            SameMaxPool3d((3, 3, 3), (1, 1, 1)), SameConvBnRelu3d(in_channels, projection)
        )
        self.out_channels = point + second[1] + third[1] + projection

    @property
    def branches(self) -> tuple[nn.Module, ...]:
        """The four branches in the order in which they are joined."""
        return (self.branch_0, self.branch_1, self.branch_2, self.branch_3)

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W non-negative float to B×C'×T×H×W float."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class I3D(nn.Module):
    """Inception-V1 inflated: a stem, nine Inception modules, average pool, classifier.

    12,322,114 parameters for 34 classes and three input channels.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        dropout: float = 0.5,
        normalization: Normalization = UNIT_RANGE,
    ) -> None:
        check_sizes(num_classes, in_channels)
        super().__init__()
        self.num_classes = num_classes
        self.in_channels = in_channels

        self.normalize = Normalize(normalization)
        self.conv3d_1a_7x7 = SameConvBnRelu3d(in_channels, 64, kernel_size=7, stride=2)
        self.max_pool3d_2a_3x3 = SameMaxPool3d((1, 3, 3), (1, 2, 2))
        self.conv3d_2b_1x1 = SameConvBnRelu3d(64, 64)
        self.conv3d_2c_3x3 = SameConvBnRelu3d(64, 192, kernel_size=3)
        self.max_pool3d_3a_3x3 = SameMaxPool3d((1, 3, 3), (1, 2, 2))
        self.mixed_3b = Inception3d(192, *_MIXED["mixed_3b"])
        self.mixed_3c = Inception3d(self.mixed_3b.out_channels, *_MIXED["mixed_3c"])
        self.max_pool3d_4a_3x3 = SameMaxPool3d((3, 3, 3), (2, 2, 2))
        self.mixed_4b = Inception3d(self.mixed_3c.out_channels, *_MIXED["mixed_4b"])
        self.mixed_4c = Inception3d(self.mixed_4b.out_channels, *_MIXED["mixed_4c"])
        self.mixed_4d = Inception3d(self.mixed_4c.out_channels, *_MIXED["mixed_4d"])
        self.mixed_4e = Inception3d(self.mixed_4d.out_channels, *_MIXED["mixed_4e"])
        self.mixed_4f = Inception3d(self.mixed_4e.out_channels, *_MIXED["mixed_4f"])
        self.max_pool3d_5a_2x2 = SameMaxPool3d((2, 2, 2), (2, 2, 2))
        self.mixed_5b = Inception3d(self.mixed_4f.out_channels, *_MIXED["mixed_5b"])
        self.mixed_5c = Inception3d(self.mixed_5b.out_channels, *_MIXED["mixed_5c"])
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.mixed_5c.out_channels, num_classes)
        initialise(self)

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """Everything before the average pool, by name, in order."""
        return [
            (name, module)
            for name, module in self.named_children()
            if name not in ("normalize", "dropout", "classifier")
        ]

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float in [0, 1] to B×K logits; T, H and W may be any size of at least one."""
        x = self.normalize(x)
        for _, stage in self.stages:
            x = stage(x)
        return self.classifier(self.dropout(x.mean(dim=(2, 3, 4))))
