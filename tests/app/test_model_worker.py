"""Engines that hang, break or lie inside the real worker threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QDeadlineTimer
from pytestqt.qtbot import QtBot

import app.inference
from app import model_runner, model_worker
from app.inference import Inference
from app.messages import Slot
from app.model_choice import ModelChoice
from tests.app.doubles import FakeTrial
from tests.app.inferences import Log, StartInference, answered, both, offer
from tests.app.unruly import Unruly


def test_a_broken_engine_is_replaced_while_the_other_model_goes_on(
    qtbot: QtBot, unruly: Unruly, start_inference: StartInference
) -> None:
    inference, log = start_inference()
    answered(qtbot, inference, both)
    unruly.broken.add(("int8", "openvino"))
    alone = answered(qtbot, inference, lambda answer: not both(answer))
    assert set(alone.predictions) == {"fp32"}
    answered(qtbot, inference, both)
    broke = "fault: The int8 model failed in engine openvino: it broke"
    again = "runs on openvino"
    assert log.of("int8") == [again, broke, again, broke, again, broke, "runs on onednn"]
    assert log.of("fp32") == ["runs on openvino"]
    assert [result.engine for result in log.reports["int8"].left_out] == ["openvino"]


def test_a_named_engine_that_goes_on_failing_leaves_its_model_silent_until_it_is_retried(
    qtbot: QtBot, unruly: Unruly, start_inference: StartInference
) -> None:
    unruly.broken.add(("int8", "openvino"))
    inference, log = start_inference("openvino")
    answered(qtbot, inference, lambda answer: log.of("int8")[-1].startswith("failed"))
    assert "it broke" in log.of("int8")[-1]
    assert set(answered(qtbot, inference, lambda answer: True).predictions) == {"fp32"}
    unruly.broken.clear()
    inference.change(inference.choice)
    answered(qtbot, inference, both)
    assert log.changing == [inference.choice, None]
    assert log.refused == []


def test_an_engine_that_hangs_is_barred_and_both_models_go_on(
    qtbot: QtBot, unruly: Unruly, start_inference: StartInference
) -> None:
    inference, log = start_inference()
    answered(qtbot, inference, both)
    abandoned = inference._current
    unruly.hanging.add(("int8", "openvino"))
    inference.offer(offer(100))
    qtbot.waitUntil(lambda: log.of("int8")[-1] == "runs on onednn", timeout=20_000)
    assert log.stalled[0].slot == "int8"
    assert "Engine openvino hangs" in log.of("int8")[-2]
    assert abandoned.isRunning()
    assert not inference.wait(QDeadlineTimer(0))
    # The clip that was not answered is answered now, and the models are not described again.
    qtbot.waitUntil(lambda: inference.take_answers() != [], timeout=20_000)
    answered(qtbot, inference, both, first=101)
    assert len(log.pairs) == 1
    # What the abandoned thread says when it comes back is nobody's business.
    said = len(log.said)
    unruly.release.set()
    qtbot.waitUntil(lambda: not abandoned.isRunning(), timeout=20_000)
    qtbot.wait(50)
    assert len(log.said) == said
    assert app.inference._abandoned == []


def test_a_choice_whose_engine_hangs_while_loading_gets_the_next_engine(
    qtbot: QtBot,
    unruly: Unruly,
    start_inference: StartInference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inference, log = start_inference()
    monkeypatch.setattr(model_worker, "LOADING_LIMIT_S", 2.0)
    unruly.hanging_at_load.add(("fp32", "openvino"))
    inference.change(inference.choice)
    qtbot.waitUntil(lambda: log.changing[-1] is None, timeout=20_000)
    assert log.refused == []
    assert log.of("fp32")[-1] == "runs on onednn"
    answered(qtbot, inference, both)


# While one engine is made ready nobody answers


def keep_offering(qtbot: QtBot, inference: Inference, until: Callable[[], bool]) -> None:
    """Offer clips as a source does, and fetch what is answered."""
    index = 1000

    def next_clip() -> bool:
        nonlocal index
        index += 1
        inference.offer(offer(index))
        inference.take_answers()
        return until()

    qtbot.waitUntil(next_clip, timeout=20_000)


def seconds_of(log: Log) -> list[int]:
    return [stall.seconds for stall in log.stalled]


def test_an_engine_that_is_loaded_again_keeps_the_other_model_waiting(
    qtbot: QtBot, unruly: Unruly, start_inference: StartInference
) -> None:
    inference, log = start_inference()
    answered(qtbot, inference, both)
    unruly.hanging_at_load.add(("int8", "openvino"))
    unruly.broken.add(("int8", "openvino"))
    keep_offering(qtbot, inference, lambda: len(log.stalled) == 2)
    assert {stall.slot for stall in log.stalled} == {"int8"}
    assert {stall.waiting_for for stall in log.stalled} == {
        "OpenVINO to be loaded for the int8 model"
    }
    first, second = seconds_of(log)
    assert second == first + 1
    unruly.broken.clear()
    unruly.release.set()
    answered(qtbot, inference, both)


def test_an_engine_that_is_tried_keeps_the_other_model_waiting(
    qtbot: QtBot, unruly: Unruly, models: dict[Slot, Path], trial: FakeTrial
) -> None:
    inference = Inference(ModelChoice.of(models, "auto"), 1)
    log = Log(inference)
    with qtbot.waitSignal(inference.idle, timeout=20_000):
        inference.start()
    answered(qtbot, inference, both)
    trial.gate.clear()
    unruly.broken.add(("int8", "openvino"))
    keep_offering(qtbot, inference, lambda: len(log.stalled) == 1)
    assert log.stalled[0].waiting_for == "PyTorch oneDNN to be tried with the int8 model"
    trial.gate.set()
    answered(qtbot, inference, both)
    inference.stop()
    assert inference.wait(QDeadlineTimer(2000))


def test_the_wait_goes_on_when_an_engine_that_hangs_is_followed_by_another(
    qtbot: QtBot,
    unruly: Unruly,
    start_inference: StartInference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_worker, "ANSWER_LIMIT_S", 1.5)
    inference, log = start_inference()
    answered(qtbot, inference, both)
    unruly.hanging_at_load.add(("fp32", "openvino"))
    unruly.hanging.add(("int8", "openvino"))
    loading = "OpenVINO to be loaded for the fp32 model"
    keep_offering(
        qtbot,
        inference,
        lambda: bool(log.stalled) and log.stalled[-1].waiting_for == loading,
    )
    assert log.stalled[0].waiting_for == "OpenVINO to answer one clip with the int8 model"
    assert seconds_of(log) == sorted(set(seconds_of(log)))


def test_nobody_is_kept_waiting_before_the_models_were_ready_or_when_all_have_failed(
    qtbot: QtBot, unruly: Unruly, models: dict[Slot, Path]
) -> None:
    loading = Inference(ModelChoice.of(models, "openvino"), 1, "never")
    unruly.hanging_at_load.add(("int8", "openvino"))
    log = Log(loading)
    loading.start()
    loading.offer(offer(1))
    qtbot.wait(1500)
    assert log.stalled == []
    unruly.broken |= {("int8", "openvino"), ("fp32", "openvino")}
    unruly.release.set()
    failures: list[str] = []
    loading.failed.connect(lambda slot, text: failures.append(slot))
    keep_offering(qtbot, loading, lambda: len(failures) == 2)
    qtbot.wait(1500)
    assert log.stalled == []
    loading.stop()
    assert loading.wait(QDeadlineTimer(2000))


@pytest.mark.parametrize("broken", ["load_model", "try_first_choices"])
def test_what_nobody_foresaw_is_logged_and_every_model_says_that_it_stopped(
    qtbot: QtBot,
    models: dict[Slot, Path],
    unruly: Unruly,
    broken: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*arguments: object) -> object:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(model_worker, broken, fail)
    inference = Inference(ModelChoice.of(models, "auto"), 1, "never")
    log = Log(inference)
    with qtbot.waitSignal(inference.idle, timeout=20_000):
        inference.start()
    assert {text for _, text in log.said} == {
        "failed: The model stopped unexpectedly; the log holds the details."
    }
    assert [slot for slot, _ in log.said] == ["int8", "fp32"]
    # Whoever waits to know the models before a source is opened waits no longer.
    assert [len(pair.models) for pair in log.pairs] == [0 if broken == "load_model" else 2]
    assert "RuntimeError: nobody foresaw this" in caplog.text
    inference.stop()
    assert inference.wait(QDeadlineTimer(2000))


def test_a_thread_that_broke_down_over_a_clip_is_neither_waited_for_nor_replaced(
    qtbot: QtBot, start_inference: StartInference, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> object:
        raise RuntimeError("nobody foresaw this")

    inference, log = start_inference()
    answered(qtbot, inference, both)
    monkeypatch.setattr(model_runner.ModelRunner, "answer", fail)
    keep_offering(qtbot, inference, lambda: log.of("fp32")[-1].startswith("failed"))
    assert log.of("int8")[-1] == log.of("fp32")[-1]
    # It is watched by what it is inside of.
    assert inference._current.step is None
    qtbot.wait(1500)
    assert log.stalled == []


def test_a_teacher_which_gives_way_gets_ten_times_as_long_before_it_counts_as_hanging() -> None:
    def limit_s(slot: Slot, slowest_ms: float) -> float:
        return model_worker.Step(slot, "openvino", "answering", slowest_ms).limit_s

    for slowest_ms in (0.0, 8000.0):
        assert limit_s("teacher", slowest_ms) == 10 * limit_s("int8", slowest_ms)
