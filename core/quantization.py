"""Quantization-aware training: Algorithm 1 of arXiv 2311.05970, then conversion to plain int8 data.

    load a float student → prepare (fuse, observe, fake-quantize) → train with the straight-through
    estimator → freeze batch-norm statistics and observers → train on → convert

Weights: int8, symmetric, one scale for each output channel, kept within ±63 by default so that
CPUs that add pairs of uint8·int8 products in 16 bits stay exact (2·255·63 < 2^15).
Activations: uint8, one scale for each layer, zero-point 0, because every one follows a ReLU; only
networks that were trained elsewhere and lost a ReLU have a zero-point there.
Scales are chosen so that every engine rounds every byte alike (core/tie_free.py). They follow the
data, or from the freezing of the observers on are learned (core/step_sizes.py).

Legend: B batch, T frames, H height, W width, C channels, O output channels, K classes.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import DataError
from core.fake_quantization import ActivationFakeQuantize, WeightFakeQuantize
from core.fusion import batch_norm_factor, fold_batch_norm, geometry_of, to_numpy
from core.geometry import Triple
from core.models.convolution import conv3d
from core.models.mobilenet3d import ConvBnRelu3d, MobileNet3D
from core.network import (
    LARGEST_BIAS,
    LARGEST_EXACT_WEIGHT,
    PIXELS,
    Int8Conv,
    Int8Linear,
    Int8Network,
    Quantization,
    pixel_quantization,
)
from core.tie_free import tie_free, tie_free_pool

DEFAULT_WEIGHT_LIMIT = LARGEST_EXACT_WEIGHT


class QatConvBnRelu3d(nn.Module):
    """Conv-BN-ReLU trained as it will run in int8: the folded weight is what gets quantized.

    While batch statistics are in use the convolution runs with the weight folded by the *running*
    statistics and is unfolded again before the batch norm, so that what is rounded does not jump
    from batch to batch (Jacob et al. 2018; Krishnamoorthi 2018). Frozen, it is one convolution.
    """

    def __init__(self, block: ConvBnRelu3d, weight_limit: int, learned: bool = False) -> None:
        super().__init__()
        self.conv = block.conv
        self.bn = block.bn
        learn_for = self.folded()[0] if learned else None
        self.weight_quantizer = WeightFakeQuantize(weight_limit, learn_for)
        self.relu = isinstance(block.relu, nn.ReLU)
        self.output_quantizer = ActivationFakeQuantize(learned=learned, signed=not self.relu)
        self.bn_frozen = False
        self.quantizing = True

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution with its batch norm folded in."""
        return fold_batch_norm(self.conv, self.bn)

    def weight_scale(self, weight: Tensor, input_scale: Tensor | float) -> Tensor:
        """O scales of the folded weight, at which no engine meets a tie; see core.tie_free."""
        scale = self.weight_quantizer.scale(weight)
        if self.output_quantizer.is_unset:
            return scale
        unit = self.output_quantizer.scale.double() / input_scale
        return (tie_free(scale.double() / unit) * unit).float()

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        conv = self.conv
        return conv3d(
            x, weight, bias, cast(Triple, conv.stride), cast(Triple, conv.padding), conv.groups
        )

    def forward(self, x: Tensor, input_scale: Tensor | float = PIXELS.scale) -> Tensor:
        """B×C×T×H×W float on the grid of `input_scale` to B×O×T'×H'×W' float on its own."""
        if not self.quantizing:
            return self._activate(self._convolve_in_float(x))
        weight, bias = self.folded()
        scale = self.weight_scale(weight, input_scale)
        weight = self.weight_quantizer(weight, scale)
        if not self.training:
            y = self._convolve_levels(x, weight, bias, input_scale, scale)
        elif self.bn_frozen:
            y = self._convolve(x, weight, bias)
        else:
            # A convolution is linear in its weights, and there are fewer of them than answers.
            factor = batch_norm_factor(self.bn).reshape(-1, 1, 1, 1, 1)
            y = self.bn(self._convolve(x, weight / factor, None))
        return self.output_quantizer(self._activate(y))

    def _activate(self, y: Tensor) -> Tensor:
        return functional.relu(y, inplace=True) if self.relu else y

    def _convolve_in_float(self, x: Tensor) -> Tensor:
        if self.bn_frozen:
            return self._convolve(x, *self.folded())
        return self.bn(self._convolve(x, self.conv.weight, None))

    def _convolve_levels(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        input_scale: Tensor | float,
        weight_scale: Tensor,
    ) -> Tensor:
        """The convolution of eq. 4 on whole numbers, which float32 adds without any error to 2^24.

        On real values every sum would carry a rounding error of its own, a few bytes would fall on
        the other side of n + 1/2, and through 27 layers the network that is validated would name
        another activity than the int8 network on 1.4 % of the clips (measured).
        """
        levels = torch.round(x / input_scale)
        column = weight_scale.reshape(-1, 1, 1, 1, 1)
        unit = weight_scale.double() * input_scale
        bias_levels = torch.round(bias.double() / unit).float()
        sums = self._convolve(levels, torch.round(weight / column), bias_levels)
        return sums * unit.float().reshape(1, -1, 1, 1, 1)


