"""I3D of kinetics_i3d_pytorch, pytorch-i3d and the paper; core.models.i3d lists the names."""

from __future__ import annotations

from torch import nn

from core.fusion import fuse_i3d
from core.models.i3d import I3D, SameConvBnRelu3d
from core.network import FloatNetwork
from training.importers.formats import SIGNATURES, Architecture, Part
from training.importers.renaming import as_shape, load_renamed

_MOST_CLASSES = 10_000
_CLASSIFIERS: dict[Architecture, str] = {
    "i3d": "conv3d_0c_1x1.conv3d",
    "pytorch-i3d": "logits.conv3d",
    "own i3d": "classifier",
}
_BRANCHES = {
    "branch_0": "b0",
    "branch_1.0": "b1a",
    "branch_1.1": "b1b",
    "branch_2.0": "b2a",
    "branch_2.1": "b2b",
    "branch_3.1": "b3b",
}


def read_i3d(part: Part) -> FloatNetwork:
    """The float network for clips of the source's size.

    Raises:
        ValueError: tensors are missing, left over, or do not fit each other.
    """
    weight, stem = f"{_CLASSIFIERS[part.architecture]}.weight", SIGNATURES[part.architecture]
    shape = as_shape(part.state.get(weight), weight).shape
    if len(shape) not in (2, 5) or not 1 <= shape[0] <= _MOST_CLASSES:
        raise ValueError(f"{weight} is no classifier of 1 to {_MOST_CLASSES} classes")
    inputs = as_shape(part.state[stem], stem).shape
    if len(inputs) != 5 or inputs[1] not in (1, 3):
        raise ValueError(
            f"{stem} takes {inputs[1] if len(inputs) > 1 else 'no'} channels, as optical flow has; "
            "InCab's take pictures"
        )
    network = I3D(shape[0], inputs[1], normalization=part.source.normalization)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm3d):
            layer.eps = part.source.batch_norm_eps
    load_renamed(network, part.state, _names(network, part.architecture))
    clip = part.source.clip
    return fuse_i3d(network.eval(), (clip.frames, clip.crop, clip.crop))


def _names(network: I3D, architecture: Architecture) -> dict[str, str]:
    names = {_CLASSIFIERS[architecture]: "classifier"}
    for name, layer in network.named_modules():
        if not isinstance(layer, SameConvBnRelu3d):
            continue
        if architecture == "own i3d":
            names |= {f"{name}.conv": f"{name}.conv", f"{name}.bn": f"{name}.bn"}
        elif architecture == "i3d":
            names |= {f"{name}.conv3d": f"{name}.conv", f"{name}.batch3d": f"{name}.bn"}
        else:
            stage, _, branch = name.partition(".")
            theirs = stage.capitalize() + (f".{_BRANCHES[branch]}" if branch else "")
            names |= {f"{theirs}.conv3d": f"{name}.conv", f"{theirs}.bn": f"{name}.bn"}
    return names
