from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

import training.loop as loop
from core.errors import DataError
from core.quantization import convert
from training.checkpoint import read_description, write_description
from training.config import Recipe
from training.dataset import BalancedSampler, ChunkDataset
from training.hardware import as_input
from training.loop import fit, train_epoch
from training.models import new_model
from training.optimizer import learning_rate
from training.processes import Processes
from training.run import Run
from training.store import Store
from training.validation import validate

# The machine is shared: two threads that wait for each other take twenty times as long as one.
new_run = partial(Run, threads=1)


def log_of(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.out / "log.jsonl").read_text().splitlines()]


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def weights_in(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)


def watch_clips(monkeypatch: pytest.MonkeyPatch, see: Callable[[Tensor], object]) -> None:
    """Show each piece that is trained on."""

    def seen(clips: Tensor, device: torch.device) -> Tensor:
        see(clips)
        return as_input(clips)

    monkeypatch.setattr(loop, "as_input", seen)


def assert_same_end(one: Run, other: Run) -> None:
    """Weights, averages, moments, random state and log of two finished runs."""
    assert_same_state(*(weights_in(run.out / "best.pt") for run in (one, other)))
    states = [weights_in(run.out / "checkpoint.pt") for run in (one, other)]
    for name in ("model", "average"):
        if states[0][name] is not None:
            assert_same_state(*(state[name] for state in states))
    assert_same_state(*(state["random"][0] for state in states))
    for name in ("epoch", "step", "best_score"):
        assert states[0][name] == states[1][name]
    moments = [state["optimizer"]["state"] for state in states]
    assert moments[0]
    for number, moment in moments[0].items():
        assert_same_state(moment, moments[1][number])
    exact = ("epoch", "loss", "train_top1", "learning_rate", "val")
    logs = [
        [{name: entry.get(name) for name in exact} for entry in log_of(run)] for run in (one, other)
    ]
    assert logs[0] == logs[1]


def interrupt_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Somebody presses Ctrl-C in that training step."""
    done = 0

    def counting(recipe: Recipe, progress: float) -> float:
        nonlocal done
        done += 1
        if done > steps:
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


# Going on


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"average_decay": 0.8}, id="float, averaged weights"),
        pytest.param({"optimizer": "adamw", "learning_rate": 0.003}, id="float, AdamW"),
        pytest.param({"quantize": True, "schedule": "steps", "milestones": (1,)}, id="int8"),
        pytest.param({"early_epochs": 1, "early_crop": 16}, id="smaller clips first"),
        pytest.param(
            {
                "quantize": True,
                "quantize_from_epoch": 1,
                "freeze_observers_epoch": 2,
                "stored_draws": 2,
                "average_decay": 0.8,
                "epochs": 3,
            },
            id="float first, stored draws",
        ),
        pytest.param({"quantize": True, "learned_step_sizes": True}, id="int8, learned steps"),
        pytest.param({"unfamiliar_share": 0.5}, id="unfamiliar clips"),
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
    recipe = replace(tiny, **{"epochs": 2} | light | changes)
    whole = new_run(recipe, tiny_store, tmp_path / "whole")
    fit(whole, quiet)

    out = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 5)  # three steps an epoch: in the middle of the second
        with pytest.raises(KeyboardInterrupt):
            fit(new_run(recipe, tiny_store, out), quiet)
    torch.rand(17)
    again = new_run(recipe, tiny_store, out)
    again.resume()
    assert again.epoch == 1
    fit(again, quiet)

    assert_same_end(whole, again)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"average_decay": 0.8, "accumulate": 2}, id="float"),
        pytest.param({"quantize": True, "optimizer": "adamw"}, id="int8, frozen"),
    ],
)
def test_ctrl_c_finishes_the_step_and_goes_on_from_there(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    changes: dict,
) -> None:
    recipe = replace(tiny, **changes)
    whole = new_run(recipe, tiny_store, tmp_path / "whole")
    fit(whole, quiet)

    run = new_run(recipe, tiny_store, tmp_path / "stopped")
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    steps = 0

    def pressing(recipe: Recipe, progress: float) -> float:
        nonlocal steps
        steps += 1
        if steps == 5:  # three steps an epoch
            os.kill(os.getpid(), signal.SIGINT)
        return learning_rate(recipe, progress)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", pressing)
        with pytest.raises(KeyboardInterrupt):
            fit(run, quiet)
    assert steps == 5
    assert (run.epoch, run.step) == (1, 2)
    assert capfd.readouterr().err.startswith("Finishing this step")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers

    torch.rand(17)
    again = new_run(recipe, tiny_store, run.out)
    again.resume()
    assert (again.epoch, again.step) == (1, 2)
    fit(again, quiet)
    assert_same_end(whole, again)


def test_a_killed_run_goes_on_to_bit_identical_weights(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from rich.console import Console
import training.loop as loop
from training.checkpoint import read_description
from training.config import Recipe
from training.run import Run
from training.store import open_store

out, rate, calls = Path(sys.argv[2]), loop.learning_rate, []
def deadly(*given):
    calls.append(given)
    if len(calls) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return rate(*given)
loop.learning_rate = deadly
recipe = Recipe(**eval(sys.argv[3]))
loop.fit(Run(recipe, open_store(Path(sys.argv[1])), out, threads=1), Console(quiet=True))
"""
    whole = new_run(tiny, tiny_store, tmp_path / "whole")
    fit(whole, quiet)
    out = tmp_path / "killed"
    settings = repr(asdict(tiny))
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tiny_store.folder), str(out), settings],
        cwd=Path(loop.__file__).parents[1],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    again = new_run(tiny, tiny_store, out)
    again.resume()
    assert (again.epoch, again.step) == (1, 0)
    fit(again, quiet)
    assert_same_end(whole, again)