class QatMobileNet3D(nn.Module):
    """The fake-quantized student of Algorithm 1; takes over the layers of the float student.

    With `learned_step_sizes` scales are learned from the freezing of the observers on.
    """

    def __init__(
        self,
        student: MobileNet3D,
        weight_limit: int = DEFAULT_WEIGHT_LIMIT,
        learned_step_sizes: bool = False,
    ) -> None:
        super().__init__()
        blocks = cast("list[ConvBnRelu3d]", list(student.features))
        self.normalize = student.normalize
        self.pixels = pixel_quantization(student.normalize.normalization)
        learned = learned_step_sizes
        self.features = nn.Sequential(
            *(QatConvBnRelu3d(block, weight_limit, learned) for block in blocks)
        )
        self.pool_quantizer = ActivationFakeQuantize(
            learned=learned, signed=not self.blocks[-1].relu
        )
        self.dropout = student.dropout
        self.classifier = student.classifier
        self.classifier_quantizer = WeightFakeQuantize(
            weight_limit, student.classifier.weight if learned else None
        )

    @property
    def blocks(self) -> list[QatConvBnRelu3d]:
        """The convolutions in order."""
        return cast("list[QatConvBnRelu3d]", list(self.features))

    def pool_scale(self, scale: Tensor) -> Tensor:
        """The pool's scale near `scale` at which no engine meets a tie; see core.tie_free."""
        last = self.blocks[-1].output_quantizer
        if last.is_unset:
            return scale
        return (last.scale.double() / tie_free_pool(float(last.scale.double() / scale))).float()

    def set_quantizing(self, quantizing: bool) -> None:
        """Whether training quantizes: at first, or before, a float student may be trained."""
        for block in self.blocks:
            block.quantizing = quantizing

    def freeze_batch_norm(self) -> None:
        """From now on batch norm uses and keeps its running statistics."""
        for block in self.blocks:
            block.bn_frozen = True

    def freeze_observers(self) -> None:
        """From now on activation ranges stay as they are, or all scales are learned."""
        for name, buffer in self.named_buffers():
            if name.endswith("observing"):
                buffer.fill_(False)

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float in [0, 1] to B×K logits."""
        if not self.blocks[0].quantizing:
            x = self.normalize(x)
            for block in self.blocks:
                x = block(x)
            return self.classifier(self.dropout(x.mean(dim=(2, 3, 4))))
        x = self._quantize_pixels(x)
        scale: Tensor | float = self.pixels.scale
        for block in self.blocks:
            x = block(x, scale)
            scale = block.output_quantizer.scale.double()
        pooled = self.pool_quantizer(x.mean(dim=(2, 3, 4)), self.pool_scale)
        weight = self.classifier_quantizer(self.classifier.weight)
        return functional.linear(self.dropout(pooled), weight, self.classifier.bias)

    def _quantize_pixels(self, x: Tensor) -> Tensor:
        """p / 255 is on its grid already; anything else is rounded like an activation."""
        if self.pixels == PIXELS:
            return x
        x, pixels = self.normalize(x), self.pixels
        return torch.fake_quantize_per_tensor_affine(x, pixels.scale, pixels.zero_point, 0, 255)


@torch.no_grad()
def convert(qat: QatMobileNet3D) -> Int8Network:
    """The trained fake-quantized student as plain int8, uint8 scales and int32 biases (eq. 3-4).

    Raises:
        DataError: a layer never gave anything positive, so its activation range is unknown.
    """
    convolutions: list[Int8Conv] = []
    current = qat.pixels
    for index, block in enumerate(qat.blocks):
        name = f"conv{index}"
        weight, bias = block.folded()
        output = _activation_quantization(block.output_quantizer, name)
        scale = block.weight_scale(weight, current.scale)
        levels, scale, bias_levels = _quantize_layer(
            weight, bias, scale, block.weight_quantizer.limit, current.scale
        )
        convolutions.append(
            Int8Conv(
                name,
                levels,
                scale,
                bias_levels,
                geometry_of(block.conv),
                current,
                output,
                block.relu,
            )
        )
        current = output
    _activation_quantization(qat.pool_quantizer, "pool")
    pooled = Quantization(
        float(qat.pool_scale(qat.pool_quantizer.scale)), qat.pool_quantizer.zero_point
    )
    levels, scale, bias_levels = _quantize_layer(
        qat.classifier.weight,
        qat.classifier.bias,
        qat.classifier_quantizer.scale(qat.classifier.weight),
        qat.classifier_quantizer.limit,
        pooled.scale,
    )
    classifier = Int8Linear("classifier", levels, scale, bias_levels, pooled)
    return Int8Network(tuple(convolutions), classifier, qat.normalize.normalization)


def _activation_quantization(quantizer: ActivationFakeQuantize, name: str) -> Quantization:
    if quantizer.is_unset:
        raise DataError(
            f"{name} cannot be quantized: it never gave anything but zero. Train the fp32 student "
            "anew with a lower learning rate, or calibrate on other clips."
        )
    return Quantization(float(quantizer.scale), quantizer.zero_point)


def _quantize_layer(
    weight: Tensor, bias: Tensor, scale: Tensor, limit: int, input_scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int8 levels, float32 weight scales and int32 bias at input_scale · weight scale."""
    scale = scale.double()
    scale = torch.maximum(scale, bias.double().abs() / (input_scale * LARGEST_BIAS))
    scale = scale.float()
    column = scale.reshape(-1, *([1] * (weight.dim() - 1)))
    # As fake quantization does: divided, one weight in a million is rounded to the other side.
    levels = torch.round(weight * column.reciprocal()).clamp(-limit, limit)
    bias_levels = torch.round(bias.double() / (input_scale * scale.double()))
    return (
        levels.to(torch.int8).cpu().numpy().copy(),
        to_numpy(scale),
        bias_levels.to(torch.int32).cpu().numpy().copy(),
    )
