"""What a training run does, as data: read from a recipe, overridden on the command line, stored."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from math import inf, isinf
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from core.clip import ClipSpec
from core.errors import DataError, quoted
from core.files import read_ordinary
from core.network import LARGEST_EXACT_WEIGHT

RECIPES = Path(__file__).parent / "recipes"
# Names of thousands of parts take the parser minutes.
_LARGEST_BYTES, _LONGEST_LINE = 2**16, 2000


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
        early_epochs: epochs at the beginning in which clips are reduced to `early_crop` pixels a
            side, where a step costs less; the last ones see them as they are.
        early_crop: pixels a side of the reduced clips; 0 without early epochs.
        epochs: passes of `clips_per_epoch` clips.
        clips_per_epoch: clips drawn, balanced over the classes; 0 means as many as there are.
        batch_size: clips in one step, of all processes together.
        accumulate: pieces in which a process takes its share of a step, one after the other: for
            less memory, and with batch statistics of each piece instead of the whole.
        precision: "bfloat16" computes convolutions in 16 bits (autocast), "auto" does so where
            the processor has instructions for it. On two cores with AVX512-BF16 I3D trains 1.6
            times as fast; the student, whose layers are small, at two thirds of the speed.
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
        quantize_from_epoch: with `quantize`, the epochs before train in float, so that quantization
            starts from a float student; no epoch before is kept as the best.
        freeze_batch_norm_epoch: with `quantize`, from here batch-norm statistics stay.
        freeze_observers_epoch: with `quantize`, from here activation ranges stay; at least one
            epoch after `quantize_from_epoch`, because ranges are learned from data.
        window_probability: share of clips drawn as the application will see them: the last span of
            some moment of its activity, neighbouring ones included; the others are drawn from the
            chunk alone, as in the paper.
        unfamiliar_share: beside each piece of a step as many more clips as this share of it, at
            least one, are shown unrecognisable, and the network shall find every class equally
            likely (training/unfamiliar.py); 0 shows none.
        beta: weight of the soft term of eq. 1. With `quantize` and no teacher of its own the float
            student of the start run teaches, so that an int8 twin is drawn towards its own parent.
        temperature: T of eq. 1.
        published_loss: the loss of the paper's published code instead of eq. 1: softmax twice in
            the hard term, and a soft term that is K times as small (core/distillation.py).
        stored_draws: K; every clip is one of K fixed draws of its chunk, and the teacher's answers
            to them are computed once and stored. 0 draws anew every time and asks the teacher
            every time. With beta 0 the draws are fixed all the same, so that rows with and
            without a teacher see the same clips.
        draws_seed: seed of these draws; apart from `seed`, so that runs of several seeds share
            the answers.
        learned_step_sizes: with `quantize`, from `freeze_observers_epoch` on the scales of weights
            and activations are learned (LSQ, reference 59 of the paper) instead of kept.
        validate_every: epochs between validations; the best epoch is kept.
        average_decay: decay of the running average of weights that is validated and kept;
            0 keeps the weights themselves.
    """

    model: Literal["mobilenet3d", "i3d"] = "mobilenet3d"
    width_multiplier: float = 0.5
    quantize: bool = False
    weight_limit: int = LARGEST_EXACT_WEIGHT
    channels: Literal["rgb", "grey"] = "rgb"
    tie_input_channels: bool = False
    resize: int = 256
    crop: int = 224
    early_epochs: int = 0
    early_crop: int = 0
    epochs: int = 200
    clips_per_epoch: int = 0
    batch_size: int = 16
    accumulate: int = 1
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
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
    quantize_from_epoch: int = 0
    freeze_batch_norm_epoch: int = 150
    freeze_observers_epoch: int = 150
    flip_probability: float = 0.5
    brightness: float = 0.0
    contrast: float = 0.0
    window_probability: float = 0.0
    unfamiliar_share: float = 0.0
    beta: float = 0.0
    temperature: float = 3.0
    published_loss: bool = False
    stored_draws: int = 0
    draws_seed: int = 0
    learned_step_sizes: bool = False
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
        if self.learned_step_sizes and not self.quantize:
            raise ValueError("learned_step_sizes needs quantize; a float network has no steps")
        if self.quantize and self.quantize_from_epoch >= min(
            self.epochs, self.freeze_observers_epoch
        ):
            raise ValueError(
                "quantize_from_epoch must be below epochs and freeze_observers_epoch, not "
                f"{self.quantize_from_epoch}"
            )
        self._check_early_clips()
        for name in ("crop", "early_crop"):
            if self.unfamiliar_share and getattr(self, name) % 4:
                raise ValueError(
                    f"unfamiliar_share needs a {name} that can be divided by four, not "
                    f"{getattr(self, name)}"
                )
        _ = self.clip

    def _check_early_clips(self) -> None:
        if (self.early_epochs > 0) != (self.early_crop > 0):
            raise ValueError("early_epochs and early_crop go together; set both, or neither")
        if self.early_epochs >= self.epochs:
            raise ValueError(
                f"early_epochs must be below epochs ({self.epochs}), not {self.early_epochs}"
            )
        if self.early_crop > self.crop:
            raise ValueError(
                f"early_crop must be at most crop ({self.crop}), not {self.early_crop}"
            )
        if self.early_epochs and (self.beta or self.stored_draws or self.quantize):
            raise ValueError(
                "early_epochs work without a teacher, stored_draws and quantize only, for those "
                "want the same clips from the first epoch on"
            )

    @property
    def clip(self) -> ClipSpec:
        """What the network will see."""
        return ClipSpec(resize=self.resize, crop=self.crop, channels=self.channels)

    def clip_in(self, epoch: int) -> ClipSpec:
        """What it sees while it trains in this epoch."""
        if epoch >= self.early_epochs:
            return self.clip
        resize = round(self.resize * self.early_crop / self.crop)
        return ClipSpec(resize=resize, crop=self.early_crop, channels=self.channels)


