"""The session: one state at a time, the previous source kept, labels that never lie."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QDeadlineTimer
from pytestqt.qtbot import QtBot

from app.messages import Shown, Slot
from app.state import State
from core.annotations import Chunk, write_annotations
from tests.app.doubles import BRIGHT, DARK, LABELS
from tests.app.sessions import MakeSession, reach


def steady_label(shown: Shown, slot: Slot) -> str | None:
    index = shown.decisions[slot].class_index
    return None if index is None else LABELS[index]


def test_a_file_plays_through_and_is_labelled(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "brief.mp4")
    reach(qtbot, session, State.ENDED)
    qtbot.waitUntil(lambda: log.shown[-1].answer.offer.clip.frame_index == 39)
    assert log.states == [State.OPENING, State.PLAYING, State.ENDED]
    for slot in ("int8", "fp32"):
        raw = [LABELS[shown.answer.predictions[slot].best] for shown in log.shown]
        assert (raw[0], raw[-1]) == (DARK, BRIGHT)
        assert steady_label(log.shown[0], slot) == DARK
    assert log.problems == []


def test_the_numbers_are_true_and_fall_to_zero(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: len(log.shown) > 20, timeout=10_000)
    session.refresh_numbers()
    numbers = log.numbers[-1]
    assert 10 < numbers.capture_fps < 60
    assert numbers.label_age_ms is not None
    assert 0 < numbers.label_age_ms < 2000
    assert numbers.session.agreement == 1.0
    assert numbers.session.clips == len(log.shown)
    assert numbers.size_ratio is not None
    assert numbers.session.speed_ratio is not None
    assert numbers.models["int8"].fps > 0
    session.toggle_play()
    session.refresh_numbers()
    assert log.numbers[-1].label_age_ms is None
    # The last answer may come after the last frame was counted.
    qtbot.waitUntil(
        lambda: log.numbers[-1].capture_fps == log.numbers[-1].inferred_fps == 0, timeout=5000
    )
    assert log.numbers[-1].models["int8"].fps == 0


def test_pause_and_play(qtbot: QtBot, make_session: MakeSession, videos: Path) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    reach(qtbot, session, State.PLAYING)
    session.toggle_play()
    assert session.state is State.PAUSED
    session.toggle_play()
    assert session.state is State.PLAYING
    assert log.states == [State.OPENING, State.PLAYING, State.PAUSED, State.PLAYING]


def test_play_at_the_end_starts_again_with_a_fresh_clip(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "brief.mp4")
    reach(qtbot, session, State.ENDED)
    restarts = log.restarts
    session.toggle_play()
    assert session.state is State.PLAYING
    qtbot.waitUntil(lambda: log.restarts > restarts)
    reach(qtbot, session, State.ENDED)


def test_a_pause_between_the_last_frame_and_the_word_of_it_can_be_ended(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, _ = make_session()
    session.open(videos / "blink.mp4")
    reach(qtbot, session, State.PLAYING)
    capture = session._deck.current
    assert capture is not None
    # The window's thread is busy meanwhile, and hears nothing.
    deadline_s = time.monotonic() + 10
    while not capture.playback.at_end and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert session.state is State.PLAYING
    session.toggle_play()
    assert session.state is State.PAUSED
    reach(qtbot, session, State.ENDED)
    captured = capture.captured
    session.toggle_play()
    assert session.state is State.PLAYING
    reach(qtbot, session, State.ENDED)
    assert capture.captured == captured + 4


def test_an_answer_from_before_a_restart_is_not_shown(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "brief.mp4")
    reach(qtbot, session, State.ENDED)
    qtbot.waitUntil(lambda: len(log.shown) > 0)
    old = log.shown[-1].answer
    restarts = log.restarts
    session.restart()
    qtbot.waitUntil(lambda: log.restarts > restarts)
    shown = len(log.shown)
    session._show(old)
    assert len(log.shown) == shown


def test_labels_begin_anew_after_a_restart(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "brief.mp4")
    reach(qtbot, session, State.ENDED)
    qtbot.waitUntil(lambda: log.shown[-1].answer.offer.clip.frame_index == 39)
    generation = log.shown[-1].answer.offer.generation
    session.restart()
    qtbot.waitUntil(lambda: log.shown[-1].answer.offer.generation > generation)
    again = next(one for one in log.shown if one.answer.offer.generation > generation)
    # Nothing of the bright pictures at the end is left in the running mean.
    assert again.decisions["int8"].class_index == LABELS.index(DARK)
    assert again.decisions["int8"].confidence > 0.99


def test_loop_switched_on_at_the_end_plays_again(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "blink.mp4")
    reach(qtbot, session, State.ENDED)
    session.set_loop(True)
    restarts = log.restarts
    qtbot.waitUntil(lambda: log.restarts > restarts + 2, timeout=10_000)
    assert session.state is State.PLAYING


def test_a_bad_choice_leaves_the_present_source_playing(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    reach(qtbot, session, State.PLAYING)
    source = session.source
    session.open(videos / "nothing.mp4")
    assert session.state is State.OPENING
    reach(qtbot, session, State.PLAYING)
    assert session.source is source
    assert "nothing.mp4" in log.problems[0]
    shown = len(log.shown)
    qtbot.waitUntil(lambda: len(log.shown) > shown)


def test_a_bad_choice_at_the_start_can_be_tried_again(
    qtbot: QtBot, make_session: MakeSession, videos: Path, tmp_path: Path
) -> None:
    session, _ = make_session()
    later = tmp_path / "later.mp4"
    session.open(later)
    reach(qtbot, session, State.FAILED)
    later.write_bytes((videos / "blink.mp4").read_bytes())
    session.toggle_play()
    reach(qtbot, session, State.PLAYING)


def test_a_source_named_before_the_models_are_known_is_opened_then(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session(ready=False)
    session.open(videos / "long.mp4")
    assert session.state is State.OPENING
    session.start()
    qtbot.waitUntil(lambda: len(log.shown) > 0, timeout=20_000)


def test_what_was_still_on_its_way_opens_nothing_after_the_end(
    make_session: MakeSession, videos: Path
) -> None:
    """A thread that nobody owns any more would end the program with it."""
    session, _ = make_session(ready=False)
    session.open(videos / "long.mp4")  # waits until the models are known
    session.start()
    # Their description was sent, but this thread has not been told yet.
    assert session._inference.wait(QDeadlineTimer(0)) is False
    deadline_s = time.monotonic() + 20
    while session._inference._current.spec is None and time.monotonic() < deadline_s:
        time.sleep(0.01)
    session.stop()
    assert session.late(QDeadlineTimer(20_000)) == []
    QCoreApplication.processEvents()
    assert session._deck.workers == []


def test_a_file_may_follow_a_file(qtbot: QtBot, make_session: MakeSession, videos: Path) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: len(log.shown) > 0)
    session.open(videos / "brief.mp4")
    qtbot.waitUntil(lambda: session.source is not None and session.source.title == "brief.mp4")
    reach(qtbot, session, State.ENDED)
    session.refresh_numbers()
    # Figures are of this source only.
    assert log.numbers[-1].session.clips <= 40


def test_an_answer_about_the_source_before_is_not_counted(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, log = make_session()
    session.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: len(log.shown) > 0)
    session._tick_timer.stop()
    session._inference.take_answers()
    late, shown = log.shown[-1].answer, len(log.shown)
    session.open(videos / "brief.mp4")
    qtbot.waitUntil(lambda: session.source is not None and session.source.title == "brief.mp4")
    session._inference._current.box.answer(late)
    # As a tick does it when there is no picture yet.
    for answer in session._inference.take_answers():
        session._show(answer)
    assert len(log.shown) == shown
    session.refresh_numbers()
    assert log.numbers[-1].session.clips == 0
    session._tick_timer.start()
    qtbot.waitUntil(lambda: len(log.shown) > shown)


def test_only_the_last_of_many_choices_plays(
    qtbot: QtBot, make_session: MakeSession, videos: Path
) -> None:
    session, _ = make_session()
    for name in ("long.mp4", "blink.mp4", "long.mp4", "brief.mp4"):
        session.open(videos / name)
    reach(qtbot, session, State.ENDED)
    assert session.source is not None
    assert session.source.title == "brief.mp4"


def test_accuracy_against_the_truth(
    qtbot: QtBot,
    make_session: MakeSession,
    videos: Path,
    tmp_path: Path,
) -> None:
    # The truth of the bright half is given wrongly.
    truth = tmp_path / "truth.csv"
    write_annotations(
        truth, [Chunk(1, "brief", 0, 0, 20, DARK, 0), Chunk(1, "brief", 1, 20, 40, "eating", 0)]
    )
    session, log = make_session()
    session.open(videos / "brief.mp4", truth)
    reach(qtbot, session, State.ENDED)
    qtbot.waitUntil(lambda: log.shown[-1].answer.offer.clip.frame_index == 39)
    assert (log.shown[0].truth, log.shown[-1].truth) == (DARK, "eating")
    session.refresh_numbers()
    numbers = log.numbers[-1].models["int8"]
    dark = [shown for shown in log.shown if shown.truth == DARK]
    right = [shown for shown in dark if LABELS[shown.answer.predictions["int8"].best] == DARK]
    # Nobody named anything "eating", so the other half of the mean is zero.
    assert numbers.accuracy == pytest.approx(len(right) / len(dark) / 2)
    assert 0.2 < numbers.accuracy <= 0.5
    assert numbers.labelled_clips == len(log.shown)


def test_an_impossible_change_of_state_is_a_defect(
    make_session: MakeSession,
) -> None:
    session, _ = make_session(ready=False)
    with pytest.raises(AssertionError, match="from idle to ended"):
        session._enter(State.ENDED)
