"""The networks of a run: the one that learns, and the one that teaches it.

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.clip import ClipSpec
from core.errors import DataError
from core.modelfile import load_model
from core.models.i3d import I3D
from core.models.mobilenet3d import MobileNet3D
from core.network import FloatNetwork
from training.checkpoint import description_of_trained, load_weights
from training.config import Recipe
from training.inheritance import NOTHING, Inherited, inherited_from
from training.rebuilding import FloatModel, float_model_of
from training.store import EVERYONE, Store


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


def people_of(store: Store, split: int, subset: str) -> set[int]:
    """The numbers of the people in one subset of one split."""
    return {store.chunks[position].participant_id for position in store.subset(split, subset)}


def seen_by(store: Store, split: int, described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whom a run on this split has seen, itself or through those it starts from and learns from.

    `described` is what these say of their training.

    Returns:
        For the run's own description `people`, those of the store; and `people_elsewhere`, data,
        split and people of each before it that was trained on other data.
    """
    people = {subset: people_of(store, split, subset) for subset in ("train", "val")}
    elsewhere: list[dict[str, Any]] = []
    for each in described:
        for subset, known in people.items():
            known |= seen_people(each, store, subset)
        for entry in _entries(each):
            if not _is_of(entry, store) and entry not in elsewhere:
                elsewhere.append(entry)
    return {
        "people": {subset: sorted(known) for subset, known in people.items()},
        "people_elsewhere": elsewhere,
    }


def recorded_people(described: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a description that says whom a run has seen, for a copy of its weights."""
    names = ("data", "split", "people", "people_elsewhere")
    return {name: described[name] for name in names if name in described}


def seen_people(described: Mapping[str, Any], store: Store, subset: str) -> set[int]:
    """Whom of a store's people a run, its ancestors and its teachers had in one subset.

    A run of an InCab that recorded nobody had those of its split, if its data were the very same.
    """
    seen: set[int] = set()
    for entry in _entries(described):
        if _is_of(entry, store):
            people = entry.get("people")
            seen |= (
                set(people.get(subset) or ())
                if isinstance(people, Mapping)
                else people_of(store, entry["split"], subset)
            )
    return seen


def _entries(described: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Data, split and people of a run, and of those before it that had other data."""
    own = recorded_people(described)
    elsewhere = own.pop("people_elsewhere", None)
    before = elsewhere if isinstance(elsewhere, list) else []
    return [entry for entry in (own, *before) if isinstance(entry, dict) and "data" in entry]


def _is_of(entry: Mapping[str, Any], store: Store) -> bool:
    """Whether an entry's people are people of this store."""
    origin = store.description["origin"]
    if isinstance(entry.get("people"), Mapping):
        return _same_people(entry.get("data"), origin)
    return entry.get("data") == origin and "split" in entry


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

    Nobody it trained on may be in them, and nobody who chose its best epoch in test; neither may
    those of whatever it started from or learned from.

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
        seen = trained | chosen if subset in ("test", EVERYONE) else trained
        shared |= seen & people_of(store, split, subset)
    if shared:
        trained_on = (
            f"was trained on split {described.get('split', split)}"
            if _same_people(described.get("data"), store.description["origin"])
            else "started or learned from what was trained on this data"
        )
        some = ", ".join(f"vp{person}" for person in sorted(shared)[:3])
        more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
        if EVERYONE in subsets:
            advice = f"who are in {store.folder} too; name a subset, or data of other people."
        else:
            advice = (
                f"who are kept apart in split {split} ({' and '.join(subsets)}); "
                f"use a run on split {split} of this data."
            )
        raise DataError(f"{name} {trained_on} and has seen {some}{more}, {advice}")


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
        settings = described.get("recipe", {})
        recipe = Recipe(**settings | {"milestones": tuple(settings.get("milestones", ()))})
    except (TypeError, ValueError) as error:
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
