from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

import training.loop as loop
from core.clip import ClipSpec
from core.errors import DataError
from core.quantization import QatMobileNet3D, convert, fuse
from training.config import Recipe
from training.dataset import BalancedSampler, ChunkDataset
from training.loop import Run, as_input, keep_freed_memory, learning_rate, new_student, validate
from training.store import Store, prepare

# The machine is shared: two threads that wait for each other take twenty times as long as one.
new_run = partial(Run, threads=1)


@pytest.fixture(scope="session")
def finished(tiny_store: Store, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished float run; nobody changes it."""
    run = new_run(
        replace(tiny, epochs=1, clips_per_epoch=32), tiny_store, tmp_path_factory.mktemp("f") / "a"
    )
    run.fit(Console(quiet=True))
    return run.out


@pytest.fixture
def start(finished: Path, tmp_path: Path) -> Path:
    """A finished float run of the test's own."""
    return shutil.copytree(finished, tmp_path / "start")


def log_of(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.out / "log.jsonl").read_text().splitlines()]


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def weights_in(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)


def interrupt_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Somebody presses Ctrl-C in that training step."""
    done = 0

    def counting(recipe: Recipe, progress: float) -> float:
        nonlocal done
        done += 1
        if done > 2 * steps:  # asked once for each of the two groups of parameters
            raise KeyboardInterrupt
        return learning_rate(recipe, progress)

    monkeypatch.setattr(loop, "learning_rate", counting)


# A run


def test_training_lowers_the_loss_and_learns(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, learning_rate=0.1, clips_per_epoch=60, dropout=0.0)
    run = new_run(recipe, tiny_store, tmp_path / "run")
    train_clips = ChunkDataset(tiny_store, tiny_store.subset(0, "train"), run.spec)
    before = validate(run.model, train_clips, 4)
    assert before["cross_entropy"] == pytest.approx(np.log(34), rel=0.1)
    first = run.train_epoch(quiet)
    after = validate(run.model, train_clips, 4)
    assert after["cross_entropy"] < before["cross_entropy"] - 0.1
    run.epoch += 1
    second = run.train_epoch(quiet)
    assert second["loss"] < first["loss"] - 0.3
    assert second["train_top1"] > first["train_top1"]
    assert first["clips_per_s"] > 0
    assert 0 <= first["waiting_share"] <= 1


def test_a_run_leaves_what_its_docstring_says(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, epochs=3, validate_every=2)
    run = new_run(recipe, tiny_store, tmp_path / "a" / "run", split=0)
    run.fit(quiet)
    files = {path.name for path in run.out.iterdir()}
    assert files == {"recipe.json", "log.jsonl", "checkpoint.pt", "best.pt"}
    log = log_of(run)
    assert [entry["epoch"] for entry in log] == [0, 1, 2]
    assert ["val" in entry for entry in log] == [False, True, True]  # the last one always
    described = json.loads((run.out / "recipe.json").read_text())
    assert Recipe(**described["recipe"] | {"milestones": recipe.milestones}) == recipe
    assert described["split"] == 0
    assert described["start"] is None
    assert described["torch"] == torch.__version__


def test_the_best_epoch_is_kept(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = iter([0.3, 0.6, 0.2])
    states: list[dict[str, Tensor]] = []

    def judged(model, data, batch_size) -> dict[str, float]:
        states.append({name: value.clone() for name, value in model.state_dict().items()})
        return validate(model, data, batch_size) | {"mean_per_class_accuracy": next(scores)}

    monkeypatch.setattr(loop, "validate", judged)
    run = new_run(replace(tiny, epochs=3), tiny_store, tmp_path / "run")
    run.fit(quiet)
    assert_same_state(weights_in(run.out / "best.pt"), states[1])
    run.load_best()
    assert_same_state(run.model.state_dict(), states[1])
    assert not run.model.training


@pytest.mark.parametrize("changes", [{"momentum": 0.0}, {"optimizer": "adamw"}])
def test_other_ways_to_step(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, changes: dict
) -> None:
    run = new_run(replace(tiny, **changes), tiny_store, tmp_path / "run")
    before = run.model.classifier.weight.detach().clone()
    run.train_epoch(quiet)
    assert not torch.equal(run.model.classifier.weight, before)
    decays = {group["weight_decay"]: group["params"] for group in run.optimizer.param_groups}
    assert set(decays) == {tiny.weight_decay, 0.0}
    assert all(parameter.dim() == 1 for parameter in decays[0.0])
    assert all(parameter.dim() > 1 for parameter in decays[tiny.weight_decay])


def test_the_same_seed_gives_the_same_weights(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    def trained(name: str, seed: int) -> dict[str, Tensor]:
        run = new_run(replace(tiny, epochs=1, seed=seed), tiny_store, tmp_path / name)
        torch.rand(3)
        torch.manual_seed(seed)
        run.fit(quiet)
        return weights_in(run.out / "best.pt")

    one = trained("one", 0)
    assert_same_state(one, trained("two", 0))
    assert not torch.equal(one["classifier.weight"], trained("three", 1)["classifier.weight"])


def test_validation_is_pure(tiny_store: Store, tiny: Recipe, tmp_path: Path) -> None:
    """Neither dropout nor batch statistics nor ranges move, whatever the batch size."""
    for recipe in (tiny, replace(tiny, quantize=True)):
        run = new_run(replace(recipe, dropout=0.9), tiny_store, tmp_path / "run")
        run.train_epoch(Console(quiet=True))
        before = {name: value.clone() for name, value in run.model.state_dict().items()}
        figures = [validate(run.model, run.val_data, batch) for batch in (1, 3, 4)]
        assert_same_state(run.model.state_dict(), before)
        for other in figures[1:]:
            assert other == pytest.approx(figures[0], rel=1e-4)


def test_validation_counts_by_class(tiny_store: Store) -> None:
    """Against a model that always says "eating": half of the clips, one of two classes."""
    data = ChunkDataset(tiny_store, tiny_store.subset(0, "val"), ClipSpec(resize=36, crop=32))
    # One more "eating" clip makes the classes unequal.
    data.positions = (*data.positions, data.positions[0])
    eating = tiny_store.labels.index("eating")

    class Always(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[1:] == (3, 16, 32, 32)
            assert x.dtype == torch.float32
            assert 0 <= float(x.min()) <= float(x.max()) <= 1
            logits = torch.zeros(len(x), 34)
            logits[:, eating] = 5
            return logits

    figures = validate(Always(), data, 2)
    assert figures["top1"] == pytest.approx(3 / 5)
    assert figures["mean_per_class_accuracy"] == pytest.approx(1 / 2)
    log_total = np.log(np.exp(5) + 33)
    assert figures["cross_entropy"] == pytest.approx((3 * (log_total - 5) + 2 * log_total) / 5)


def test_pixels_become_zero_to_one() -> None:
    clips = torch.arange(256, dtype=torch.uint8).reshape(2, 2, 2, 4, 8)
    x = as_input(clips)
    assert x.shape == clips.shape
    assert torch.equal((x * 255).round().to(torch.uint8), clips)
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)


def test_tied_channels_stay_tied_on_grey_pictures(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    loose = new_student(tiny, 34).features[0].conv.weight
    assert not torch.equal(loose[:, 0], loose[:, 1])
    run = new_run(replace(tiny, tie_input_channels=True, epochs=1), tiny_store, tmp_path / "run")
    before = run.model.features[0].conv.weight.detach().clone()
    run.fit(quiet)
    after = run.model.features[0].conv.weight.detach()
    assert not torch.equal(before, after)
    assert torch.allclose(after[:, 0], after[:, 1], atol=1e-6)
    assert torch.allclose(after[:, 0], after[:, 2], atol=1e-6)


# Going on


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"average_decay": 0.8}, id="float, averaged weights"),
        pytest.param({"optimizer": "adamw", "learning_rate": 0.003}, id="float, AdamW"),
        pytest.param({"quantize": True, "schedule": "steps", "milestones": (1,)}, id="int8"),
    ],
)
def test_an_interrupted_run_goes_on_to_bit_identical_weights(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict,
) -> None:
    light = {"flip_probability": 0.5, "brightness": 0.1, "contrast": 0.1}
    recipe = replace(tiny, epochs=2, **light, **changes)
    whole = new_run(recipe, tiny_store, tmp_path / "whole")
    whole.fit(quiet)

    out = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 5)  # three steps an epoch: in the middle of the second
        with pytest.raises(KeyboardInterrupt):
            new_run(recipe, tiny_store, out).fit(quiet)
    torch.rand(17)
    again = new_run(recipe, tiny_store, out)
    again.resume()
    assert again.epoch == 1
    again.fit(quiet)

    for name in ("best.pt", "checkpoint.pt"):
        one, other = (weights_in(run.out / name) for run in (whole, again))
        if name == "best.pt":
            assert_same_state(one, other)
            continue
        assert_same_state(one["model"], other["model"])
        assert torch.equal(one["random"], other["random"])
        assert (one["epoch"], one["best_score"]) == (other["epoch"], other["best_score"])
        if one["average"] is not None:
            assert_same_state(one["average"], other["average"])
        moments = [kept["optimizer"]["state"] for kept in (one, other)]
        assert moments[0]
        for number, state in moments[0].items():
            assert_same_state(state, moments[1][number])
    losses = [[entry["loss"] for entry in log_of(run)] for run in (whole, again)]
    assert losses[0] == losses[1]


def test_a_finished_run_has_nothing_to_go_on_with(
    start: Path, tiny_store: Store, tiny: Recipe, quiet: Console
) -> None:
    before = weights_in(start / "best.pt")
    run = new_run(replace(tiny, epochs=1, clips_per_epoch=32), tiny_store, start)
    run.resume()
    run.fit(quiet)
    assert_same_state(weights_in(start / "best.pt"), before)
    assert len(log_of(run)) == 1


def test_more_epochs_can_be_added(
    start: Path, tiny_store: Store, tiny: Recipe, quiet: Console
) -> None:
    run = new_run(replace(tiny, epochs=2, clips_per_epoch=32), tiny_store, start)
    run.resume()
    run.fit(quiet)
    assert [entry["epoch"] for entry in log_of(run)] == [0, 1]


def test_a_resumed_run_keeps_its_best_epoch(
    start: Path, tiny_store: Store, tiny: Recipe, quiet: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = {"mean_per_class_accuracy": -0.5, "top1": 0.0, "cross_entropy": 9.0}
    monkeypatch.setattr(loop, "validate", lambda *given: worse)
    before = weights_in(start / "best.pt")
    run = new_run(replace(tiny, epochs=2, clips_per_epoch=32), tiny_store, start)
    run.resume()
    run.fit(quiet)
    assert_same_state(weights_in(start / "best.pt"), before)


def test_there_must_be_something_to_go_on_with(
    tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no checkpoint to resume"):
        new_run(tiny, tiny_store, tmp_path).resume()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width_multiplier": 0.5}, "width_multiplier"),
        ({"learning_rate": 0.01}, "learning_rate"),
        ({"seed": 5}, "seed"),
        ({"quantize": True}, "quantize"),
    ],
)
def test_another_recipe_is_refused(
    start: Path, tiny_store: Store, tiny: Recipe, changes: dict, named: str
) -> None:
    """The file would claim a training that did not happen."""
    run = new_run(replace(tiny, epochs=1, clips_per_epoch=32, **changes), tiny_store, start)
    with pytest.raises(DataError, match=f"{named}.*--out"):
        run.resume()


def test_other_people_or_another_start_are_refused(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """Going on with another split would train on people whom the first one tests."""
    recipe = replace(tiny, epochs=1, clips_per_epoch=32)
    with pytest.raises(DataError, match="split"):
        new_run(recipe, tiny_store, start, split=1).resume()

    quantized = replace(recipe, quantize=True, clips_per_epoch=4)
    run = new_run(quantized, tiny_store, tmp_path / "int8", start=start)
    run.fit(quiet)
    with pytest.raises(DataError, match="start"):
        new_run(quantized, tiny_store, run.out).resume()
    new_run(quantized, tiny_store, run.out, start=start.parent / "." / start.name).resume()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None], ids=["empty", "text", "cut"])
def test_a_damaged_checkpoint_is_named(
    start: Path, tiny_store: Store, tiny: Recipe, content: bytes | None
) -> None:
    for name, use in (
        (
            "checkpoint.pt",
            lambda: new_run(
                replace(tiny, epochs=1, clips_per_epoch=32), tiny_store, start
            ).resume(),
        ),
        ("best.pt", lambda: new_run(tiny, tiny_store, start.parent / "next", start=start)),
    ):
        path = start / name
        path.write_bytes(path.read_bytes()[:5000] if content is None else content)
        with pytest.raises(DataError, match=f"{name}.* damaged"):
            use()


# When it goes wrong


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_last_good_epoch(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = replace(tiny, epochs=2)
    run = new_run(recipe, tiny_store, tmp_path / "run")
    calls = 0

    def broken_light(clips: Tensor) -> Tensor:
        nonlocal calls
        calls += torch.is_grad_enabled()
        return as_input(clips) * (float("nan") if calls == 5 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "as_input", broken_light)
        with pytest.raises(
            DataError, match=r"nan in epoch 1, batch 1;.*last good epoch"
        ) as refusal:
            run.fit(quiet)
    assert "learning_rate" in str(refusal.value)
    again = new_run(recipe, tiny_store, run.out)
    again.resume()
    assert again.epoch == 1
    assert all(value.isfinite().all() for value in again.model.state_dict().values())
    again.fit(quiet)


def test_a_gradient_that_is_no_number_never_reaches_the_weights(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    run = new_run(tiny, tiny_store, tmp_path / "run")
    run.model.classifier.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = run.model.classifier.weight.detach().clone()
    with pytest.raises(DataError, match="epoch 0, batch 0"):
        run.fit(quiet)
    assert torch.equal(run.model.classifier.weight, before)


def test_people_to_train_and_to_validate_on_are_needed(
    tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"split 2 .*no train"):
        new_run(tiny, tiny_store, tmp_path, split=2)
    splits = {0: tiny_store.splits[0] | {"val": ()}}
    with pytest.raises(DataError, match=r"split 0 .*no val"):
        new_run(tiny, replace(tiny_store, splits=splits), tmp_path)


def test_an_epoch_smaller_than_a_batch_is_refused(
    tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    """It would make no step at all, and keep an untrained student."""
    with pytest.raises(DataError, match="batch_size"):
        new_run(replace(tiny, batch_size=13), tiny_store, tmp_path)
    with pytest.raises(DataError, match="batch_size"):
        new_run(replace(tiny, clips_per_epoch=3), tiny_store, tmp_path)
    new_run(replace(tiny, batch_size=12), tiny_store, tmp_path)


def test_each_epoch_has_its_own_draws(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They follow the number of the epoch, so that a resumed run sees what it would have seen."""
    shown: list[Tensor] = []
    monkeypatch.setattr(loop, "as_input", lambda clips: shown.append(clips) or as_input(clips))
    run = new_run(tiny, tiny_store, tmp_path)
    run.epoch = 3
    run.train_epoch(Console(quiet=True))

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
    monkeypatch.setattr(loop, "as_input", lambda clips: sizes.append(len(clips)) or as_input(clips))
    new_run(replace(tiny, batch_size=5), tiny_store, tmp_path).train_epoch(Console(quiet=True))
    assert sizes == [5, 5]


