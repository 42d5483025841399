"""Training: a run and its steps, what goes wrong in them, and the average that is kept."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

import training.loop as loop
from core.errors import DataError
from tests.training.runs import assert_same_state, log_of, new_run, weights_in
from training.config import Recipe
from training.dataset import BalancedSampler, ChunkDataset
from training.hardware import as_input
from training.loop import fit, train_epoch
from training.models import new_model
from training.run import Run
from training.store import Store
from training.validation import validate


def watch_clips(monkeypatch: pytest.MonkeyPatch, see: Callable[[Tensor], object]) -> None:
    """Show each piece that is trained on."""

    def seen(clips: Tensor, device: torch.device) -> Tensor:
        see(clips)
        return as_input(clips)

    monkeypatch.setattr(loop, "as_input", seen)


# A run


def test_training_lowers_the_loss_and_learns(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, learning_rate=0.1, clips_per_epoch=60, dropout=0.0)
    run = new_run(recipe, tiny_store, tmp_path / "run")
    train_clips = ChunkDataset(tiny_store, tiny_store.subset(0, "train"), run.spec)
    before = validate(run.model, train_clips, 4)
    assert before["cross_entropy"] == pytest.approx(np.log(34), rel=0.1)
    first = train_epoch(run, quiet)
    after = validate(run.model, train_clips, 4)
    assert after["cross_entropy"] < before["cross_entropy"] - 0.1
    second = train_epoch(run, quiet)
    assert second["loss"] < first["loss"] - 0.3
    assert second["train_top1"] > first["train_top1"]
    assert first["clips_per_s"] > 0
    assert 0 <= first["waiting_share"] <= 1


def test_a_run_leaves_what_its_docstring_says(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, epochs=3, validate_every=2)
    run = new_run(recipe, tiny_store, tmp_path / "a" / "run", split=0)
    fit(run, quiet)
    files = {path.name for path in run.out.iterdir()}
    assert files == {"recipe.json", "log.jsonl", "checkpoint.pt", "best.pt"}
    log = log_of(run)
    assert [entry["epoch"] for entry in log] == [0, 1, 2]
    assert ["val" in entry for entry in log] == [False, True, True]  # the last one always
    described = json.loads((run.out / "recipe.json").read_text())
    assert Recipe(**described["recipe"] | {"milestones": recipe.milestones}) == recipe
    assert described["split"] == 0
    assert described["start"] is None
    assert described["versions"]["torch"] == torch.__version__


def test_the_best_epoch_is_kept(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = iter([0.3, 0.6, 0.2])
    states: list[dict[str, Tensor]] = []

    def judged(model, *given) -> dict[str, float]:
        states.append({name: value.clone() for name, value in model.state_dict().items()})
        return validate(model, *given) | {"mean_per_class_accuracy": next(scores)}

    monkeypatch.setattr(loop, "validate", judged)
    run = new_run(replace(tiny, epochs=3), tiny_store, tmp_path / "run")
    fit(run, quiet)
    assert_same_state(weights_in(run.out / "best.pt"), states[1])
    run.load_best()
    assert_same_state(run.model.state_dict(), states[1])
    assert not run.model.training


def test_the_same_seed_gives_the_same_weights(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    def trained(name: str, seed: int) -> dict[str, Tensor]:
        run = new_run(replace(tiny, epochs=1, seed=seed), tiny_store, tmp_path / name)
        torch.rand(3)
        torch.manual_seed(seed)
        fit(run, quiet)
        return weights_in(run.out / "best.pt")

    one = trained("one", 0)
    assert_same_state(one, trained("two", 0))
    assert not torch.equal(one["classifier.weight"], trained("three", 1)["classifier.weight"])


def test_tied_channels_stay_tied_on_grey_pictures(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    loose = new_model(tiny, 34).features[0].conv.weight
    assert not torch.equal(loose[:, 0], loose[:, 1])
    run = new_run(replace(tiny, tie_input_channels=True, epochs=1), tiny_store, tmp_path / "run")
    before = run.model.features[0].conv.weight.detach().clone()
    fit(run, quiet)
    after = run.model.features[0].conv.weight.detach()
    assert not torch.equal(before, after)
    assert torch.allclose(after[:, 0], after[:, 1], atol=1e-6)
    assert torch.allclose(after[:, 0], after[:, 2], atol=1e-6)


# When it goes wrong


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"quantize": True, "quantize_from_epoch": 0, "freeze_observers_epoch": 5},
        {"quantize": True, "quantize_from_epoch": 0, "learned_step_sizes": True},
    ],
    ids=["float", "observing", "learning scales"],
)
def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_last_good_epoch(
    changes: dict[str, object],
    value: float,
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = replace(tiny, epochs=2, **changes)
    run = new_run(recipe, tiny_store, tmp_path / "run")
    calls = 0

    def broken_light(clips: Tensor, device: torch.device) -> Tensor:
        nonlocal calls
        calls += torch.is_grad_enabled()
        return as_input(clips) * (value if calls == 5 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "as_input", broken_light)
        with pytest.raises(
            DataError,
            match=r"(nan|inf) in epoch 1, batch 1 \(clips vp\d/run1.*and 1 more\);.*last good",
        ) as refusal:
            fit(run, quiet)
    assert "another --out with a lower --learning-rate" in str(refusal.value)
    again = new_run(recipe, tiny_store, run.out)
    again.resume()
    assert again.epoch == 1
    assert all(value.isfinite().all() for value in again.model.state_dict().values())
    fit(again, quiet)


def test_a_gradient_that_is_no_number_never_reaches_the_weights(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    run = new_run(tiny, tiny_store, tmp_path / "run")
    run.model.classifier.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = run.model.classifier.weight.detach().clone()
    with pytest.raises(DataError, match=r"epoch 0, batch 0 .*keeps the last good state"):
        fit(run, quiet)
    assert torch.equal(run.model.classifier.weight, before)
    again = new_run(tiny, tiny_store, run.out)
    again.resume()
    assert torch.equal(again.model.classifier.weight, before)


# Steps


def test_each_epoch_has_its_own_draws(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They follow the number of the epoch, so that a resumed run sees what it would have seen."""
    shown: list[Tensor] = []
    monkeypatch.setattr(
        loop, "as_input", lambda clips, device: shown.append(clips) or as_input(clips)
    )
    run = new_run(tiny, tiny_store, tmp_path)
    run.epoch = 3
    train_epoch(run, Console(quiet=True))

    data = ChunkDataset(tiny_store, run.train_data.positions, run.spec, run.train_data.augmentation)
    sampler = BalancedSampler(data.targets, len(data), tiny.seed)
    data.epoch = sampler.epoch = 3
    expected = torch.stack([data[pair][0] for pair in sampler])
    assert torch.equal(torch.cat(shown), expected)
    data.epoch = sampler.epoch = 2
    assert not torch.equal(torch.stack([data[pair][0] for pair in sampler]), expected)


