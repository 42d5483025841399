"""The networks of a run: the one that learns, and the one that teaches it.

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.clip import ClipSpec
from core.errors import DataError
from core.modelfile import load_model
from core.models.i3d import I3D
from core.models.mobilenet3d import MobileNet3D
from core.network import FloatNetwork
from core.quantization import QatMobileNet3D
from training.checkpoint import description_of_trained, load_weights
from training.config import Recipe, recipe_of_run
from training.inheritance import NOTHING, Inherited, inherited_from
from training.people import check_apart
from training.rebuilding import FloatModel, float_model_of
from training.store import Store


def new_model(recipe: Recipe, num_classes: int, inherited: Inherited = NOTHING) -> FloatModel:
    """An untrained network as the recipe wants it, in all else like its start."""
    channels = recipe.clip.channel_count
    normalization = inherited.normalization
    model: FloatModel
    if recipe.model == "i3d":
        model = I3D(num_classes, channels, recipe.dropout, normalization)
    else:
        model = MobileNet3D(
            num_classes,
            recipe.width_multiplier,
            channels,
            recipe.dropout,
            normalization,
            inherited.without_relu,
        )
    if recipe.tie_input_channels:
        weight = next(m for m in model.modules() if isinstance(m, nn.Conv3d)).weight
        with torch.no_grad():
            weight.copy_(weight.mean(dim=1, keepdim=True).expand_as(weight))
    return model


def quantized(model: FloatModel, recipe: Recipe) -> QatMobileNet3D:
    """The student as a recipe that quantizes trains it; it takes over the layers."""
    # Of other networks a recipe says that they are not quantized.
    student = cast(MobileNet3D, model)
    return QatMobileNet3D(student, recipe.weight_limit, recipe.learned_step_sizes)


class Teacher(nn.Module):
    """A trained network that only answers: eval mode, no gradient, the student's own clips.

    One that was trained on smaller clips sees the same pictures, `shrink` times smaller.
    `described` is what its run or file says of its training, `precision` that of its recipe. It
    answers in bfloat16 where `bfloat16` is set, or where its caller computes so.
    """

    def __init__(
        self,
        model: FloatModel,
        described: Mapping[str, Any],
        precision: str = "float32",
        shrink: int = 1,
    ) -> None:
        super().__init__()
        self.described = described
        self.precision = precision
        self.shrink = shrink
        self.bfloat16 = False
        self.model = model.eval().requires_grad_(False)

    @property
    def architecture(self) -> str:
        """Its name in recipes and model files."""
        return "i3d" if isinstance(self.model, I3D) else "mobilenet3d"

    def train(self, mode: bool = True) -> Teacher:
        """Stay in eval mode whatever is asked."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float in [0, 1] to B×K logits; a grey clip is shown as equal R, G and B."""
        if self.shrink > 1:
            x = functional.avg_pool3d(x, (1, self.shrink, self.shrink))
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
    shrink = max(clip.crop // theirs.crop, 1)
    if (theirs.resize * shrink, theirs.crop * shrink) != (clip.resize, clip.crop):
        raise DataError(
            f"The teacher {path} sees {theirs.crop} of {theirs.resize} pixels, the student "
            f"{clip.crop} of {clip.resize}; use a teacher trained on the same part of the picture."
        )
    for name in ("frames", "span_s"):
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
    return Teacher(model, described, precision, shrink)


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
        recipe = recipe_of_run(described)
    except ValueError as error:
        raise DataError(
            f"{run}/recipe.json is not of this InCab ({error}); train it again."
        ) from error
    if recipe.quantize:
        raise DataError(f"{run} is a quantized run; name its float run instead.")
    model = new_model(recipe, len(store.labels), inherited_from(described))
    load_weights(run, model)
    return model, recipe.clip, described


def _from_file(path: Path, store: Store, split: int) -> _Trained:
    file = load_model(path)
    check_apart({**file.training, "labels": file.labels}, path, store, split)
    if not isinstance(file.network, FloatNetwork):
        raise DataError(
            f"{path} is an int8 model; name an fp32 one instead (a teacher: --teacher)."
        )
    model = float_model_of(file, path)
    clip = replace(file.clip, channels="rgb") if file.clip.channels == "bgr" else file.clip
    return model, clip, file.training
