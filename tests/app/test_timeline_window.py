"""The timeline in the real window: where it goes, and what it says of a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.state import State
from app.timeline_record import TimelineRecord
from app.widgets.timeline import Timeline
from core.annotations import Chunk, write_annotations
from core.frame_index import Interrupted
from core.video import VideoFile
from tests.app.doubles import BRIGHT, DARK, LABELS
from tests.app.uneven import write_cut, write_uneven

MakeWindow = Callable[..., MainWindow]


@pytest.fixture
def annotated(make_window: MakeWindow, videos: Path, tmp_path: Path, qtbot: QtBot) -> MainWindow:
    """long.mp4 with its truth, paused at its first frame."""
    truth = tmp_path / "truth.csv"
    chunks = [Chunk(1, "long", 0, 60, 300, DARK, 0), Chunk(1, "long", 1, 300, 600, BRIGHT, 0)]
    write_annotations(truth, chunks)
    window = make_window(source=str(videos / "long.mp4"), annotations=truth)
    qtbot.waitUntil(lambda: window.session.answers.tally.agreement.clips > 2, timeout=20_000)
    window.session.toggle_play()
    assert window.session.state is State.PAUSED
    # On a busy machine it has gone far until the models answer.
    window.session.restart()
    qtbot.waitUntil(lambda: shown_frame(window) == 0, timeout=20_000)
    return window


def shown_frame(window: MainWindow) -> int:
    picture = window.widgets.video.picture
    return -1 if picture is None else picture.frame.index


def test_n_and_p_go_to_the_first_frame_of_a_label(qtbot: QtBot, annotated: MainWindow) -> None:
    qtbot.keyClick(annotated, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: shown_frame(annotated) == 60, timeout=20_000)
    qtbot.keyClick(annotated, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: shown_frame(annotated) == 300, timeout=20_000)
    qtbot.keyClick(annotated, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: shown_frame(annotated) == 60, timeout=20_000)


def test_d_goes_to_the_next_disagreement(qtbot: QtBot, annotated: MainWindow) -> None:
    record = annotated.timeline.record
    assert record is not None
    record.add(15.02, {"int8": 1, "fp32": 2})
    qtbot.keyClick(annotated, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: shown_frame(annotated) == 450, timeout=20_000)


def test_a_click_and_a_drag_seek(qtbot: QtBot, annotated: MainWindow) -> None:
    timeline = annotated.widgets.timeline
    area = timeline.strips()["int8"]
    middle = QPoint(area.center().x(), area.center().y())
    qtbot.mousePress(timeline, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.waitUntil(lambda: abs(shown_frame(annotated) - 300) < 4, timeout=20_000)
    qtbot.mouseMove(timeline, QPoint(area.left() + area.width() // 4, middle.y()))
    qtbot.waitUntil(lambda: abs(shown_frame(annotated) - 150) < 4, timeout=20_000)
    qtbot.mouseRelease(timeline, Qt.MouseButton.LeftButton, pos=middle)
    # What is answered there is drawn there.
    record = annotated.timeline.record
    assert record is not None
    qtbot.waitUntil(lambda: bool(record.moment(150 / 30, 0.2).answers), timeout=20_000)


def test_truth_and_jumps_follow_frames_that_last_unequally_long(
    make_window: MakeWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    video, truth = tmp_path / "uneven.mkv", tmp_path / "truth.csv"
    write_uneven(video, [20] * 20 + [220] * 20, [2] * 20 + [1] * 20)
    chunks = [Chunk(1, "uneven", 0, 0, 20, DARK, 0), Chunk(1, "uneven", 1, 20, 40, BRIGHT, 0)]
    write_annotations(truth, chunks)
    window = make_window(source=str(video), annotations=truth)
    qtbot.waitUntil(lambda: window.session.state is State.ENDED, timeout=20_000)
    # A step rests where it leads, and so does what follows.
    window.session.navigator.step(-1)
    qtbot.waitUntil(lambda: shown_frame(window) == 38, timeout=20_000)
    window.session.navigator.seek(0.0)
    qtbot.waitUntil(lambda: shown_frame(window) == 0, timeout=20_000)
    qtbot.keyClick(window, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: shown_frame(window) == 20, timeout=20_000)
    record, timeline = window.timeline.record, window.widgets.timeline
    assert record is not None
    assert (record.moment(1.2).truth, record.moment(1.5).truth) == (DARK, BRIGHT)
    # The picture, the mark and the strip agree, and the strip ends where the file does.
    window.timeline.refresh()
    assert timeline._now_s == pytest.approx(20 / 15, abs=0.01)
    assert timeline.shown_s[1] == pytest.approx(2.0, abs=0.01)


def test_a_file_that_is_longer_than_anybody_knows_keeps_its_mark_on_the_timeline(
    make_window: MakeWindow, videos: Path, qtbot: QtBot
) -> None:
    class Endless(VideoFile):
        """Of which nobody knows the length before it was read."""

        def __init__(self, path: Path) -> None:
            super().__init__(path)
            self.properties = replace(self.properties, frame_count=None)

        def _report_search(self, *_: object) -> None:
            raise Interrupted

    window = make_window()
    window.session.open_file = Endless
    window.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: shown_frame(window) > 75, timeout=20_000)
    window.session.toggle_play()
    window.timeline.refresh()
    timeline = window.widgets.timeline
    assert timeline._now_s is not None
    assert 2.4 < timeline._now_s <= timeline.shown_s[1] < 10


def test_a_file_that_was_cut_off_is_said_to_be(
    make_window: MakeWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    window = make_window(source=str(write_cut(tmp_path / "cut.mkv", 200, 0.5)))
    banner = window.widgets.banner
    qtbot.waitUntil(lambda: "cut.mkv promises 200 frames" in banner.text, timeout=20_000)
    # It plays all the same, as far as it goes.
    assert window.session.state is not State.FAILED
    assert window.widgets.timeline.shown_s[1] < 4


# -- the widget alone --------------------------------------------------------------------------


@pytest.fixture
def hour(qtbot: QtBot) -> Timeline:
    """An hour of which two moments are known."""
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(1200, 120)
    timeline.show()
    record = TimelineRecord(LABELS, 3600.0)
    for time_s in (900.0, 1800.0):
        record.add(
            time_s,
            {"int8": 1, "fp32": 2},
            {"int8": [(1, 0.9), (2, 0.08), (0, 0.02)], "fp32": [(2, 0.6), (1, 0.4)]},
        )
        record.interrupt()
    timeline.show_record(record)
    return timeline


def wheel(timeline: Timeline, x: float, notches: int, *, shift: bool = False) -> None:
    area = timeline.strips()["int8"]
    position = QPointF(area.left() + x * area.width(), area.center().y())
    event = QWheelEvent(
        position,
        timeline.mapToGlobal(position),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(timeline, event)


def test_the_wheel_zooms_and_with_shift_it_scrolls(hour: Timeline) -> None:
    wheel(hour, 0.25, 10)
    start_s, end_s = hour.shown_s
    assert start_s < 900 < end_s
    assert end_s - start_s == pytest.approx(3600 * 0.8**10)
    assert hour.time_at(hour.strips()["int8"].left() + 0.25 * hour.strips()["int8"].width()) == (
        pytest.approx(900, abs=2)
    )
    wheel(hour, 0.5, -1, shift=True)
    assert hour.shown_s[0] == pytest.approx(start_s + 0.12 * (end_s - start_s))
    wheel(hour, 0.5, -40)
    assert hour.shown_s == (0.0, 3600.0)


def test_hovering_names_the_three_most_probable_of_both(hour: Timeline) -> None:
    area = hour.strips()["int8"]
    words = hour.describe_at(area.left() + area.width() // 4)
    assert words.startswith(("14:5", "15:0"))
    assert words.splitlines()[1:] == [
        "INT8: drinking 90 % · eating 8 % · sitting still 2 %",
        "FP32: eating 60 % · drinking 40 %",
    ]
    assert hour.describe_at(area.left() + area.width() // 8).endswith("not answered yet")


def test_a_picture_beyond_the_promised_end_moves_the_right_edge(hour: Timeline) -> None:
    hour.refresh(3500.0)
    assert hour.shown_s == (0.0, 3600.0)
    # Nothing was answered there.
    hour.refresh(4000.0)
    assert 4000 < hour.shown_s[1] < 4001


def test_a_camera_has_no_place_to_seek_to(qtbot: QtBot) -> None:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(800, 100)
    timeline.show_record(TimelineRecord(LABELS, None))
    with qtbot.assertNotEmitted(timeline.seek_requested):
        qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(400, 30))
