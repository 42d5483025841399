"""The model worker: newest clip first, honest counting, one model's failure is not the other's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QDeadlineTimer
from pytestqt.qtbot import QtBot

from app.inference import Inference
from app.messages import Answer, ClipOffer, EngineReport, Models, Slot
from app.model_choice import ModelChoice
from core import engine_choice
from core.clip import Clip
from core.modelfile import Model, load_model, save_model
from tests.app.doubles import BRIGHT, DARK, LABELS, SPEC, FakeTrial


def offer(index: int, level: int = 20) -> ClipOffer:
    pixels = np.full(SPEC.clip_shape, level, np.uint8)
    return ClipOffer(Clip(pixels, (index,), index / 30), 1, 0.0, SPEC)


class Log:
    """What a worker said."""

    def __init__(self, worker: Inference) -> None:
        self.pairs: list[Models] = []
        self.failures: dict[str, str] = {}
        self.ready: list[str] = []
        worker.described.connect(self.pairs.append)
        worker.failed.connect(self.failures.__setitem__)
        self.reports: dict[str, EngineReport] = {}
        self.tried: list[str] = []
        worker.ready.connect(self._on_ready)
        worker.trying.connect(self.tried.append)

    def _on_ready(self, slot: str, report: EngineReport) -> None:
        self.ready.append(slot)
        self.reports[slot] = report


@pytest.fixture
def make_worker(qtbot: QtBot) -> Iterator[Callable[..., tuple[Inference, Log]]]:
    workers: list[Inference] = []

    def make(
        paths: Mapping[Slot, Path], *, wait: bool = True, engine: str = "auto"
    ) -> tuple[Inference, Log]:
        worker = Inference(ModelChoice.of(paths, engine), 1)
        workers.append(worker)
        log = Log(worker)
        if wait:
            with qtbot.waitSignal(worker.idle, timeout=20_000):
                worker.start()
        else:
            worker.start()
        return worker, log

    yield make
    for worker in workers:
        worker.stop()
        assert worker.wait(QDeadlineTimer(2000))


def collect(qtbot: QtBot, worker: Inference, count: int) -> list[Answer]:
    answers: list[Answer] = []

    def enough() -> bool:
        answers.extend(worker.take_answers())
        return len(answers) >= count

    qtbot.waitUntil(enough, timeout=20_000)
    return answers


class GatedEngine:
    """Answers when the test lets it."""

    name = "gated"

    def __init__(self, gate: threading.Semaphore) -> None:
        self.gate = gate

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert self.gate.acquire(timeout=10)
        return np.zeros(len(LABELS), np.float32)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Engines that wait for this gate."""
    gate = threading.Semaphore(0)

    def load(model: Model, name: str, threads: int) -> GatedEngine:
        return GatedEngine(gate)

    monkeypatch.setattr(engine_choice, "load_engine", load)
    return gate


def test_both_models_answer_the_same_clip(
    qtbot: QtBot, make_worker: Callable[..., tuple[Inference, Log]], models: dict[Slot, Path]
) -> None:
    worker, log = make_worker(models)
    assert sorted(log.ready) == ["fp32", "int8"], log.failures
    assert log.pairs[0].twins
    assert log.pairs[0].models["int8"].kind == "int8"
    worker.offer(offer(7, 20))
    dark = collect(qtbot, worker, 1)[0]
    worker.offer(offer(8, 220))
    bright = collect(qtbot, worker, 1)[0]
    for slot in ("int8", "fp32"):
        assert LABELS[dark.predictions[slot].best] == DARK
        assert LABELS[bright.predictions[slot].best] == BRIGHT
        assert dark.predictions[slot].frame_index == 7
    assert worker.skipped == 0


def test_only_the_newest_waits_and_the_others_are_counted(
    qtbot: QtBot,
    gate: threading.Semaphore,
    make_worker: Callable[..., tuple[Inference, Log]],
    models: dict[Slot, Path],
) -> None:
    worker, _ = make_worker(models)
    worker.offer(offer(0))
    qtbot.waitUntil(lambda: worker._current.box._pending is None)
    for index in range(1, 6):
        worker.offer(offer(index))
    gate.release(4)
    answered = [answer.offer.clip.frame_index for answer in collect(qtbot, worker, 2)]
    assert answered == [0, 5]
    assert worker.skipped == 4