def test_an_incomplete_last_batch_is_left_out(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(
        loop, "as_input", lambda clips, device: sizes.append(len(clips)) or as_input(clips)
    )
    train_epoch(new_run(replace(tiny, batch_size=5), tiny_store, tmp_path), Console(quiet=True))
    assert sizes == [5, 5]


def test_each_step_gets_the_rate_of_its_place(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, monkeypatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(
        loop, "learning_rate", lambda recipe, progress: asked.append(progress) or 0.01
    )
    fit(new_run(tiny, tiny_store, tmp_path), quiet)
    assert asked == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])


def test_pieces_of_a_step_add_up_to_the_step(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """Without batch statistics, which see less of a piece."""
    ends = []
    for accumulate in (1, 2):
        recipe = replace(tiny, accumulate=accumulate, dropout=0.0, epochs=1)
        run = new_run(recipe, tiny_store, tmp_path / str(accumulate))
        for module in run.model.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.momentum = 0.0
                module.train = lambda mode, module=module: module  # type: ignore[method-assign]
                module.training = False
        figures = train_epoch(run, quiet)
        ends.append((run.model.state_dict(), figures["loss"]))
    (one, loss), (two, other_loss) = ends
    assert loss == pytest.approx(other_loss, rel=1e-5)
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-6)


