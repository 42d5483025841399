from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from core.errors import DataError
from tests.training.elsewhere import held_elsewhere
from training.config import Recipe
from training.exclusive import BusyError, exclusive
from training.fitting import fit_model
from training.processes import Processes
from training.store import Store


def test_two_processes_do_not_train_into_one_folder(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """The second one is refused and changes nothing; once the first is killed, it may."""
    out = tmp_path / "run"
    with held_elsewhere(out):
        with pytest.raises(BusyError, match=r"Another process is working in .*run; wait until"):
            fit_model(tiny, tiny_store, out, quiet, threads=1)
        assert os.listdir(out) == ["run.lock"]
    model = fit_model(tiny, tiny_store, out, quiet, threads=1)
    assert model is not None
    assert (out / "model.safetensors").is_file()


def test_a_student_does_not_ask_a_teacher_who_is_being_asked(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """Answers take longer than the student does, and would be computed twice."""
    taught = replace(tiny, beta=0.5, stored_draws=2)
    student = partial(
        fit_model, taught, tiny_store, tmp_path / "run", quiet, teacher=start, threads=1
    )
    with held_elsewhere(start), pytest.raises(BusyError, match=r"working in .*start"):
        student()
    assert not list(start.glob("answers-*"))
    assert student(resume=True) is not None


def test_whoever_holds_a_folder_may_take_it_again(tmp_path: Path) -> None:
    with exclusive(tmp_path), exclusive(tmp_path):
        pass
    with held_elsewhere(tmp_path):
        pass


def test_all_processes_are_refused_not_the_first_alone(tmp_path: Path) -> None:
    """The others would wait for it for ever."""

    class Second(Processes):
        def everybodys(self, thing: object) -> list[object]:
            return [BusyError("the first one was refused"), thing]

    with (
        pytest.raises(BusyError, match="the first one was refused"),
        exclusive(tmp_path, Second(1, 2)),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"Cannot write into .*run .*choose another"),
        exclusive(tmp_path / "file" / "run"),
    ):
        pass
