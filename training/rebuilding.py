"""From a model file back to a network that can be trained: what exporting folded is unfolded.

Legend: T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.dequantization import dequantized
from core.description import number
from core.engines.reference import ReferenceEngine
from core.errors import DataError
from core.fusion import geometry_of
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model
from core.models.i3d import I3D, SameConvBnRelu3d
from core.models.mobilenet3d import STEM_CHANNELS, ConvBnRelu3d, MobileNet3D
from core.models.normalize import Normalize
from core.network import FloatNetwork, Int8Network
from training.hardware import as_input

FloatModel = MobileNet3D | I3D

# Engines compute in another order; the golden answers themselves are this near, as a share of
# their spread (or of a thousandth of their size, where they are all alike).
_TOLERANCE = 1e-3
# T, H and W: small, for the exact engine is slow.
_SMALL_CLIP = (16, 32, 32)


def float_model_of(file: Model, path: Path) -> FloatModel:
    """The trainable network of a model file, in eval mode; one of BGR turned to RGB.

    An int8 network becomes the floats that it stands for.

    Raises:
        DataError: it is not one that InCab can train.
    """
    network = file.network
    try:
        floats = dequantized(network) if isinstance(network, Int8Network) else network
        model = _new(file, floats)
        _unfold(floats, model)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{path} holds a network that cannot be rebuilt here ({error}).") from error
    _check_answers(model, file, floats, path)
    if file.clip.channels == "bgr":
        _swap_red_and_blue(model)
    return model


def _new(file: Model, network: FloatNetwork) -> FloatModel:
    channels, normalization = file.clip.channel_count, network.normalization
    without_relu = [index for index, conv in enumerate(network.convolutions) if not conv.relu]
    if file.architecture.get("name") == "i3d":
        if without_relu:
            raise ValueError("I3D has a ReLU behind each convolution")
        return I3D(len(file.labels), channels, normalization=normalization)
    width = number(file.architecture.get("width_multiplier", 0.5), "width_multiplier")
    # Sooner than a network of that width is built.
    stem = len(network.convolutions[0].weight)
    if not 0 < width < inf or int(STEM_CHANNELS * width) != stem:
        raise ValueError(f"its first convolution has {stem} channels, not those of width {width:g}")
    return MobileNet3D(
        len(file.labels),
        width,
        channels,
        normalization=normalization,
        without_relu=without_relu,
    )


@torch.no_grad()
def _swap_red_and_blue(model: FloatModel) -> None:
    """The same network for clips whose channels come in the other order."""
    weight = next(module for module in model.modules() if isinstance(module, nn.Conv3d)).weight
    weight.copy_(weight.flip(1))
    before = model.normalize.normalization
    model.normalize = Normalize(replace(before, mean=before.mean[::-1]))


@torch.no_grad()
def _unfold(network: FloatNetwork, model: FloatModel) -> None:
    """Give `model` the folded weights of `network`, behind batch norms that only add the bias.

    For eval mode: batch statistics would undo what was folded in.
    """
    kinds = (ConvBnRelu3d, SameConvBnRelu3d)
    blocks = [module for module in model.modules() if isinstance(module, kinds)]
    for block, layer in zip(blocks, network.convolutions, strict=True):
        assert block.bn.running_mean is not None
        assert block.bn.running_var is not None
        # I3D pads by the size of the clip; its golden answers tell.
        if isinstance(block, ConvBnRelu3d) and geometry_of(block.conv) != layer.geometry:
            raise ValueError(f"convolution {layer.name} has another stride, padding or groups")
        block.conv.weight.copy_(torch.from_numpy(layer.weight))
        block.bn.weight.fill_(1)
        block.bn.bias.copy_(torch.from_numpy(layer.bias))
        block.bn.running_mean.zero_()
        block.bn.running_var.fill_(1 - block.bn.eps)
    model.classifier.weight.copy_(torch.from_numpy(network.classifier.weight))
    model.classifier.bias.copy_(torch.from_numpy(network.classifier.bias))


def _check_answers(model: FloatModel, file: Model, network: FloatNetwork, path: Path) -> None:
    """The rebuilt network is the one that was saved.

    An fp32 file's own golden answers prove it. Those of an int8 file hold its rounding; there a
    small clip through the exact engine does, since a student takes clips of any size.
    """
    if file.kind == "fp32":
        checks = [
            (golden_clip(name, file.clip.clip_shape), file.golden[name]) for name in file.golden
        ]
    else:
        clip = golden_clip(GOLDEN_NAMES[0], (*_SMALL_CLIP, file.clip.channel_count))
        checks = [(clip, ReferenceEngine(network).logits(clip))]
    for clip, expected in checks:
        tolerance = _TOLERANCE * max(np.ptp(expected), _TOLERANCE * np.abs(expected).max())
        # The other way round a NaN would pass.
        if not np.abs(logits_of(model, clip) - expected).max() <= tolerance < inf:
            raise DataError(
                f"{path} holds a network that cannot be rebuilt here: its golden answers differ."
            )


@torch.inference_mode()
def logits_of(model: nn.Module, clip: NDArray[np.uint8]) -> NDArray[np.float32]:
    """T×H×W×C uint8 pixels to K float32 logits."""
    x = torch.from_numpy(np.ascontiguousarray(clip)).permute(3, 0, 1, 2)[None]
    return model.eval()(as_input(x))[0].numpy()
