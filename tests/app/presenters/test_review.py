"""A recording in its window where its pictures are missing: the same times everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.recording.records import ClipRecord, SourceRecord
from app.timeline_record import TimelineRecord
from core.activities import title_of
from tests.app.recording.doubles import CAMERA, clip, write_session
from tests.app.windows import MakeWindow

GONE = SourceRecord(
    kind="file",
    name="gone.mp4",
    width=64,
    height=48,
    path="/nowhere/gone.mp4",
    fps=30.0,
    duration_s=60.0,
)


def opened(qtbot: QtBot, make_window: MakeWindow, path: Path) -> tuple[MainWindow, TimelineRecord]:
    """The window of a recording, at rest, and what its timeline holds."""
    first = make_window()
    first.open(path)
    qtbot.waitUntil(lambda: len(first.reviews) == 1, timeout=20_000)
    window = first.reviews[0]
    qtbot.waitUntil(lambda: position_s(window) is not None, timeout=20_000)
    window.session.toggle_play()
    qtbot.waitUntil(lambda: not window.reviewing._turn.isActive(), timeout=20_000)
    record = window.timeline.record
    assert record is not None
    return window, record


def position_s(window: MainWindow) -> float | None:
    return window.session.navigator.position_s


def answered(frames: range, late_s: float = 0.0) -> list[ClipRecord]:
    """Clips of which int8 says class 0 before frame 900, then class 1."""
    clips = [clip(frame, int(frame >= 900), 0) for frame in frames]
    return [replace(one, time_s=one.time_s + late_s) for one in clips]


def test_the_truth_of_a_missing_video_is_at_the_times_of_the_clips(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    """Thirty frames a second, of which a slow machine answered every third."""
    truth = ("sitting_still",) * 900 + ("drinking",) * 900
    # From 40 s to 50 s nothing was recorded.
    clips = answered(range(90, 1200, 3)) + answered(range(1500, 1800, 3))
    path = write_session(tmp_path / "gone.sqlite", clips, GONE, truth)
    window, record = opened(qtbot, make_window, path)
    said = [record.moment(time_s).truth for time_s in (2.0, 5.0, 29.9, 30.1, 45.0, 55.0)]
    assert said == [None, "sitting_still", "sitting_still", "drinking", None, "drinking"]
    for time_s, name in ((29.9, "sitting_still"), (30.1, "drinking")):
        assert record.moment(time_s, 0.1).answers["int8"][0][0] == name
    assert record.window_s[1] == pytest.approx(60.0, abs=0.2)
    qtbot.keyClick(window, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: position_s(window) == pytest.approx(30.0), timeout=20_000)


def test_a_camera_that_ran_for_a_day_before_is_shown_from_the_recording_on(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    clips = answered(range(750, 1050, 3), late_s=25 * 3600.0)
    path = write_session(tmp_path / "day.sqlite", clips, CAMERA)
    window, record = opened(qtbot, make_window, path)
    assert record.window_s == (0.0, pytest.approx(10.0, abs=0.2))
    row = record.answers_of("int8")
    assert (row[0], row[149], row[151], row[296]) == (0, 0, 1, 1)
    source = window.session.source
    assert source is not None
    assert source.duration_s == pytest.approx(10.0, abs=0.2)
    # What is played is where it was filled in.
    window.session.restart()
    qtbot.waitUntil(lambda: position_s(window) == 0.0, timeout=20_000)
    qtbot.keyClick(window, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: position_s(window) == pytest.approx(5.0), timeout=20_000)
    panel = window.widgets.panels["int8"]
    qtbot.waitUntil(lambda: panel.activity.text == title_of("drinking"), timeout=20_000)
