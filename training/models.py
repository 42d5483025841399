"""The networks of a run: the one that learns, and the one that teaches it.

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.clip import ClipSpec
from core.errors import DataError
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model
from core.models.i3d import I3D, SameConvBnRelu3d
from core.models.mobilenet3d import ConvBnRelu3d, MobileNet3D
from core.models.normalize import Normalize
from core.network import FloatNetwork
from core.normalization import UNIT_RANGE, Normalization
from training.checkpoint import description_of_trained, load_weights
from training.config import Recipe
from training.hardware import as_input
from training.store import Store

FloatModel = MobileNet3D | I3D

# A model file's own engines compute in another order; the golden answers themselves are this near.
_GOLDEN_TOLERANCE = 1e-3


def new_model(
    recipe: Recipe, num_classes: int, normalization: Normalization = UNIT_RANGE
) -> FloatModel:
    """An untrained network as the recipe wants it, which reads bytes as its start does."""
    channels = recipe.clip.channel_count
    model: FloatModel
    if recipe.model == "i3d":
        model = I3D(num_classes, channels, recipe.dropout, normalization)
    else:
        width = recipe.width_multiplier
        model = MobileNet3D(num_classes, width, channels, recipe.dropout, normalization)
    if recipe.tie_input_channels:
        weight = next(m for m in model.modules() if isinstance(m, nn.Conv3d)).weight
        with torch.no_grad():
            weight.copy_(weight.mean(dim=1, keepdim=True).expand_as(weight))
    return model


def normalization_of(described: Mapping[str, Any]) -> Normalization:
    """How a run reads bytes: as its start did, which recipe.json says.

    Raises:
        DataError: it says something else.
    """
    read = described.get("pixels")
    if read is None:
        return UNIT_RANGE
    try:
        return Normalization(tuple(read["mean"]), read["scale"])
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"recipe.json reads pixels in no way known here ({error}).") from error


def people_of(store: Store, split: int, subset: str) -> set[int]:
    """The numbers of the people in one subset of one split."""
    return {store.chunks[position].participant_id for position in store.subset(split, subset)}


def seen_people(described: Mapping[str, Any], store: Store, subset: str) -> set[int]:
    """Whom of a store's people a run and its ancestors had in one subset.

    A run of an InCab that recorded nobody had those of its split, if its data were the very same.
    """
    people = described.get("people")
    if not isinstance(people, Mapping):
        same = described.get("data") == store.description["origin"] and "split" in described
        return people_of(store, described["split"], subset) if same else set()
    if not _same_people(described.get("data"), store.description["origin"]):
        return set()
    return set(people.get(subset) or ())


def _same_people(one: Any, other: Any) -> bool:
    """Whether equal numbers are equal persons: a synthetic one is its set's seed and its number."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return False
    made = [origin.get("synthetic") for origin in (one, other)]
    if all(isinstance(each, Mapping) for each in made):
        return made[0].get("seed") == made[1].get("seed")
    return made == [None, None]


def check_apart(
    described: Mapping[str, Any],
    name: Path,
    store: Store,
    split: int,
    subsets: Sequence[str] = ("val", "test"),
) -> None:
    """See to it that a run has not seen people whom `subsets` of this split keep apart.

    Nobody it trained on may be in them, and nobody who chose its best epoch in test.

    Raises:
        DataError: it has, and accuracy on them would mean nothing; or it knows other labels.
    """
    labels = described.get("labels")
    if labels is not None and tuple(labels) != store.labels:
        raise DataError(
            f"{name} was trained on {len(labels)} other labels than the {len(store.labels)} of "
            f"{store.folder}; use one that was trained on these."
        )
    trained, chosen = (seen_people(described, store, subset) for subset in ("train", "val"))
    shared: set[int] = set()
    for subset in subsets:
        seen = trained | chosen if subset == "test" else trained
        shared |= seen & people_of(store, split, subset)
    if shared:
        earlier = described.get("split", split)
        some = ", ".join(f"vp{person}" for person in sorted(shared)[:3])
        more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
        raise DataError(
            f"{name} was trained on split {earlier} and has seen {some}{more}, who are kept apart "
            f"in split {split} ({' and '.join(subsets)}); use a run on split {split} of this data."
        )


class Teacher(nn.Module):
    """A trained network that only answers: eval mode, no gradient, the student's own clips.

    `described` is what its run or file says of its training, `precision` that of its recipe. It
    answers in bfloat16 where `bfloat16` is set, or where its caller computes so.
    """

    def __init__(
        self, model: FloatModel, described: Mapping[str, Any], precision: str = "float32"
    ) -> None:
        super().__init__()
        self.described = described
        self.precision = precision
        self.bfloat16 = False
        self.model = model.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Teacher:
        """Stay in eval mode whatever is asked."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float in [0, 1] to B×K logits; a grey clip is shown as equal R, G and B."""
        if x.shape[1] < self.model.in_channels:
            x = x.expand(-1, self.model.in_channels, -1, -1, -1)
        if not self.bfloat16:
            return self.model(x)
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.model(x)


