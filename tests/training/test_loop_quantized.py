"""Training with fake quantization: what is frozen from which epoch on (Algorithm 1)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from core.quantization import convert
from tests.training.runs import new_run
from training.config import Recipe
from training.loop import fit, train_epoch
from training.run import Run
from training.store import Store


def ranges(run: Run) -> list[float]:
    return [float(block.output_quantizer.largest) for block in run.model.blocks]


def statistics(run: Run) -> list[Tensor]:
    return [block.bn.running_mean.clone() for block in run.model.blocks]


def new_resumed(recipe: Recipe, store: Store, out: Path) -> Run:
    run = new_run(recipe, store, out)
    run.resume()
    return run


@pytest.mark.parametrize("observers_first", [False, True])
def test_statistics_and_ranges_stay_from_their_epoch_on(
    start: Path,
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    observers_first: bool,
) -> None:
    frozen = {"freeze_batch_norm_epoch": 0, "freeze_observers_epoch": 2}
    if observers_first:
        frozen = {"freeze_batch_norm_epoch": 2, "freeze_observers_epoch": 1}
    recipe = replace(tiny, quantize=True, epochs=4, **frozen)
    run = new_run(recipe, tiny_store, tmp_path / "int8", start=start)
    for epoch in range(3):
        run.epoch = epoch
        before = ranges(run), statistics(run)
        weight = run.model.classifier.weight.detach().clone()
        train_epoch(run, quiet)
        moved = [one != other for one, other in zip(before[0], ranges(run), strict=True)]
        shifted = [
            not torch.equal(one, other)
            for one, other in zip(before[1], statistics(run), strict=True)
        ]
        assert any(moved) == (epoch < recipe.freeze_observers_epoch)
        assert any(shifted) == (epoch < recipe.freeze_batch_norm_epoch)
        assert not torch.equal(weight, run.model.classifier.weight)
    convert(run.model)


def test_float_epochs_come_first_and_none_of_them_is_kept(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(
        tiny,
        quantize=True,
        quantize_from_epoch=2,
        epochs=3,
        dropout=0.0,
        freeze_batch_norm_epoch=3,
        freeze_observers_epoch=3,
        average_decay=0.9,
    )
    run = new_run(recipe, tiny_store, tmp_path / "run")
    plain = new_run(
        replace(recipe, quantize=False, quantize_from_epoch=0), tiny_store, tmp_path / "plain"
    )
    for _ in range(2):
        train_epoch(run, quiet)
        train_epoch(plain, quiet)
        assert ranges(run) == [0.0] * 27
    for block, layer in zip(run.model.blocks, plain.model.features, strict=True):
        torch.testing.assert_close(block.conv.weight, layer.conv.weight)
        torch.testing.assert_close(block.bn.running_var, layer.bn.running_var)
    run = new_run(recipe, tiny_store, tmp_path / "run")
    fit(run, quiet)
    assert ["val" in entry for entry in run.history] == [False, False, True]
    # The average of the ranges does not begin at the nothing of the float epochs.
    run.load_best()
    assert min(ranges(run)) > 0
    torch.testing.assert_close(
        run.model.blocks[0].output_quantizer.largest,
        torch.tensor(ranges(new_resumed(recipe, tiny_store, run.out))[0]),
        rtol=0.1,
        atol=0,
    )
    convert(run.model)
