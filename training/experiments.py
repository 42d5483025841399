"""The rows of the paper's Tables I and II as data: which recipe, with what changed, taught by whom.

Table I varies one setting of the recipe `kd` at a time; its rows are that recipe with overrides
instead of a file each. Rows that share their settings share one experiment, so that it is trained
once: width 0.5 is T 5, T 3 is β 0.7, and β 0.9 is the row `kd` of Table II.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from training.config import Recipe, find_recipe, read_recipe

# What tells the rows apart: nobody may set it for all of them.
ROW_SETTINGS = frozenset({"seed", "model", "quantize", "beta", "temperature", "width_multiplier"})


@dataclass(frozen=True, slots=True)
class Experiment:
    """One row.

    Attributes:
        name: of the row and of its run's folder.
        recipe: name of a bundled recipe.
        overrides: settings that take the place of the recipe's.
        teacher: name of the experiment whose run teaches; None where nobody does.
    """

    name: str
    recipe: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    teacher: str | None = None


TABLE_2 = (
    Experiment("i3d", "i3d"),
    Experiment("mobilenet3d", "mobilenet3d"),
    Experiment("kd", "kd", teacher="i3d"),
    Experiment("quantization", "quantization"),
    Experiment("qd", "qd", teacher="i3d"),
)
_KD = TABLE_2[2]


@cache
def _distilled(width: float, temperature: float, beta: float) -> Experiment:
    if (width, temperature, beta) == (0.5, 3.0, 0.9):
        return _KD
    return Experiment(
        f"kd_width_{width}_t_{temperature:g}_beta_{beta}",
        "kd",
        {"width_multiplier": width, "temperature": temperature, "beta": beta},
        teacher="i3d",
    )


TABLE_1: dict[str, dict[float, Experiment]] = {
    "width_multiplier": {width: _distilled(width, 5.0, 0.7) for width in (0.5, 1.0, 1.5)},
    "temperature": {t: _distilled(0.5, t, 0.7) for t in (1.0, 3.0, 5.0, 7.0, 9.0)},
    "beta": {beta: _distilled(0.5, 3.0, beta) for beta in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)},
}

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (*TABLE_2, *(row for rows in TABLE_1.values() for row in rows.values()))
}


def recipe_of(
    experiment: Experiment, profile: str | None = None, overrides: Mapping[str, Any] | None = None
) -> Recipe:
    """The recipe of one row; `overrides` (a seed, say) take the place of the row's own settings.

    Raises:
        DataError: there is no such profile, or a value makes no sense.
    """
    settings = {**experiment.overrides, **(overrides or {})}
    return read_recipe(find_recipe(experiment.recipe), settings, profile)
