"""Going on with a run that was interrupted, stopped, killed, or is finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

import training.loop as loop
from core.errors import DataError
from tests.training.runs import assert_same_state, log_of, new_run, weights_in
from training.checkpoint import read_description, write_description
from training.config import Recipe
from training.loop import fit
from training.optimizer import learning_rate
from training.processes import Processes
from training.provenance import COMMIT, versions
from training.run import Run
from training.store import Store


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


def test_a_run_remembers_all_code_that_trained_it(
    start: Path, tiny_store: Store, tiny: Recipe
) -> None:
    begun = read_description(start)
    write_description(start, begun | {"commit": "the first"})
    one = replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps")
    mine = {"commit": COMMIT, "versions": versions()}
    for epochs, continued in ((1, []), (2, [mine])):
        run = new_run(replace(one, epochs=epochs), tiny_store, start)
        run.resume()
        described = run.description()
        assert described["commit"] == "the first"
        assert described["continued"] == continued, "a finished run is not trained by anybody"
    # Interrupted and resumed by the same code once more.
    run.describe()
    run = new_run(replace(one, epochs=2), tiny_store, start)
    run.resume()
    assert run.description()["continued"] == [mine]


def test_folders_may_be_moved(start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path) -> None:
    """Start and teacher are known by their weights, not by where they lie."""
    taught = replace(tiny, beta=0.5)
    run = new_run(taught, tiny_store, tmp_path / "run", start=start, teacher=start)
    run.describe()
    run.save_checkpoint()
    moved = tmp_path / "elsewhere"
    start.rename(moved)
    new_run(taught, tiny_store, tmp_path / "run", start=moved, teacher=moved).resume()
    state = weights_in(moved / "best.pt")
    torch.save({name: value * 2 for name, value in state.items()}, moved / "best.pt")
    other = new_run(taught, tiny_store, tmp_path / "run", start=moved, teacher=moved)
    with pytest.raises(DataError, match="was begun with another start, teacher;"):
        other.resume()


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