# Ranges come from data, so that at least one epoch has to pass before they are frozen. The
# narrowest student keeps one channel in its first layer.
_RANGES: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("epochs", "batch_size", "validate_every", "freeze_observers_epoch"), 1, inf),
    (("accumulate",), 1, inf),
    (("clips_per_epoch", "freeze_batch_norm_epoch", "early_epochs", "early_crop"), 0, inf),
    (("stored_draws",), 0, 1000),
    (("quantize_from_epoch",), 0, inf),
    # What PyTorch takes for a seed.
    (("seed", "draws_seed"), 0, 2**63 - 1),
    (("width_multiplier",), 1 / 32, 8),
    (("weight_limit",), 1, 127),
    (("dropout", "label_smoothing", "momentum", "warmup"), 0, 1),
    (("flip_probability", "brightness", "contrast", "window_probability", "beta"), 0, 1),
    (("unfamiliar_share",), 0, 1),
)


def recipe_of_run(described: Mapping[str, Any]) -> Recipe:
    """The recipe in a run's recipe.json.

    Raises:
        ValueError: there is none, or it is none of this InCab.
    """
    try:
        settings = described["recipe"]
        return Recipe(**settings | {"milestones": tuple(settings["milestones"])})
    except (LookupError, TypeError) as error:
        raise ValueError(f"its recipe is none of this InCab: {error}") from error


def settings_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """A run's settings as its recipe.json has them; what is newer than the run does nothing."""
    newer = json.loads(json.dumps(asdict(Recipe())))
    return newer | described.get("recipe", {})


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


def read_recipe(
    path: Path, overrides: Mapping[str, Any] | None = None, profile: str | None = None
) -> Recipe:
    """Read a recipe file.

    The values of its table [profiles.<profile>] take the place of the top ones, and `overrides`,
    options of the command line, that of both.

    Raises:
        DataError: no such file or profile, no TOML, an unknown key (the nearest right one is
            named), or a value that makes no sense.
    """
    values, profiles = _read(path)
    if profile is not None:
        if profile not in profiles:
            there_are = f"it has {', '.join(profiles)}" if profiles else "it has none"
            raise DataError(f"{path} has no profile {profile!r}; {there_are}.")
        values |= profiles[profile]
    overrides = overrides or {}
    try:
        return Recipe(**{**values, **overrides})
    except ValueError as error:
        where = f"{path}, profile {profile}" if profile else f"{path}"
        raise DataError(f"{_blamed(error, where, overrides)}: {error}.") from error


def _blamed(error: ValueError, where: str, overrides: Mapping[str, Any]) -> str:
    """What set the settings that an error is about: options, the recipe, or both together."""
    words = re.findall(r"\w+", str(error))
    settings = [setting.name for setting in fields(Recipe) if setting.name in words]
    given = [name for name in settings if name in overrides]
    if not given:
        return where
    options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
    return options if given == settings else f"{where} with {options}"


_Values = dict[str, Any]


def _read(path: Path) -> tuple[_Values, dict[str, _Values]]:
    """The values of a recipe file and those of its profiles, by names that are known to exist."""
    try:
        text = read_ordinary(path, _LARGEST_BYTES).decode()
        if max(map(len, text.splitlines()), default=0) > _LONGEST_LINE:
            raise ValueError(f"a line has more than {_LONGEST_LINE} characters")
        values: _Values = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"Cannot read recipe {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        # TOML it may be: of a number of thousands of digits, or a thousand lists in each other.
        raise DataError(f"{path} is no valid TOML: {quoted(str(error), 200)}.") from error
    profiles: Any = values.pop("profiles", {})
    tables = profiles.values() if isinstance(profiles, dict) else [profiles]
    if not all(isinstance(table, dict) for table in tables):
        raise DataError(f"{path}: profiles are tables; write [profiles.quick] above the values.")
    return _checked(values, f"{path}"), {
        name: _checked(table, f"{path}, profile {name}") for name, table in profiles.items()
    }


def _checked(values: _Values, where: str) -> _Values:
    known = {field.name: field for field in fields(Recipe)}
    for key in values:
        if key not in known:
            nearest = get_close_matches(key[:80], [*known, "profiles"], 1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}."
            raise DataError(f"{where}: there is no setting {quoted(key)}; {hint}")
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