def test_answers_that_nobody_fetches_do_not_pile_up(
    qtbot: QtBot,
    gate: threading.Semaphore,
    make_worker: Callable[..., tuple[Inference, Log]],
    models: dict[Slot, Path],
) -> None:
    worker, _ = make_worker(models)
    gate.release(10_000)
    for index in range(64):
        worker.offer(offer(index))
        qtbot.waitUntil(lambda: worker._current.box._pending is None)
    worker.offer(offer(64))
    worker.offer(offer(65))
    qtbot.wait(50)
    assert worker._current.box._pending is not None
    fetched = collect(qtbot, worker, 65)
    assert [answer.offer.clip.frame_index for answer in fetched] == [*range(64), 65]


def test_a_damaged_model_file_leaves_the_other_model(
    make_worker: Callable[..., tuple[Inference, Log]], models: dict[Slot, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(models["int8"].read_bytes()[:200])
    worker, log = make_worker({**models, "int8": broken})
    assert "broken.safetensors" in log.failures["int8"]
    assert log.ready == ["fp32"]
    assert not log.pairs[0].twins
    assert worker.spec == SPEC


@pytest.mark.parametrize("change", ["clip", "labels"])
def test_models_that_cannot_be_compared_are_not(
    change: str,
    make_worker: Callable[..., tuple[Inference, Log]],
    models: dict[Slot, Path],
    tmp_path: Path,
) -> None:
    fp32 = load_model(models["fp32"])
    other = tmp_path / "other.safetensors"
    changed = (
        replace(fp32, clip=replace(SPEC, span_s=2.0))
        if change == "clip"
        else replace(fp32, labels=LABELS[::-1])
    )
    save_model(changed, other)
    worker, log = make_worker({**models, "fp32": other})
    assert "other.safetensors" in log.failures["fp32"]
    assert log.ready == ["int8"]
    assert worker.spec == SPEC


def test_it_stops_while_it_loads(
    qtbot: QtBot, make_worker: Callable[..., tuple[Inference, Log]], models: dict[Slot, Path]
) -> None:
    worker, _ = make_worker(models, wait=False)
    worker.stop()
    assert worker.wait(QDeadlineTimer(2000))


# Which engine runs


def test_an_engine_runs_after_it_was_tried(
    trial: FakeTrial, make_worker: Callable[..., tuple[Inference, Log]], models: dict[Slot, Path]
) -> None:
    _, log = make_worker(models)
    assert log.tried == ["openvino"]
    assert {slot: report.probed.latency_ms for slot, report in log.reports.items()} == {
        "int8": 2.0,
        "fp32": 6.0,
    }
    assert all(report.left_out == () for report in log.reports.values())


def test_an_engine_that_crashes_when_tried_is_left_out_and_the_next_one_runs(
    qtbot: QtBot,
    trial: FakeTrial,
    make_worker: Callable[..., tuple[Inference, Log]],
    models: dict[Slot, Path],
) -> None:
    # The torch engines are not what is tested here; the reference is the last resort.
    trial.crashing = ("openvino", "onednn", "eager")
    worker, log = make_worker(models)
    assert log.failures == {}
    for slot, report in log.reports.items():
        assert report.probed.engine == "reference"
        problems = [result.problem for result in report.left_out]
        assert problems[0] == "Engine openvino crashes on this CPU (illegal instruction)."
        assert len(problems) == (2 if slot == "int8" else 3)
    worker.offer(offer(0, 220))
    answer = collect(qtbot, worker, 1)[0]
    assert {LABELS[prediction.best] for prediction in answer.predictions.values()} == {BRIGHT}


def test_a_named_engine_that_crashes_leaves_its_slot_empty(
    qtbot: QtBot, trial: FakeTrial, make_worker: Callable[..., tuple[Inference, Log]], models
) -> None:
    trial.crashing = ("openvino",)
    _, log = make_worker(models, engine="openvino")
    assert log.ready == []
    assert all("illegal instruction" in log.failures[slot] for slot in ("int8", "fp32"))


def test_an_engine_that_does_not_exist_is_named(
    trial: FakeTrial, make_worker: Callable[..., tuple[Inference, Log]], models: dict[Slot, Path]
) -> None:
    _, log = make_worker(models, engine="turbo")
    assert log.tried == []
    assert all("no engine 'turbo'" in log.failures[slot] for slot in ("int8", "fp32"))


def test_it_stops_while_an_engine_is_tried(
    qtbot: QtBot,
    trial: FakeTrial,
    make_worker: Callable[..., tuple[Inference, Log]],
    models: dict[Slot, Path],
) -> None:
    trial.gate.clear()
    worker, log = make_worker(models, wait=False)
    qtbot.waitUntil(lambda: log.tried == ["openvino"], timeout=20_000)
    worker.stop()
    assert worker.wait(QDeadlineTimer(2000))
    assert (log.ready, log.failures) == ([], {})
