"""3D MobileNets of Efficient-3DCNNs and of the paper's code: the same layers under other names.

here                    published                 published, prepared for quantization
features.0.conv         features.0.0              features.0.0
features.0.bn           features.0.1              features.0.0.bn
features.2N-1.conv      features.N.conv1          features.N.conv1
features.2N-1.bn        features.N.bn1            features.N.conv1.bn
features.2N.conv        features.N.conv2          features.N.conv2
features.2N.bn          features.N.bn2            features.N.conv2.bn
classifier              classifier.1              classifier.1
"""

from __future__ import annotations

from dataclasses import replace

from core.fusion import fuse
from core.models.mobilenet3d import STEM_CHANNELS, MobileNet3D
from core.network import FloatConv, FloatNetwork, Network
from training.importers.formats import Part
from training.importers.renaming import as_shape, load_renamed

BLOCKS = 13
_LAST_CHANNELS = 1024
_MOST_CLASSES = 10_000
_WIDEST = 8

# What the paper's configuration fuses: the ReLU behind a depthwise convolution goes missing.
PUBLISHED_GROUPS: tuple[tuple[str, ...], ...] = (
    ("features.0.0", "features.0.1", "features.0.2"),
    *(
        group
        for n in range(1, BLOCKS + 1)
        for group in (
            (f"features.{n}.conv1", f"features.{n}.bn1"),
            (f"features.{n}.conv2", f"features.{n}.bn2", f"features.{n}.relu"),
        )
    ),
)


def layer_names() -> list[str]:
    """The published names of the convolutions, in order."""
    blocks = [f"features.{n}.conv{half}" for n in range(1, BLOCKS + 1) for half in (1, 2)]
    return ["features.0.0", *blocks]


def _published_names() -> dict[str, str]:
    names = {"classifier.1": "classifier", "features.0.1": "features.0.bn"}
    for index, layer in enumerate(layer_names()):
        names |= {layer: f"features.{index}.conv", f"{layer}.bn": f"features.{index}.bn"}
        if index:
            names[layer.replace("conv", "bn")] = f"features.{index}.bn"
    return names


def _own_names() -> dict[str, str]:
    layers = [f"features.{i}.{kind}" for i in range(2 * BLOCKS + 1) for kind in ("conv", "bn")]
    return {name: name for name in (*layers, "classifier")}


def read_mobilenet(part: Part) -> tuple[FloatNetwork, float]:
    """The float network and its width multiplier.

    Raises:
        ValueError: tensors are missing, left over, or do not fit each other.
    """
    own = part.architecture == "own mobilenet"
    classifier = "classifier" if own else "classifier.1"
    stem = "features.0.conv.weight" if own else "features.0.0.weight"
    classes, width = size_of(part.state.get(f"{classifier}.weight"), f"{classifier}.weight")
    inputs = as_shape(part.state[stem], stem).shape
    if len(inputs) != 5 or inputs[1] not in (1, 3):
        raise ValueError(f"{stem} takes no pictures of one or three channels")
    # Sooner than a network of that width is built.
    if inputs[0] != int(STEM_CHANNELS * width):
        raise ValueError(
            f"{stem} has {inputs[0]} channels, {classifier}.weight belongs to a width of {width:g}"
        )
    student = MobileNet3D(
        classes,
        width,
        inputs[1],
        normalization=part.source.normalization,
        without_relu=part.source.without_relu,
    )
    load_renamed(student, part.state, _own_names() if own else _published_names())
    network = fuse(student.eval())
    if part.groups is None:
        return network, width
    kept = relu_behind(part.groups)
    convolutions = [
        replace(conv, relu=kept[name])
        for name, conv in zip(layer_names(), network.convolutions, strict=True)
        if isinstance(conv, FloatConv)
    ]
    return replace(network, stages=tuple(convolutions)), width


def size_of(weight: object, name: str) -> tuple[int, float]:
    """Classes and width multiplier, which the classifier's K×C weight tells.

    Raises:
        ValueError: it is none of a MobileNet.
    """
    shape = as_shape(weight, name).shape
    if len(shape) != 2 or not 1 <= shape[0] <= _MOST_CLASSES:
        raise ValueError(f"{name} is no classifier of 1 to {_MOST_CLASSES} classes")
    width = shape[1] / _LAST_CHANNELS
    if not 1 / 32 <= width <= _WIDEST:
        raise ValueError(f"{name} belongs to a width of {width:g}, allowed are 1/32 to {_WIDEST}")
    return shape[0], width


def lost_relus(network: Network) -> list[str]:
    """A sentence about the convolutions that no ReLU follows, if there are any."""
    without = sum(not conv.relu for conv in network.convolutions)
    if not without:
        return []
    return [
        f"{without} depthwise convolutions have no ReLU: it was lost when their blocks were fused, "
        "and the network was trained without it."
    ]


def relu_behind(groups: tuple[tuple[str, ...], ...]) -> dict[str, bool]:
    """For each convolution whether a ReLU follows it, after these groups were fused.

    A block has one ReLU object for two places. The group that takes it in leaves nothing at the
    other place.
    """
    fused = {name for group in groups for name in group}
    kept: dict[str, bool] = {}
    for layer in layer_names():
        relu = f"{layer.rpartition('.')[0]}.relu"
        own_group = next((group for group in groups if layer in group), ())
        # The first convolution's ReLU is its own, fused or not.
        kept[layer] = layer == "features.0.0" or relu not in fused or relu in own_group
    return kept