def test_helpers_that_prepare_clips_change_nothing(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    ends = []
    for workers in (0, 1):
        recipe = replace(tiny, epochs=1, brightness=0.1)
        run = new_run(recipe, tiny_store, tmp_path / str(workers), workers=workers)
        train_epoch(run, quiet)
        ends.append(run.model.state_dict())
    assert_same_state(*ends)


def test_the_published_loss_is_asked_for_by_the_recipe(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """Of probabilities, 34 classes are told apart by at most e to 1: the loss stays near chance."""
    losses = {}
    for published in (False, True):
        recipe = replace(tiny, published_loss=published, learning_rate=0.1, clips_per_epoch=60)
        run = new_run(recipe, tiny_store, tmp_path / str(published))
        losses[published] = [train_epoch(run, quiet)["loss"] for _ in range(2)][-1]
    least = math.log(math.e + 33) - 1
    assert losses[True] >= least
    assert losses[False] < least


def test_sixteen_bits_train_too(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        recipe = replace(tiny, precision=precision, dropout=0.0)
        run = new_run(recipe, tiny_store, tmp_path / precision)
        losses[precision] = train_epoch(run, quiet)["loss"]
        assert all(parameter.dtype == torch.float32 for parameter in run.model.parameters())
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)


def test_early_epochs_see_smaller_clips(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, monkeypatch
) -> None:
    sizes: list[int] = []
    watch_clips(monkeypatch, lambda clips: sizes.append(clips.shape[-1]))
    recipe = replace(tiny, epochs=2, early_epochs=1, early_crop=16)
    run = new_run(recipe, tiny_store, tmp_path / "run", in_memory=True)
    fit(run, quiet)
    assert sizes == [16] * 3 + [32] * 3
    assert run.spec.crop == 32


# Waiting for frames


@pytest.mark.parametrize(
    ("shares", "in_memory", "advised"),
    [
        ((0.5, 0.4, 0.3, 0.3), False, 1),
        ((0.5, 0.1, 0.3, 0.05), False, 0),  # never twice in a row
        ((0.5, 0.05, 0.05, 0.4), False, 0),
        ((0.5, 0.4, 0.3, 0.3), True, 0),
    ],
)
def test_who_waits_for_frames_is_told_once_what_to_do(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shares: tuple[float, ...],
    in_memory: bool,
    advised: int,
) -> None:
    waits = iter(shares)

    def epoch(run: Run, *_: object) -> dict[str, float]:
        run.epoch += 1
        return {"loss": 1, "train_top1": 0, "clips_per_s": 1, "waiting_share": next(waits)}

    monkeypatch.setattr(loop, "train_epoch", epoch)
    said = io.StringIO()
    run = new_run(replace(tiny, epochs=4), tiny_store, tmp_path / "run", in_memory=in_memory)
    fit(run, Console(file=said))
    assert said.getvalue().count("--in-memory") == advised
    if advised:
        assert "Waiting for clips took 40% of the time" in said.getvalue()


# The running average of weights


def test_the_average_is_what_is_validated_and_kept(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    decay = 0.75
    recipe = replace(tiny, epochs=1, average_decay=decay)
    run = new_run(recipe, tiny_store, tmp_path / "run")
    steps: list[Tensor] = []
    means: list[Tensor] = []

    def remember(optimizer, args, kwargs) -> None:
        steps.append(run.model.classifier.weight.detach().clone())
        means.append(run.model.features[0].bn.running_mean.clone())

    run.optimizer.register_step_post_hook(remember)
    fit(run, quiet)
    assert len(steps) == 3
    for seen, name in ((steps, "classifier.weight"), (means, "features.0.bn.running_mean")):
        expected = seen[0]
        for weight in seen[1:]:
            expected = decay * expected + (1 - decay) * weight
        assert torch.allclose(weights_in(run.out / "best.pt")[name], expected, atol=1e-6)
    assert run.kept is not run.model
    assert new_run(tiny, tiny_store, tmp_path).kept is not None
    plain = new_run(tiny, tiny_store, tmp_path / "plain")
    assert plain.kept is plain.model