def load_teacher(path: Path, clip: ClipSpec, store: Store, split: int) -> Teacher:
    """The float network of a finished run (its folder) or of an fp32 model file.

    Raises:
        DataError: it is quantized, knows other labels or people kept apart, or was trained for
            clips that are not the student's.
        ModelFileError: the file cannot be used.
    """
    # What is built here is overwritten; the student's random numbers stay what they were.
    with torch.random.fork_rng(devices=[]):
        model, theirs, described = load_float(path, store, split)
    precision = "float32" if path.is_file() else described["recipe"].get("precision", "float32")
    for name in ("frames", "span_s", "resize", "crop"):
        if getattr(theirs, name) != getattr(clip, name):
            raise DataError(
                f"The teacher {path} was trained with {name} {getattr(theirs, name)}, the student "
                f"has {getattr(clip, name)}; use a teacher trained on the same clips."
            )
    if theirs.channels != clip.channels and (theirs.channels, clip.channels) != ("rgb", "grey"):
        raise DataError(
            f"The teacher {path} wants {theirs.channels} clips, the student's are {clip.channels}; "
            "use a teacher trained on the same clips."
        )
    return Teacher(model, described, precision)


_Trained = tuple[FloatModel, ClipSpec, Mapping[str, Any]]


def load_float(path: Path, store: Store, split: int) -> _Trained:
    """The float network of a finished run (its folder) or of an fp32 model file.

    Returns:
        The network, the clips it was trained on, and what its run or file says of its training.

    Raises:
        DataError: it is quantized, or knows other labels or people kept apart.
        ModelFileError: the file cannot be used.
    """
    return (_from_file if path.is_file() else _from_run)(path, store, split)


def _from_run(run: Path, store: Store, split: int) -> _Trained:
    described = description_of_trained(run)
    check_apart(described, run, store, split)
    try:
        settings = described.get("recipe", {})
        recipe = Recipe(**settings | {"milestones": tuple(settings.get("milestones", ()))})
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{run}/recipe.json is not of this InCab ({error}); train it again."
        ) from error
    if recipe.quantize:
        raise DataError(f"{run} is a quantized run; name its float run instead.")
    model = new_model(recipe, len(store.labels), normalization_of(described))
    load_weights(run, model)
    return model, recipe.clip, described


def _from_file(path: Path, store: Store, split: int) -> _Trained:
    file = load_model(path)
    check_apart({**file.training, "labels": file.labels}, path, store, split)
    if not isinstance(file.network, FloatNetwork):
        raise DataError(f"{path} is an int8 model; name an fp32 one instead.")
    model = float_model_of(file, path)
    clip = replace(file.clip, channels="rgb") if file.clip.channels == "bgr" else file.clip
    return model, clip, file.training


def float_model_of(file: Model, path: Path) -> FloatModel:
    """The trainable network of an fp32 model file, in eval mode; one of BGR turned to RGB.

    Raises:
        DataError: it is not one that InCab can train.
    """
    network, channels = file.network, file.clip.channel_count
    assert isinstance(network, FloatNetwork)
    model: FloatModel
    if file.architecture.get("name") == "i3d":
        model = I3D(len(file.labels), channels, normalization=network.normalization)
    else:
        width = file.architecture.get("width_multiplier", 0.5)
        model = MobileNet3D(len(file.labels), width, channels, normalization=network.normalization)
    silent = [conv.name for conv in network.convolutions if not conv.relu]
    if silent:
        raise DataError(
            f"{path} has no ReLU behind {silent[0]} and {len(silent) - 1} others, where InCab's "
            "networks have one; use a checkpoint that was not fused."
        )
    try:
        _unfold(network, model)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{path} holds a network that cannot be rebuilt here ({error}).") from error
    _check_golden(model, file, path)
    if file.clip.channels == "bgr":
        _swap_red_and_blue(model)
    return model


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
        block.conv.weight.copy_(torch.from_numpy(layer.weight))
        block.bn.weight.fill_(1)
        block.bn.bias.copy_(torch.from_numpy(layer.bias))
        block.bn.running_mean.zero_()
        block.bn.running_var.fill_(1 - block.bn.eps)
    model.classifier.weight.copy_(torch.from_numpy(network.classifier.weight))
    model.classifier.bias.copy_(torch.from_numpy(network.classifier.bias))


@torch.inference_mode()
def _check_golden(model: FloatModel, file: Model, path: Path) -> None:
    """The file's own answers prove that the rebuilt network is the one that was saved."""
    model.eval()
    for name in GOLDEN_NAMES:
        clip = torch.from_numpy(golden_clip(name, file.clip.clip_shape)).permute(3, 0, 1, 2)
        answer = model(as_input(clip[None]))[0].numpy()
        expected = np.asarray(file.golden[name])
        if np.abs(answer - expected).max() > _GOLDEN_TOLERANCE * max(1, np.abs(expected).max()):
            raise DataError(
                f"{path} holds a network that cannot be rebuilt here: its golden answers differ."
            )
