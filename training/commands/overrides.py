"""Settings of a recipe as options of a command."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, field, make_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

from training.config import Recipe


def overrides(without: Collection[str] = (), besides: str = "") -> Any:
    """A dataclass of the fields of Recipe, each an option that is None unless it is given.

    `without` names fields that the command has no option for; `besides` says why in its help.
    """
    options: list[tuple[str, Any, Any]] = []
    for name, kind in get_type_hints(Recipe).items():
        if name in without:
            continue
        shown = tyro.conf.arg(metavar=_metavar(kind), help_behavior_hint="(default: the recipe's)")
        # A yes and a no are said alike: `--quantize False` undoes what the recipe says.
        said = tyro.conf.FlagConversionOff[kind | None]
        options.append((name, Annotated[said, shown], field(default=None)))
    made = make_dataclass("Overrides", options, frozen=True, kw_only=True)
    # tyro takes each option's help from here.
    made.__doc__ = (Recipe.__doc__ or "").replace(
        "One training run.",
        f"Override a setting of the recipe; without it the recipe decides.{besides}",
    )
    return made


def given_in(made: Any) -> dict[str, Any]:
    """The settings that were given, by name."""
    return {name: value for name, value in asdict(made).items() if value is not None}


def _metavar(kind: Any) -> str:
    if kind is bool or get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind) or (True, False))) + "}"
    return "[INT ...]" if get_origin(kind) is tuple else kind.__name__.upper()
