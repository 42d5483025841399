"""What a training run does, as data: read from a recipe, overridden on the command line, stored."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import inf, isinf
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from core.clip import ClipSpec
from core.errors import DataError

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One training run.

    Attributes:
        model: "mobilenet3d", the student, or "i3d", the teacher.
        width_multiplier: of the 3D MobileNet.
        quantize: train with fake quantization (Algorithm 1) and end with an int8 model.
        weight_limit: largest |int8 weight|; 63 stays exact on CPUs without VNNI.
        channels: "rgb", or "grey" for a network of one input channel.
        tie_input_channels: start with equal weights for R, G and B; grey training data then
            keeps them equal, and the network looks at brightness alone.
        resize: frames are squashed to this many pixels a side.
        crop: and a crop of this many is what the network sees.
        epochs: passes of `clips_per_epoch` clips.
        clips_per_epoch: clips drawn, balanced over the classes; 0 means as many as there are.
        batch_size: clips in one step, of all processes together.
        accumulate: pieces in which a process takes its share of a step, one after the other: for
            less memory, and with batch statistics of each piece instead of the whole.
        precision: "bfloat16" computes convolutions in 16 bits (autocast), meant for GPUs; on the
            CPUs measured it gains nothing.
        optimizer: "sgd" with momentum as the paper, or "adamw", which needs far fewer steps from
            scratch (the first convolution's gradient is large beside the others').
        learning_rate: highest learning rate.
        nesterov: look ahead along the momentum of "sgd"; the paper's text does not say so.
        decay_all: weight decay acts on biases and batch norm too, as PyTorch has it when nothing
            else is said; otherwise on the weights of convolutions and of the classifier only.
        largest_gradient_norm: a longer gradient is shortened to this; 0 leaves all as they are,
            as the paper does.
        schedule: "steps" multiplies by `gamma` at each milestone; "one-cycle" rises for
            `warmup` of the steps and falls to zero along a cosine.
        milestones: epochs at which "steps" reduces the learning rate.
        freeze_batch_norm_epoch: with `quantize`, from here batch-norm statistics stay.
        freeze_observers_epoch: with `quantize`, from here activation ranges stay; at least 1,
            because ranges are learned from data.
        window_probability: share of clips drawn as the application will see them: the last span of
            some moment of the chunk, neighbouring activities included; the others are drawn from
            the chunk alone, as in the paper.
        beta: weight of the soft term of eq. 1. Without a teacher of its own the float student of
            the start run teaches, so that an int8 twin is drawn towards its own parent.
        temperature: T of eq. 1.
        validate_every: epochs between validations; the best epoch is kept.
        average_decay: decay of the running average of weights that is validated and kept;
            0 keeps the weights themselves.
    """

    model: Literal["mobilenet3d", "i3d"] = "mobilenet3d"
    width_multiplier: float = 0.5
    quantize: bool = False
    weight_limit: int = 63
    channels: Literal["rgb", "grey"] = "rgb"
    tie_input_channels: bool = False
    resize: int = 256
    crop: int = 224
    epochs: int = 200
    clips_per_epoch: int = 0
    batch_size: int = 16
    accumulate: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    decay_all: bool = True
    largest_gradient_norm: float = 0.0
    dropout: float = 0.5
    label_smoothing: float = 0.0
    schedule: Literal["steps", "one-cycle"] = "steps"
    milestones: tuple[int, ...] = (70, 100, 150)
    gamma: float = 0.2
    warmup: float = 0.1
    freeze_batch_norm_epoch: int = 150
    freeze_observers_epoch: int = 150
    flip_probability: float = 0.5
    brightness: float = 0.0
    contrast: float = 0.0
    window_probability: float = 0.0
    beta: float = 0.0
    temperature: float = 3.0
    validate_every: int = 1
    average_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            _check_type(name, kind, getattr(self, name))
        for names, low, high in _RANGES:
            for name in names:
                if not low <= getattr(self, name) <= high:
                    bounds = f"at least {low}" if isinf(high) else f"{low} to {high}"
                    raise ValueError(f"{name} must be {bounds}, not {getattr(self, name)}")
        for name in ("learning_rate", "gamma", "temperature"):
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("weight_decay", "largest_gradient_norm"):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"{name} must be a number from 0 on, not {getattr(self, name)}")
        if any(milestone < 1 for milestone in self.milestones):
            raise ValueError(f"milestones must be at least 1, not {min(self.milestones)}")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum above 0")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay must be 0 to below 1, not {self.average_decay}")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate must divide batch_size ({self.batch_size}), not {self.accumulate}"
            )
        if self.quantize and self.model != "mobilenet3d":
            raise ValueError("quantize works with model mobilenet3d only")
        if self.quantize and self.precision != "float32":
            raise ValueError(
                "quantize needs precision float32; bfloat16 is as coarse as the int8 it imitates"
            )
        _ = self.clip

    @property
    def clip(self) -> ClipSpec:
        """What the network will see."""
        return ClipSpec(resize=self.resize, crop=self.crop, channels=self.channels)


# Ranges come from data, so that at least one epoch has to pass before they are frozen. The
# narrowest student keeps one channel in its first layer.
_RANGES: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("epochs", "batch_size", "validate_every", "freeze_observers_epoch"), 1, inf),
    (("accumulate",), 1, inf),
    (("clips_per_epoch", "freeze_batch_norm_epoch"), 0, inf),
    # What PyTorch takes for a seed.
    (("seed",), 0, 2**63 - 1),
    (("width_multiplier",), 1 / 32, 8),
    (("weight_limit",), 1, 127),
    (("dropout", "label_smoothing", "momentum", "warmup"), 0, 1),
    (("flip_probability", "brightness", "contrast", "window_probability", "beta"), 0, 1),
)


def _check_type(name: str, kind: Any, value: object) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is bool:
        fits, wanted = isinstance(value, bool), "true or false"
    elif kind is int:
        fits, wanted = number and isinstance(value, int), "a whole number"
    elif kind is float:
        fits, wanted = number, "a number"
    elif get_origin(kind) is Literal:
        choices = get_args(kind)
        fits, wanted = value in choices, " or ".join(f'"{choice}"' for choice in choices)
    else:
        whole = isinstance(value, tuple) and all(type(item) is int for item in value)
        fits, wanted = whole, "a list of whole numbers"
    if not fits:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def find_recipe(name: str) -> Path:
    """A recipe file by path, or a bundled one by name.

    Raises:
        DataError: neither exists; the bundled names are listed.
    """
    path = Path(name)
    if path.suffix == ".toml":
        return path
    bundled = RECIPES / f"{name}.toml"
    if not bundled.is_file():
        names = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
        raise DataError(f"There is no recipe {name!r}; bundled are {names}, or give a .toml file.")
    return bundled


def read_recipe(path: Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe file; `overrides` take the place of what it says.

    Raises:
        DataError: no such file, no TOML, an unknown key (the nearest right one is named), or a
            value that makes no sense.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read recipe {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no valid TOML: {error}.") from error
    known = {field.name: field for field in fields(Recipe)}
    for key, value in values.items():
        if key not in known:
            nearest = get_close_matches(key, known, 1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}."
            raise DataError(f"{path}: there is no setting {key!r}; {hint}")
        if isinstance(value, list):
            values[key] = tuple(value)
    try:
        return Recipe(**{**values, **(overrides or {})})
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from error
