"""A teacher that waits or loads while the students or the choice change, on real threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QDeadlineTimer
from pytestqt.qtbot import QtBot

from app import lineup as lineup_module
from app.lineup import Lineup
from app.messages import Models, Slot
from app.model_choice import ModelChoice
from core.modelfile import save_model
from core.network import Network
from tests.app.doubles import LABELS, float_network, int8_network, tiny_model
from tests.app.unruly import Unruly

_PATIENCE_MS = 20_000
# So that nothing of the teacher is confused with the fp32 student on its own engine.
_TEACHER_ENGINE = "eager"


class Log:
    """What a lineup said."""

    def __init__(self, lineup: Lineup) -> None:
        self.pairs: list[Models] = []
        self.running: set[str] = set()
        self.changing: list[ModelChoice | None] = []
        self.refused: list[str] = []
        lineup.described.connect(self.pairs.append)
        lineup.ready.connect(lambda slot, report: self.running.add(slot))
        lineup.changing.connect(self.changing.append)
        lineup.refused.connect(self.refused.append)


@pytest.fixture
def make(unruly: Unruly) -> Iterator[Callable[[ModelChoice], tuple[Lineup, Log]]]:
    made: list[Lineup] = []

    def start(choice: ModelChoice) -> tuple[Lineup, Log]:
        lineup = Lineup(choice, 1, "never")
        made.append(lineup)
        log = Log(lineup)
        lineup.start()
        return lineup, log

    yield start
    unruly.release.set()
    for lineup in made:
        lineup.stop()
        assert lineup.wait(QDeadlineTimer(_PATIENCE_MS))
        assert lineup._teacher.wait(QDeadlineTimer(_PATIENCE_MS))
    lineup_module._left.clear()


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    path = tmp_path / "teacher.safetensors"
    save_model(replace(tiny_model(float_network()), architecture={"name": "i3d"}), path)
    return path


def others(folder: Path, labels: tuple[str, ...] = LABELS) -> dict[Slot, Path]:
    """Students that are not those of the fixture."""
    paths: dict[Slot, Path] = {}
    networks: dict[Slot, Network] = {"int8": int8_network(), "fp32": float_network()}
    for slot, network in networks.items():
        paths[slot] = folder / f"other_{slot}.safetensors"
        save_model(replace(tiny_model(network), labels=labels), paths[slot])
    return paths


def beside(students: dict[Slot, Path], teacher: Path) -> ModelChoice:
    return ModelChoice({**students, "teacher": teacher}, {"teacher": _TEACHER_ENGINE})


def teacher_loads(unruly: Unruly) -> Callable[[], bool]:
    return lambda: ("fp32", _TEACHER_ENGINE) in unruly.loaded


@pytest.fixture
def loading(
    qtbot: QtBot,
    make: Callable[[ModelChoice], tuple[Lineup, Log]],
    models: dict[Slot, Path],
    teacher: Path,
    unruly: Unruly,
) -> tuple[Lineup, Log]:
    """A lineup whose teacher is being loaded, until all that hang are released."""
    unruly.hanging_at_load.add(("fp32", _TEACHER_ENGINE))
    lineup, log = make(beside(models, teacher))
    qtbot.waitUntil(teacher_loads(unruly), timeout=_PATIENCE_MS)
    return lineup, log


def finish_loading(qtbot: QtBot, unruly: Unruly, log: Log) -> None:
    unruly.release.set()
    qtbot.waitUntil(lambda: log.changing[-1] is None, timeout=_PATIENCE_MS)


def names(pair: Models) -> list[str]:
    return [model.file_name for model in pair.models.values()]


def test_a_teacher_that_waits_comes_though_the_students_are_changed_meanwhile(
    qtbot: QtBot,
    make: Callable[[ModelChoice], tuple[Lineup, Log]],
    models: dict[Slot, Path],
    teacher: Path,
    tmp_path: Path,
    unruly: Unruly,
) -> None:
    unruly.hanging_at_load.add(("fp32", _TEACHER_ENGINE))
    lineup, log = make(beside(models, teacher))
    assert lineup.choice.paths["teacher"] == teacher
    lineup.change(replace(lineup.choice, paths={**others(tmp_path), "teacher": teacher}))
    qtbot.waitUntil(teacher_loads(unruly), timeout=_PATIENCE_MS)
    qtbot.waitUntil(lambda: {"int8", "fp32"} <= log.running, timeout=_PATIENCE_MS)
    # While it loads that is what is said, and it is not said that it is over.
    assert None not in log.changing
    assert log.changing[-1] == lineup.choice
    finish_loading(qtbot, unruly, log)
    assert log.running == {"int8", "fp32", "teacher"}
    assert names(log.pairs[-1]) == [
        "other_int8.safetensors",
        "other_fp32.safetensors",
        "teacher.safetensors",
    ]
    assert lineup.choice.paths["teacher"] == teacher
    assert log.refused == []


def test_a_teacher_that_loads_does_not_come_when_none_is_chosen(
    qtbot: QtBot, loading: tuple[Lineup, Log], models: dict[Slot, Path], unruly: Unruly
) -> None:
    lineup, log = loading
    lineup.change(ModelChoice.of(models))
    assert "teacher" not in lineup.choice.paths
    finish_loading(qtbot, unruly, log)
    qtbot.waitUntil(lambda: lineup._teacher._retired == [], timeout=_PATIENCE_MS)
    assert log.running == {"int8", "fp32"}
    assert all("teacher" not in pair.models for pair in log.pairs)
    assert log.refused == []


def test_a_teacher_that_loads_is_refused_when_it_does_not_fit_the_students_that_came_meanwhile(
    qtbot: QtBot, loading: tuple[Lineup, Log], teacher: Path, tmp_path: Path, unruly: Unruly
) -> None:
    lineup, log = loading
    lineup.change(beside(others(tmp_path, LABELS[::-1]), teacher))
    qtbot.waitUntil(lambda: lineup.labels == LABELS[::-1], timeout=_PATIENCE_MS)
    finish_loading(qtbot, unruly, log)
    assert len(log.refused) == 1
    assert "teacher.safetensors knows other activities" in log.refused[0]
    assert all("teacher" not in pair.models for pair in log.pairs)
    assert log.running == {"int8", "fp32"}
    assert "teacher" not in lineup.choice.paths


def test_nobody_waits_long_for_a_teacher_that_does_not_end(
    loading: tuple[Lineup, Log], unruly: Unruly
) -> None:
    lineup, _ = loading
    lineup.stop()
    assert lineup.wait(QDeadlineTimer(_PATIENCE_MS))
    assert not unruly.release.is_set()
    # What still runs in it is not destroyed.
    assert lineup_module._left == [lineup._teacher]


def test_only_the_students_trial_is_told(
    qtbot: QtBot, models: dict[Slot, Path], teacher: Path
) -> None:
    lineup = Lineup(ModelChoice({**models, "teacher": teacher}, {}), 1, "again")
    tried: list[str] = []
    lineup.trying.connect(tried.append)
    log = Log(lineup)
    lineup.start()
    qtbot.waitUntil(lambda: log.running == {"int8", "fp32", "teacher"}, timeout=_PATIENCE_MS)
    # The panels that show it belong to the students.
    assert tried == ["openvino"]
    lineup.stop()
    assert lineup.wait(QDeadlineTimer(_PATIENCE_MS))
