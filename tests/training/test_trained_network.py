from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from core.engines import load_engine
from core.errors import DataError
from core.modelfile import load_model, save_model
from training.checkpoint import (
    BEST_FILE,
    MODEL_FILE,
    load,
    read_description,
    write_description,
)
from training.commands.agree import Agree
from training.config import Recipe
from training.export import export_run
from training.loop import fit
from training.run import Run
from training.store import Store
from training.trained_network import TrainedNetwork

LEARNED = {"quantize": True, "learned_step_sizes": True, "freeze_observers_epoch": 1}


@pytest.mark.parametrize("settings", [{}, {"quantize": True}, LEARNED])
def test_what_was_trained_is_what_the_file_holds(
    tiny: Recipe, tiny_store: Store, start: Path, tmp_path: Path, quiet: Console, settings: dict
) -> None:
    out = start
    if settings:
        out = tmp_path / "int8"
        short = {"epochs": 2, "clips_per_epoch": 32, "schedule": "steps", "learning_rate": 1e-3}
        recipe = replace(tiny, **short, **settings)
        fit(run := Run(recipe, tiny_store, out, start=start, threads=1), quiet)
        export_run(run, 1)
    model = load_model(out / MODEL_FILE)
    trained = TrainedNetwork(out, len(model.labels))
    reference = load_engine(model, "reference")
    random = np.random.default_rng(0)
    clips = random.integers(0, 256, (20, *model.clip.clip_shape), np.uint8)
    expected = np.stack([reference.logits(clip) for clip in clips])
    got = np.stack([trained.logits(clip) for clip in clips])
    assert np.abs(got - expected).max() <= 1e-4 * np.ptp(expected)


def test_a_run_beside_its_file_agrees_whole(start: Path, write_video, capsys) -> None:
    random = np.random.default_rng(1)
    images = [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(100)]
    video = write_video(start / "noise.mp4", images)
    command = Agree(
        models=(start / MODEL_FILE,),
        video=video,
        clips=4,
        threads=1,
        run_folder=start,
    )
    command.run(Console())
    said = capsys.readouterr().out
    assert "model.safetensors on trained: same activity on 100.00% of 4 clips" in said


def test_a_model_of_other_clips_is_not_of_that_run(start: Path) -> None:
    path = start / MODEL_FILE
    model = load_model(path)
    other = start / "other.safetensors"
    save_model(replace(model, clip=replace(model.clip, span_s=1.5)), other)
    command = Agree(models=(other,), video=path, run_folder=start)
    with pytest.raises(DataError, match="give the model file that was made of this run"):
        command.run(Console())


def test_weights_of_another_network_are_refused(start: Path) -> None:
    weights = load(start / BEST_FILE)
    name = next(iter(weights))
    weights[name] = torch.zeros(3)
    torch.save(weights, start / BEST_FILE)
    with pytest.raises(DataError, match="does not fit the recipe beside it"):
        TrainedNetwork(start, 34)


@pytest.mark.parametrize("recipe", [{}, None, {"dropuot": 0.2}])
def test_a_recipe_is_needed(start: Path, recipe: object) -> None:
    described = read_description(start)
    write_description(start, described | {"recipe": recipe})
    with pytest.raises(DataError, match="train it again"):
        TrainedNetwork(start, 34)


def test_a_run_belongs_to_one_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the one model"):
        Agree(models=(tmp_path, tmp_path), video=tmp_path, run_folder=tmp_path)