@pytest.mark.parametrize("error", [TypeError, AttributeError, OSError])
def test_other_systems_keep_their_memory_as_they_like(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """ctypes.CDLL(None) is a TypeError on Windows; macOS and musl have no mallopt."""

    def missing(name: None) -> None:
        raise error

    monkeypatch.setattr(loop.ctypes, "CDLL", missing)
    keep_freed_memory()


# Learning rate


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


def test_each_step_gets_the_rate_of_its_place(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, monkeypatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(
        loop, "learning_rate", lambda recipe, progress: asked.append(progress) or 0.01
    )
    new_run(tiny, tiny_store, tmp_path).fit(quiet)
    assert asked[::2] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])


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
    run.fit(quiet)
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


# Quantization (Algorithm 1)


def test_the_twin_starts_from_exactly_the_float_student(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    run = new_run(replace(tiny, quantize=True), tiny_store, tmp_path / "int8", start=start)
    student = new_student(tiny, 34)
    student.load_state_dict(weights_in(start / "best.pt"))
    for mine, theirs in zip(
        run.fp32_network.convolutions, fuse(student.eval()).convolutions, strict=True
    ):
        assert np.array_equal(mine.weight, theirs.weight)
        assert np.array_equal(mine.bias, theirs.bias)
    assert isinstance(run.model, QatMobileNet3D)
    assert torch.equal(run.model.classifier.weight, student.classifier.weight)
    # Training the twin leaves what it came from alone.
    before = run.fp32_network.classifier.weight.copy()
    run.train_epoch(Console(quiet=True))
    assert np.array_equal(run.fp32_network.classifier.weight, before)


def ranges(run: Run) -> list[float]:
    return [float(block.output_quantizer.largest) for block in run.model.blocks]


def statistics(run: Run) -> list[Tensor]:
    return [block.bn.running_mean.clone() for block in run.model.blocks]


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
        run.train_epoch(quiet)
        moved = [one != other for one, other in zip(before[0], ranges(run), strict=True)]
        shifted = [
            not torch.equal(one, other)
            for one, other in zip(before[1], statistics(run), strict=True)
        ]
        assert any(moved) == (epoch < recipe.freeze_observers_epoch)
        assert any(shifted) == (epoch < recipe.freeze_batch_norm_epoch)
        assert not torch.equal(weight, run.model.classifier.weight)
    convert(run.model)


@pytest.mark.parametrize("made", ["nothing", "narrow", "quantized"])
def test_a_start_that_does_not_fit_is_named(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, made: str
) -> None:
    out = tmp_path / "start"
    recipes: dict[str, Recipe] = {
        "narrow": replace(tiny, width_multiplier=0.5),
        "quantized": replace(tiny, quantize=True),
    }
    if made in recipes:
        new_run(replace(recipes[made], epochs=1), tiny_store, out).fit(quiet)
    reason = "no best.pt" if made == "nothing" else "does not fit"
    with pytest.raises(DataError, match=reason) as refusal:
        new_run(replace(tiny, quantize=True), tiny_store, tmp_path / "int8", start=out)
    assert str(out) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_start_that_has_seen_the_test_people_is_refused(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="split 0"):
        new_run(tiny, tiny_store, tmp_path / "next", split=1, start=start)
    new_run(tiny, tiny_store, tmp_path / "next", split=0, start=start)


def test_a_start_on_the_same_people_of_another_split_is_fine(
    hand_made_root: Callable, scene: Callable, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    root = hand_made_root()
    for person in (1, 2, 3):
        root.video(f"vp{person}/run1", scene(34, colour=False))
        root.chunk(f"vp{person}/run1", 0, 17, "eating")
        root.chunk(f"vp{person}/run1", 17, 34, "writing")
    root.annotate()
    for split in (0, 1):
        root.split(split, ["vp1"], ["vp2"], ["vp3"])
    store = prepare(root.path, tmp_path / "store", report=lambda line: None)
    recipe = replace(tiny, epochs=1, batch_size=2)
    first = new_run(recipe, store, tmp_path / "first", split=0)
    first.fit(quiet)
    new_run(recipe, store, tmp_path / "second", split=1, start=first.out)
