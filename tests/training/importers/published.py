"""The published architectures, written anew for these tests, under their published names.

None of this shares code with core.models or training.importers.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

MEANS = (114.7748, 107.7354, 99.4750)


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        self.bn1 = nn.BatchNorm3d(inputs)
        self.conv2 = nn.Conv3d(inputs, outputs, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)
        # One object for two places, as the paper's quantized network has it.
        self.relu = nn.ReLU()
        self.loses_relu = False

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x))
        x = x if self.loses_relu else self.relu(x)
        return self.relu(self.bn2(self.conv2(x)))


class MobileNet(nn.Module):
    """Efficient-3DCNNs' MobileNet; with `stubs` the paper's network that can be quantized."""

    def __init__(self, classes: int, width: float, stubs: bool = False) -> None:
        super().__init__()
        first = int(32 * width)
        stem = nn.Sequential(
            nn.Conv3d(3, first, 3, (1, 2, 2), 1, bias=False), nn.BatchNorm3d(first), nn.ReLU()
        )
        blocks, inputs = [], first
        for outputs, strides in (
            (64, (2,)), (128, (2, 1)), (256, (2, 1)), (512, (2, 1, 1, 1, 1, 1)), (1024, (1, 1)),
        ):  # fmt: skip
            for stride in strides:
                blocks.append(_Block(inputs, int(outputs * width), stride))
                inputs = int(outputs * width)
        self.features = nn.Sequential(stem, *blocks)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(inputs, classes))
        if stubs:
            self.quant = torch.ao.quantization.QuantStub()
            self.dequant = torch.ao.quantization.DeQuantStub()
        self.stubs = stubs

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(self.quant(x) if self.stubs else x)
        x = functional.avg_pool3d(x, x.shape[2:]).flatten(1)
        x = self.classifier(x)
        return self.dequant(x) if self.stubs else x


def fuse_groups(first_relu: bool = True) -> list[list[str]]:
    groups = [["features.0.0", "features.0.1", *(["features.0.2"] if first_relu else [])]]
    for n in range(1, 14):
        block = f"features.{n}"
        groups.append([f"{block}.conv1", f"{block}.bn1"])
        groups.append([f"{block}.conv2", f"{block}.bn2", f"{block}.relu"])
    return groups


def quantized(
    network: MobileNet, groups: list[list[str]], batches: list[Tensor]
) -> tuple[nn.Module, nn.Module]:
    """The network prepared for quantization and trained a little, and its int8 conversion."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantization = torch.ao.quantization
        prepared = quantization.fuse_modules_qat(copy.deepcopy(network).train(), groups)
        prepared.qconfig = quantization.get_default_qat_qconfig("fbgemm")
        quantization.prepare_qat(prepared, inplace=True)
        # The statistics stay what they are; only the ranges are observed.
        prepared.apply(torch.ao.nn.intrinsic.qat.freeze_bn_stats)
        # Dropout draws; the ranges that are seen shall be the same in every run.
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for batch in batches:
                prepared(batch)
        prepared.eval()
        torch.backends.quantized.engine = "fbgemm"
        return prepared, quantization.convert(prepared, inplace=False)


# Outputs of each Inception module: first branch, reduction and output of two more, projection.
_MIXED = {
    "3b": (64, 96, 128, 16, 32, 32), "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64), "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64), "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128), "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}  # fmt: skip
_POOLS = {"3b": (1, 3, 2), "4b": (3, 3, 2), "5b": (2, 2, 2)}


