"""The rows of the tables as runs of a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import training.reproduce.measure as measuring
import training.reproduce.reproduce as module
from training.config import Recipe
from training.experiments import Experiment
from training.post_training import quantize_after_training
from training.reproduce.reproduce import Settings

SETTINGS = Settings(
    splits=(0,),
    seeds=(0,),
    tables=(2,),
    profile=None,
    overrides={},
    command="incab-train reproduce",
    threads=1,
)


def use_tiny_rows(tiny: Recipe, patch: pytest.MonkeyPatch) -> None:
    """A narrow student plays the teacher."""
    row = replace(tiny, epochs=1, clips_per_epoch=8, learning_rate=0.02)
    rows = {
        "i3d": row,
        "mobilenet3d": row,
        "kd": replace(row, beta=0.5),
        "quantization": replace(row, quantize=True),
        "qd": replace(row, quantize=True, beta=0.5),
    }

    def recipe_of(
        experiment: Experiment, profile: str | None, overrides: Mapping[str, Any]
    ) -> Recipe:
        return replace(rows[experiment.recipe], **overrides)

    patch.setattr(module, "recipe_of", recipe_of)
    patch.setattr(module, "quantize_after_training", partial(quantize_after_training, clips=8))
    patch.setattr(measuring, "_TIMED_RUNS", 3)
