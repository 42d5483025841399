from __future__ import annotations

import io
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import training.reproduce.reproduce as module
from core.engines import openvino
from core.errors import DataError
from core.modelfile import load_model, save_model
from core.network import Int8Network
from tests.training.reproduce.rows import SETTINGS, use_tiny_rows
from training.checkpoint import read_description, weights_sha256
from training.config import Recipe
from training.interruption import StopRequest
from training.reproduce.plan import POST_TRAINING
from training.reproduce.predictions import load_predictions
from training.reproduce.reproduce import Reproduction
from training.store import Store


@pytest.fixture(scope="module")
def done(
    tiny_store: Store, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Table II of one split and one seed, interrupted once; and what was printed."""
    out, printed = tmp_path_factory.mktemp("done") / "paper", io.StringIO()
    console = Console(file=printed, width=200)
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_rows(tiny, patch)
        interrupted = Reproduction(tiny_store, out, SETTINGS)
        fit_model, calls = module.fit_model, []

        def stop_at_the_third(*arguments: Any, **named: Any) -> Any:
            calls.append(arguments[2])
            if len(calls) == 3:
                raise KeyboardInterrupt
            return fit_model(*arguments, **named)

        patch.setattr(module, "fit_model", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            interrupted.train(console)
        assert [each.done for each in interrupted.left()] == [
            True,
            True,
            False,
            False,
            False,
            False,
        ]
        again = Reproduction(tiny_store, out, SETTINGS)
        again.train(console)
        # The third was begun twice; nothing else was.
        assert len(calls) == 6
        assert not list(out.rglob("predictions.safetensors"))
        again.measure(console)
    return out, printed.getvalue()


def test_every_row_is_there_and_says_what_it_is(done: tuple[Path, str]) -> None:
    folder = done[0] / "runs" / "split0-seed0"
    kinds = {path.name: load_model(path / "model.safetensors").kind for path in folder.iterdir()}
    assert kinds == {
        "i3d": "fp32",
        "mobilenet3d": "fp32",
        "kd": "fp32",
        "quantization": "int8",
        "qd": "int8",
        POST_TRAINING: "int8",
    }
    for student in ("kd", "qd"):
        assert read_description(folder / student)["teacher"] == str(folder / "i3d")
    twin, parent = (load_model(folder / n / "model.safetensors") for n in (POST_TRAINING, "kd"))
    assert twin.is_twin_of(parent)


def test_it_says_what_is_left_and_how_long(done: tuple[Path, str]) -> None:
    _, printed = done
    assert "[1 of 6] i3d, split 0, seed 0" in printed
    assert "5 of 6 models are left; about " in printed
    assert " of training, by a short trial where no run of the kind has told yet." in printed
    assert "All 6 models are there." in printed


def test_the_test_people_are_asked_about_every_row(
    done: tuple[Path, str], tiny_store: Store
) -> None:
    folder = done[0] / "runs" / "split0-seed0"
    for path in folder.iterdir():
        found = load_predictions(path / "predictions.safetensors")
        assert set(found.people.tolist()) == {5}
        assert found.labels == tiny_store.labels
        assert len(found.targets) == 4
        model = load_model(path / "model.safetensors")
        right = (found.answers == found.targets).mean()
        assert right == pytest.approx(model.metrics["test"]["top1"])
        assert found.about["model_sha256"] == model.sha256
        assert found.about["latency"]["runs"] >= 1
        assert (found.qat_answers is not None) == (path.name in ("quantization", "qd"))


def test_what_is_done_is_not_done_again(
    done: tuple[Path, str], tiny_store: Store, tiny_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("it is done")

    for name in ("fit_model", "quantize_after_training", "measure"):
        monkeypatch.setattr(module, name, refuse)
    again = Reproduction(tiny_store, done[0], SETTINGS)
    again.train(Console(quiet=True))
    again.measure(Console(quiet=True))


@pytest.fixture
def copy(done: tuple[Path, str], tmp_path: Path) -> Path:
    return shutil.copytree(done[0], tmp_path / "paper")


def test_ctrl_c_in_the_last_epoch_of_a_run_begins_no_other(
    tiny_store: Store, tiny_rows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_model = module.fit_model

    def interrupted(*arguments: Any, **named: Any) -> Any:
        with StopRequest():
            os.kill(os.getpid(), signal.SIGINT)
        return fit_model(*arguments, **named)

    monkeypatch.setattr(module, "fit_model", interrupted)
    reproduction = Reproduction(tiny_store, tmp_path / "paper", SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        reproduction.train(Console(quiet=True))
    assert [each.done for each in reproduction.left()] == [True] + [False] * 5


def test_another_recipe_teacher_or_data_are_named(
    copy: Path, tiny_store: Store, tiny_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy / "runs" / "split0-seed0"
    (folder / "i3d" / "best.pt").write_bytes(b"another")
    again = Reproduction(tiny_store, copy, SETTINGS)
    with pytest.raises(DataError, match=r"kd was trained with another teacher; delete that folder"):
        again.train(Console(quiet=True))
    for task, recipe in again.recipes.items():
        again.recipes[task] = replace(recipe, dropout=0.4)
    with pytest.raises(DataError, match=r"i3d was trained with another dropout; delete"):
        again.train(Console(quiet=True))


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_deleted_teacher_is_trained_again_and_then_compared(
    copy: Path, tiny_store: Store, tiny_rows: None, interrupted: bool
) -> None:
    folder = copy / "runs" / "split0-seed0"
    shutil.rmtree(folder / "i3d")
    if interrupted:
        (folder / "i3d").mkdir()
        (folder / "i3d" / "best.pt").write_bytes(b"of an early epoch")

    def taught_by(sha256: str | None) -> None:
        for student in ("kd", "qd"):
            file = folder / student / "recipe.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | {"teacher_sha256": sha256}))

    taught_by("another")
    again = Reproduction(tiny_store, copy, SETTINGS)
    with pytest.raises(DataError, match=r"kd was trained with another teacher; delete that folder"):
        again.train(Console(quiet=True))
    assert load_model(folder / "i3d" / "model.safetensors").kind == "fp32"
    taught_by(weights_sha256(folder / "i3d"))
    again.train(Console(quiet=True))
    assert all(each.done for each in again.left())


def test_settings_that_are_newer_than_a_run_do_not_make_it_another(
    copy: Path, tiny_store: Store, tiny_rows: None
) -> None:
    file = copy / "runs" / "split0-seed0" / "kd" / "recipe.json"
    described = json.loads(file.read_text())
    assert described["recipe"].pop("unfamiliar_share") == 0
    file.write_text(json.dumps(described))
    again = Reproduction(tiny_store, copy, SETTINGS)
    again.train(Console(quiet=True))
    for task, recipe in again.recipes.items():
        again.recipes[task] = replace(recipe, unfamiliar_share=0.25)
    with pytest.raises(DataError, match=r"another unfamiliar_share"):
        again.train(Console(quiet=True))


def test_a_student_trained_again_is_quantized_and_measured_again(
    copy: Path, tiny_store: Store, tiny_rows: None
) -> None:
    folder = copy / "runs" / "split0-seed0"
    before = load_model(folder / POST_TRAINING / "model.safetensors")
    # Another student under the same name.
    shutil.copy(folder / "mobilenet3d" / "model.safetensors", folder / "kd" / "model.safetensors")
    shutil.copy(folder / "mobilenet3d" / "best.pt", folder / "kd" / "best.pt")
    again = Reproduction(tiny_store, copy, SETTINGS)
    again.train(Console(quiet=True))
    again.measure(Console(quiet=True))
    after = load_model(folder / POST_TRAINING / "model.safetensors")
    assert after.parent != before.parent
    about = load_predictions(folder / POST_TRAINING / "predictions.safetensors").about
    assert about["model_sha256"] == after.sha256


def test_what_the_default_engine_refuses_here_is_measured_on_the_exact_one_and_not_timed(
    copy: Path,
    tiny_store: Store,
    tiny_rows: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = copy / "runs" / "split0-seed0" / "quantization"
    model = load_model(folder / "model.safetensors")
    assert isinstance(model.network, Int8Network)
    first, *others = model.network.convolutions
    weight = first.weight.copy()
    weight.flat[0] = 127
    wide = replace(model.network, convolutions=(replace(first, weight=weight), *others))
    save_model(replace(model, network=wide), folder / "model.safetensors")
    monkeypatch.setattr(openvino, "saturates", lambda threads=1: True)
    again = Reproduction(tiny_store, copy, SETTINGS)
    again.measure(Console(quiet=True))
    assert "exact engine instead" in capsys.readouterr().err
    about = load_predictions(folder / "predictions.safetensors").about
    assert (about["engine"], about["latency"]) == ("reference", None)
    again.measure(Console(quiet=True))
    assert not capsys.readouterr().err, "it was measured again"


def test_seeds_may_be_added_and_settings_may_not_change(
    copy: Path, tiny_store: Store, tiny_rows: None
) -> None:
    more = Reproduction(tiny_store, copy, replace(SETTINGS, seeds=(0, 1)))
    assert sum(not each.done for each in more.left()) == 5
    # A later call that names fewer still knows them.
    assert len(Reproduction(tiny_store, copy, SETTINGS).tasks) == 11
    for changed, name in (
        ({"profile": "quick"}, "another profile"),
        ({"overrides": {"epochs": 3}}, "another overrides"),
        ({"seeds": (1, 0)}, "--seeds 0"),
        ({"splits": (1,)}, "--splits 0"),
    ):
        with pytest.raises(DataError, match=name):
            Reproduction(tiny_store, copy, replace(SETTINGS, **changed))


def test_a_plan_leaves_nothing_behind(tiny_store: Store, tiny_rows: None, tmp_path: Path) -> None:
    plan = Reproduction(tiny_store, tmp_path / "paper", SETTINGS, write=False)
    assert len(plan.left()) == 6
    assert not (tmp_path / "paper").exists()


def test_an_empty_split_is_told_before_anything_is_written(
    tiny_store: Store, tiny_rows: None, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="has nobody in split 2 train"):
        Reproduction(tiny_store, tmp_path / "paper", replace(SETTINGS, splits=(0, 2)))
    assert not (tmp_path / "paper").exists()
