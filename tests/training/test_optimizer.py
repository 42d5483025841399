from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from training.config import Recipe
from training.loop import train_epoch
from training.optimizer import learning_rate, new_optimizer, shorten_gradient
from training.run import Run
from training.store import Store


def test_steps_fall_at_their_milestones() -> None:
    recipe = Recipe(schedule="steps", learning_rate=0.1, gamma=0.2, milestones=(70, 100, 150))

    def at(epoch: float) -> float:
        return learning_rate(recipe, epoch / recipe.epochs)

    assert at(0) == at(69.99) == 0.1
    assert at(70) == at(99.99) == pytest.approx(0.02)
    assert at(100) == pytest.approx(0.004)
    assert at(150) == at(199.99) == pytest.approx(0.0008)


def test_a_milestone_is_the_first_step_of_its_epoch() -> None:
    for epochs in (7, 49, 98, 103):  # 1 / 49 * 49 is below 1 in floating point
        for milestone in range(1, epochs):
            recipe = replace(Recipe(), epochs=epochs, milestones=(milestone,))
            assert learning_rate(recipe, (milestone + 0 / 7) / epochs) < recipe.learning_rate
            assert learning_rate(recipe, (milestone - 1 + 6 / 7) / epochs) == recipe.learning_rate


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 1.0])
def test_one_cycle_rises_and_falls_to_zero(warmup: float) -> None:
    recipe = replace(Recipe(), schedule="one-cycle", learning_rate=0.4, warmup=warmup)
    progress = np.linspace(0, 1, 1001)[:-1]
    rates = np.array([learning_rate(recipe, float(p)) for p in progress])
    assert rates.max() == pytest.approx(0.4, rel=0.01)
    assert (rates > 0).all()
    rising = progress < warmup
    assert (np.diff(rates[rising]) > 0).all()
    assert (np.diff(rates[~rising]) < 0).all()
    if warmup:
        assert rates[0] == pytest.approx(0.02)
    if warmup < 1:
        assert rates[-1] < 0.001
        assert learning_rate(recipe, (1 + warmup) / 2) == pytest.approx(0.2)


@pytest.mark.parametrize("changes", [{"momentum": 0.0, "nesterov": False}, {"optimizer": "adamw"}])
def test_other_ways_to_step(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, changes: dict
) -> None:
    run = Run(replace(tiny, **changes), tiny_store, tmp_path / "run", threads=1)
    before = run.model.classifier.weight.detach().clone()
    train_epoch(run, quiet)
    assert not torch.equal(run.model.classifier.weight, before)
    decays = {group["weight_decay"]: group["params"] for group in run.optimizer.param_groups}
    assert set(decays) == {tiny.weight_decay, 0.0}
    assert all(parameter.dim() == 1 for parameter in decays[0.0])
    assert all(parameter.dim() > 1 for parameter in decays[tiny.weight_decay])


def test_the_papers_optimizer_is_the_default() -> None:
    """Plain momentum, decay on everything, no gradient shortened: its text says nothing else."""
    model = torch.nn.Linear(2, 2)
    (group,) = new_optimizer(model, Recipe()).param_groups
    assert len(group["params"]) == 2
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.9, 1e-4, False)
    assert Recipe().largest_gradient_norm == 0
    (group,) = new_optimizer(model, Recipe(nesterov=True)).param_groups
    assert group["nesterov"]


@pytest.mark.parametrize(("largest", "shortened"), [(0.0, False), (0.001, True)])
def test_a_gradient_is_shortened_where_the_recipe_says_so(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    largest: float,
    shortened: bool,
) -> None:
    recipe = replace(tiny, largest_gradient_norm=largest)
    run = Run(recipe, tiny_store, tmp_path / "run", threads=1)
    norms: list[float] = []

    def measure(optimizer, args, kwargs) -> None:
        gradients = [p.grad.flatten() for p in run.model.parameters() if p.grad is not None]
        norms.append(float(torch.cat(gradients).norm()))

    run.optimizer.register_step_pre_hook(measure)
    train_epoch(run, quiet)
    assert all((norm <= 0.0011) == shortened for norm in norms)


def test_learned_step_sizes_keep_their_gradient() -> None:
    model = torch.nn.Linear(2, 1, bias=False)
    model.log_scale = torch.nn.Parameter(torch.zeros(1))
    model.weight.grad, model.log_scale.grad = torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])
    assert shorten_gradient(model, 1.5) == pytest.approx(5.0)
    assert model.weight.grad.tolist() == [[pytest.approx(1.5), 0.0]]
    assert model.log_scale.grad.tolist() == [4.0]
    model.log_scale.grad.fill_(float("nan"))
    assert not shorten_gradient(model, 1.5) < float("inf")
