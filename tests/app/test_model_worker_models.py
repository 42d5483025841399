"""Models that are exchanged, added or step aside while the worker threads run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QDeadlineTimer
from pytestqt.qtbot import QtBot

from app import model_worker
from app.inference import Inference
from app.messages import Answer, Slot
from app.model_choice import ModelChoice
from core.clip import ClipSpec
from core.modelfile import load_model, save_model
from tests.app.doubles import LABELS, SPEC
from tests.app.inferences import StartInference, answered, both, offer


def other_models(models: dict[Slot, Path], folder: Path, spec: ClipSpec) -> ModelChoice:
    """The same networks looking at other clips, with the labels turned round."""
    paths: dict[Slot, Path] = {}
    for slot, path in models.items():
        model = load_model(path)
        paths[slot] = folder / f"other_{slot}.safetensors"
        save_model(replace(model, clip=spec, labels=LABELS[::-1]), paths[slot])
    return ModelChoice.of(paths, "auto")


def test_other_models_take_over_and_see_their_own_clips(
    qtbot: QtBot,
    start_inference: StartInference,
    models: dict[Slot, Path],
    tmp_path: Path,
) -> None:
    inference, log = start_inference()
    answered(qtbot, inference, both)
    other = replace(SPEC, span_s=0.5)
    inference.change(other_models(models, tmp_path, other))
    answered(qtbot, inference, lambda answer: len(log.pairs) == 1)
    qtbot.waitUntil(lambda: log.changing[-1] is None, timeout=20_000)
    assert len(log.pairs) == 2
    assert inference.spec == other
    assert inference.labels == LABELS[::-1]
    # Clips of the kind before are on their way for a moment: they are not answered.
    inference.offer(offer(1))
    inference.offer(offer(2, other))
    answers: list[Answer] = []

    def one_came() -> bool:
        answers.extend(inference.take_answers())
        return bool(answers)

    qtbot.waitUntil(one_came, timeout=20_000)
    assert [answer.offer.clip.frame_index for answer in answers] == [2]


def test_a_bad_choice_leaves_the_present_models_running(
    qtbot: QtBot,
    start_inference: StartInference,
    models: dict[Slot, Path],
    tmp_path: Path,
) -> None:
    inference, log = start_inference()
    before = inference.choice
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    inference.change(ModelChoice.of({**models, "int8": broken}))
    qtbot.waitUntil(lambda: log.changing[-1] is None, timeout=20_000)
    assert "broken.safetensors" in log.refused[0]
    assert inference.choice is before
    assert len(log.pairs) == 1
    answered(qtbot, inference, both)


def test_a_choice_that_is_changed_again_is_given_up(
    qtbot: QtBot,
    start_inference: StartInference,
    models: dict[Slot, Path],
) -> None:
    inference, log = start_inference()
    first, second = (ModelChoice.of(models, engine) for engine in ("reference", "onednn"))
    inference.change(first)
    inference.change(second)
    qtbot.waitUntil(lambda: log.changing[-1] is None, timeout=20_000)
    assert log.changing == [first, second, None]
    assert inference.choice is second
    assert log.of("int8") == ["runs on openvino", "runs on onednn"]


def test_the_engine_may_differ_between_the_models(
    qtbot: QtBot, start_inference: StartInference, models: dict[Slot, Path]
) -> None:
    inference, log = start_inference()
    inference.change(ModelChoice(models, {"int8": "openvino", "fp32": "eager"}))
    qtbot.waitUntil(lambda: log.changing[-1] is None, timeout=20_000)
    assert log.of("int8")[-1] == "runs on openvino"
    assert log.of("fp32")[-1] == "runs on eager"


def test_a_third_model_sees_the_same_clip(qtbot: QtBot, models: dict[Slot, Path]) -> None:
    paths = {**models, "teacher": models["fp32"]}
    inference = Inference(ModelChoice.of(paths, "reference"), 1, "never")
    with qtbot.waitSignal(inference.idle, timeout=20_000):
        inference.start()
    answer = answered(qtbot, inference, lambda answer: True)
    assert list(answer.predictions) == ["int8", "fp32", "teacher"]
    inference.stop()
    assert inference.wait(QDeadlineTimer(2000))


def test_a_bundled_model_steps_aside_for_a_named_one(
    qtbot: QtBot,
    models: dict[Slot, Path],
    start_inference: StartInference,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Kinetics weights look at other clips than the bundled twins, and were asked for."""
    monkeypatch.setattr(model_worker.resources, "INT8_MODEL", models["int8"])
    kinetics = tuple(f"kinetics {name}" for name in LABELS)
    other = replace(load_model(models["fp32"]), labels=kinetics)
    chosen = tmp_path / "kinetics.safetensors"
    save_model(other, chosen)
    inference, log = start_inference(paths={**models, "fp32": chosen})
    assert inference.labels == other.labels
    assert "knows other activities than" in log.of("int8")[0]
    alone = answered(qtbot, inference, lambda answer: bool(answer.predictions))
    assert set(alone.predictions) == {"fp32"}