def test_long_epochs_are_saved_on_the_way(
    tiny_store: Store,
    tiny: Recipe,
    tmp_path: Path,
    quiet: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "_CHECKPOINT_EVERY_S", 0.0)
    places: list[tuple[int, int]] = []
    monkeypatch.setattr(Run, "save_checkpoint", lambda run: places.append((run.epoch, run.step)))
    fit(new_run(tiny, tiny_store, tmp_path), quiet)
    assert places == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]


def test_a_full_disk_keeps_what_was_saved(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are a Unix matter")
    recipe = replace(tiny, schedule="steps")
    run = new_run(replace(recipe, epochs=1), tiny_store, tmp_path / "run")
    fit(run, quiet)
    before = {path.name: path.read_bytes() for path in run.out.iterdir()}

    longer = new_run(recipe, tiny_store, run.out)
    longer.resume()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"Cannot write .*\.pt \(File too large\).*--resume"):
            fit(longer, quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = {path.name: path.read_bytes() for path in run.out.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in before if name != "recipe.json")
    again = new_run(recipe, tiny_store, run.out)
    again.resume()
    fit(again, quiet)
    assert [entry["epoch"] for entry in log_of(again)] == [0, 1]


def test_a_finished_run_has_nothing_to_go_on_with(
    start: Path, tiny_store: Store, tiny: Recipe, quiet: Console
) -> None:
    before = weights_in(start / "best.pt")
    run = new_run(replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps"), tiny_store, start)
    run.resume()
    fit(run, quiet)
    assert_same_state(weights_in(start / "best.pt"), before)
    assert len(log_of(run)) == 1


def test_more_epochs_can_be_added(
    start: Path, tiny_store: Store, tiny: Recipe, quiet: Console
) -> None:
    run = new_run(replace(tiny, epochs=2, clips_per_epoch=32, schedule="steps"), tiny_store, start)
    run.resume()
    fit(run, quiet)
    assert [entry["epoch"] for entry in log_of(run)] == [0, 1]


def test_a_mean_does_not_depend_on_who_computed_the_first_steps(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """Two processes of one piece each may go on where one process with two pieces stopped."""
    run = new_run(replace(tiny, accumulate=2), tiny_store, tmp_path)
    run.describe()
    run.step, run.pieces, run.sums = 2, 4, {"loss": 4.0}
    run.save_checkpoint()
    again = new_run(tiny, tiny_store, tmp_path, processes=Processes(0, 1))
    described = read_description(tmp_path)
    write_description(tmp_path, described | {"recipe": asdict(tiny)})
    again.resume()
    assert again.means() == {"loss": 1.0}


def test_a_killed_run_leaves_no_gap_in_its_log_and_no_litter(
    start: Path, tiny_store: Store, tiny: Recipe, quiet: Console
) -> None:
    (start / "log.jsonl").unlink()
    (start / "checkpoint.partial-77.pt").write_bytes(b"half")
    begun = read_description(start)
    write_description(start, begun | {"commit": "the first"})
    run = new_run(replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps"), tiny_store, start)
    run.resume()
    fit(run, quiet)
    assert [entry["epoch"] for entry in log_of(run)] == [0]
    assert not list(start.glob("*.partial-*"))
    assert read_description(start)["commit"] == "the first"


def test_a_resumed_run_keeps_its_best_epoch(
    start: Path, tiny_store: Store, tiny: Recipe, quiet: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = {"mean_per_class_accuracy": -0.5, "top1": 0.0, "cross_entropy": 9.0}
    monkeypatch.setattr(loop, "validate", lambda *given: worse)
    before = weights_in(start / "best.pt")
    run = new_run(replace(tiny, epochs=2, clips_per_epoch=32, schedule="steps"), tiny_store, start)
    run.resume()
    fit(run, quiet)
    assert_same_state(weights_in(start / "best.pt"), before)


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

    def broken_light(clips: Tensor, device: torch.device) -> Tensor:
        nonlocal calls
        calls += torch.is_grad_enabled()
        return as_input(clips) * (float("nan") if calls == 5 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "as_input", broken_light)
        with pytest.raises(
            DataError,
            match=r"nan in epoch 1, batch 1 \(clips vp\d/run1.*and 1 more\);.*last good state",
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


# Quantization (Algorithm 1)


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


def new_resumed(recipe: Recipe, store: Store, out: Path) -> Run:
    run = new_run(recipe, store, out)
    run.resume()
    return run


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