def _pad(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    sides: list[int] = []
    for size, k, s in zip(x.shape[2:], kernel, stride, strict=True):
        total = max(k - s, 0) if size % s == 0 else max(k - size % s, 0)
        sides = [total // 2, total - total // 2, *sides]
    return functional.pad(x, sides)


class Inception:
    """I3D as a function of a flat dictionary of weights: `style` is "hassony" or "piergiaj"."""

    def __init__(self, classes: int, style: str, eps: float, seed: int) -> None:
        self.style, self.eps = style, eps
        self.state: dict[str, Tensor] = {}
        self._generator = torch.Generator().manual_seed(seed)
        self._unit("conv3d_1a_7x7", 3, 64, 7)
        self._unit("conv3d_2b_1x1", 64, 64, 1)
        self._unit("conv3d_2c_3x3", 64, 192, 3)
        inputs = 192
        for name, (a, b, c, d, e, f) in _MIXED.items():
            for branch, i, o, k in (
                ("0", inputs, a, 1), ("1.0", inputs, b, 1), ("1.1", b, c, 3),
                ("2.0", inputs, d, 1), ("2.1", d, e, 3), ("3.1", inputs, f, 1),
            ):  # fmt: skip
                self._unit(f"mixed_{name}.branch_{branch}", i, o, k)
            inputs = a + c + e + f
        head = "logits.conv3d" if style == "piergiaj" else "conv3d_0c_1x1.conv3d"
        self.head = head
        self.state[f"{head}.weight"] = self._normal(classes, inputs, 1, 1, 1)
        self.state[f"{head}.bias"] = self._normal(classes)
        self._measuring = True
        self(_noise(self._generator))
        self._measuring = False

    def _normal(self, *shape: int) -> Tensor:
        fan_in = int(np.prod(shape[1:])) or 1
        return torch.randn(shape, generator=self._generator) * (2 / fan_in) ** 0.5

    def _uniform(self, count: int, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=self._generator)

    def name(self, unit: str) -> str:
        if self.style == "hassony":
            return unit
        letters = {"0": "b0", "1.0": "b1a", "1.1": "b1b", "2.0": "b2a", "2.1": "b2b", "3.1": "b3b"}
        stage, _, branch = unit.partition(".branch_")
        return stage[0].upper() + stage[1:] + (f".{letters[branch]}" if branch else "")

    def _unit(self, unit: str, inputs: int, outputs: int, kernel: int) -> None:
        name = self.name(unit)
        norm = "batch3d" if self.style == "hassony" else "bn"
        self.state[f"{name}.conv3d.weight"] = self._normal(outputs, inputs, *([kernel] * 3))
        self.state[f"{name}.{norm}.weight"] = self._uniform(outputs, 0.6, 1.4)
        self.state[f"{name}.{norm}.bias"] = self._uniform(outputs, -0.2, 0.3)

    def _apply(self, x: Tensor, unit: str, stride: int = 1) -> Tensor:
        name = self.name(unit)
        norm = "batch3d" if self.style == "hassony" else "bn"
        weight = self.state[f"{name}.conv3d.weight"]
        kernel = (weight.shape[2], weight.shape[3], weight.shape[4])
        x = functional.conv3d(_pad(x, kernel, (stride,) * 3), weight, stride=stride)
        if self._measuring:
            # Small variances, for epsilon to count.
            weight *= 0.2
            x *= 0.2
            variance, mean = torch.var_mean(x, dim=(0, 2, 3, 4))
            self.state[f"{name}.{norm}.running_mean"] = mean
            self.state[f"{name}.{norm}.running_var"] = variance
        mean, variance = (self.state[f"{name}.{norm}.running_{kind}"] for kind in ("mean", "var"))
        gain, shift = self.state[f"{name}.{norm}.weight"], self.state[f"{name}.{norm}.bias"]
        return functional.batch_norm(x, mean, variance, gain, shift, eps=self.eps).relu()

    def _pool(self, x: Tensor, t: int, hw: int, stride: int, t_stride: int) -> Tensor:
        kernel, strides = (t, hw, hw), (t_stride, stride, stride)
        return functional.max_pool3d(_pad(x, kernel, strides), kernel, strides, ceil_mode=True)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        x = self._pool(self._apply(x, "conv3d_1a_7x7", 2), 1, 3, 2, 1)
        x = self._apply(self._apply(x, "conv3d_2b_1x1"), "conv3d_2c_3x3")
        for name in _MIXED:
            if name in _POOLS:
                t, hw, stride = _POOLS[name]
                x = self._pool(x, t, hw, stride, 1 if t == 1 else stride)
            b = f"mixed_{name}.branch_"
            x = torch.cat(
                [
                    self._apply(x, f"{b}0"),
                    self._apply(self._apply(x, f"{b}1.0"), f"{b}1.1"),
                    self._apply(self._apply(x, f"{b}2.0"), f"{b}2.1"),
                    self._apply(self._pool(x, 3, 3, 1, 1), f"{b}3.1"),
                ],
                dim=1,
            )
        x = functional.avg_pool3d(x, (2, *x.shape[3:]), stride=1)
        head = self.head
        x = functional.conv3d(x, self.state[f"{head}.weight"], self.state[f"{head}.bias"])
        return x[..., 0, 0].mean(dim=2)


@torch.no_grad()
def randomise(network: MobileNet, seed: int = 0) -> MobileNet:
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            for tensor, low, high in (
                (module.weight, 0.6, 1.4), (module.bias, -0.2, 0.4),
                (module.running_mean, -0.2, 0.2), (module.running_var, 0.3, 1.5),
            ):  # fmt: skip
                assert tensor is not None
                tensor.uniform_(low, high, generator=generator)
        elif isinstance(module, nn.Conv3d | nn.Linear):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    # Statistics of a network to be quantized are those that it is trained with.
    blocks = [module for module in network.modules() if isinstance(module, _Block)]
    for block in blocks:
        block.loses_relu = network.stubs
    network.train()(_noise(generator))
    for block in blocks:
        block.loses_relu = False
    return network.eval()


def _noise(generator: torch.Generator) -> Tensor:
    """Two clips in [-1, 1]: with statistics of any other size answers hardly depend on the clip."""
    blocks = torch.rand(2, 3, 16, 8, 8, generator=generator) * 2 - 1
    return blocks.repeat_interleave(8, dim=3).repeat_interleave(8, dim=4)


def to_network(pixels: np.ndarray, numbers: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """T×H×W×C uint8 to 1×C×T×H×W float32, read as `numbers` reads them."""
    return torch.from_numpy(numbers(pixels.astype(np.float64)).transpose(3, 0, 1, 2)[None]).float()


def minus_means(pixels: np.ndarray) -> np.ndarray:
    return pixels - np.array(MEANS)


def signed(pixels: np.ndarray) -> np.ndarray:
    return pixels / 255 * 2 - 1


def published_clip(images: list[np.ndarray], size: int, crop: int, square: bool) -> np.ndarray:
    """Frames in OpenCV's order, resized and cut as the published code does."""
    made = []
    for image in images:
        height, width = image.shape[:2]
        if square:
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            image = image[top : top + side, left : left + side]
        shrinks = min(image.shape[:2]) >= size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        if image.shape[:2] != (size, size):
            image = cv2.resize(image, (size, size), interpolation=how)
        start = (size - crop) // 2
        made.append(image[start : start + crop, start : start + crop, ::-1])
    return np.stack(made)
