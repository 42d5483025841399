"""A session whose models stop, fail, or are exchanged while it plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.messages import Slot
from app.model_choice import Fault, ModelChoice
from app.state import State
from core.clip import ClipSpec
from core.modelfile import load_model, save_model
from tests.app.doubles import SPEC, tiny_model
from tests.app.sessions import MakeSession, reach


def test_the_models_stopping_by_themselves_is_told(
    qtbot: QtBot,
    make_session: MakeSession,
    videos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, log = make_session()
    failures: list[str] = []
    session.answers.model_failed.connect(lambda slot, text: failures.append(slot))
    session._inference._current.stop()
    qtbot.waitUntil(lambda: failures == ["int8", "fp32"])
    session.open(videos / "blink.mp4")
    reach(qtbot, session, State.ENDED)
    assert log.shown == []


def other_models(models: dict[Slot, Path], folder: Path, spec: ClipSpec) -> ModelChoice:
    """The same networks, looking at clips of another kind."""
    paths: dict[Slot, Path] = {}
    for slot, path in models.items():
        paths[slot] = folder / f"{slot}.safetensors"
        save_model(tiny_model(load_model(path).network, spec), paths[slot])
    return ModelChoice.of(paths, "openvino")


def test_other_models_with_other_clips_take_over_while_it_plays(
    qtbot: QtBot,
    make_session: MakeSession,
    models: dict[Slot, Path],
    videos: Path,
    tmp_path: Path,
) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: len(log.shown) > 5, timeout=10_000)
    before = log.shown[-1].answer.offer
    other = replace(SPEC, frames=8, span_s=0.5)
    choice = other_models(models, tmp_path, other)
    session.answers.set_models(choice)
    qtbot.waitUntil(lambda: log.shown[-1].answer.offer.spec == other, timeout=20_000)
    assert log.states == [State.OPENING, State.PLAYING]
    assert session.answers.choice is choice
    last = log.shown[-1].answer
    assert last.offer.generation != before.generation
    assert last.offer.clip.pixels.shape == other.clip_shape
    for shown in log.shown:
        # Both see the identical clip, before and after.
        assert len({p.frame_index for p in shown.answer.predictions.values()}) == 1


@pytest.mark.parametrize("spec", [SPEC, replace(SPEC, frames=8, span_s=0.5)], ids=["same", "other"])
def test_other_models_name_the_picture_of_a_pause(
    spec: ClipSpec,
    qtbot: QtBot,
    make_session: MakeSession,
    models: dict[Slot, Path],
    videos: Path,
    tmp_path: Path,
) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    navigator = session.navigator
    qtbot.waitUntil(lambda: navigator.position_s is not None and navigator.position_s > 0.7)
    session.toggle_play()
    paused_s = navigator.position_s
    shown_before: list[int] = []
    session.answers.restarted.connect(lambda: shown_before.append(len(log.shown)))
    session.answers.set_models(other_models(models, tmp_path, spec))
    qtbot.waitUntil(
        lambda: bool(shown_before) and len(log.shown) > shown_before[-1], timeout=20_000
    )
    assert session.state is State.PAUSED
    assert log.shown[-1].answer.offer.spec == spec
    assert log.shown[-1].answer.offer.clip.time_s == pytest.approx(paused_s, abs=0.05)


def test_an_answer_from_before_a_fault_is_not_shown_after_it(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: len(log.shown) > 0, timeout=10_000)
    session._tick_timer.stop()
    session._inference.take_answers()
    late, shown = log.shown[-1].answer, len(log.shown)
    for slot in ("int8", "fp32"):
        session._inference.faulted.emit(slot, Fault("It broke.", 1.0))
    session._show(late)
    assert len(log.shown) == shown
    session.refresh_numbers()
    assert log.numbers[-1].label_age_ms is None
