"""Recording in the real window, and opening and losing what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.messages import STUDENTS
from app.recording.reader import read_session
from app.recording.recorded_models import RecordedModels
from app.recording.recorder import Recorder
from app.recording.records import Record
from app.recording.writer import SessionWriter
from app.state import State
from core.activities import title_of
from core.annotations import Chunk, write_annotations
from core.errors import SessionFileError
from tests.app.doubles import DARK, FakeCamera
from tests.app.presenters.recordings import answers_of, stop
from tests.app.recording.doubles import TAKE_LOG, run_elsewhere
from tests.app.windows import MakeWindow


def review(qtbot: QtBot, window: MainWindow, path: Path) -> MainWindow:
    """Open a recording, and wait until its timeline is there."""
    count = len(window.reviews)
    window.open(path)
    qtbot.waitUntil(lambda: len(window.reviews) > count, timeout=20_000)
    opened = window.reviews[-1]
    qtbot.waitUntil(
        lambda: opened.timeline.record is not None and not opened.reviewing._turn.isActive(),
        timeout=20_000,
    )
    return opened


def test_a_recorded_file_comes_back_as_it_was(
    qtbot: QtBot, record: Callable[..., MainWindow], videos: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    write_annotations(truth, [Chunk(1, "long", 0, 40, 90, DARK, 0)])
    window = record(str(videos / "long.mp4"), annotations=truth)
    button = window.recordings.recording.record
    shown = answers_of(window)
    qtbot.waitUntil(lambda: len(shown) > 20, timeout=20_000)
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: button.text() not in ("Record", "00:00"), timeout=20_000)
    path = stop(qtbot, window)
    assert path.parent == tmp_path / "recordings"
    assert button.text() == "Record"
    assert str(path) in window.widgets.banner.text
    assert "No picture was stored" in window.widgets.banner.text
    with read_session(path) as session:
        assert session.closed
        assert session.source.path == str(videos / "long.mp4")
        frames = session.clips.frame.tolist()
        # One or two may have been answered since.
        assert frames == [one.answer.offer.clip.frame_index for one in shown][: len(frames)]
        assert len(frames) > 20
        assert {model.engine for model in session.models.values()} == {"openvino"}
        assert all(len(model.sha256) == 64 for model in session.models.values())
        assert "paused" in {event.text for event in session.events}
        assert session.counters.keys() == {"skipped", "gaps", "engine_faults"}

    opened = review(qtbot, window, path)
    assert isinstance(opened.session._inference, RecordedModels)
    assert path.name in opened.windowTitle()
    old, new = window.timeline.record, opened.timeline.record
    assert old is not None
    assert new is not None
    assert np.array_equal(new.truth, old.truth)
    first = int(session.clips.time_s[0] * 30)
    for slot in STUDENTS:
        was, now = old.answers_of(slot), new.answers_of(slot)
        assert np.array_equal(now[first : first + 20], was[first : first + 20])
    # Beyond what was recorded it says so instead of keeping the last label.
    opened.session.navigator.seek(float(session.clips.time_s[5]))
    panel = opened.widgets.panels["int8"]
    qtbot.waitUntil(lambda: panel.activity.text == title_of(DARK), timeout=20_000)
    assert panel.engine.text() == "OpenVINO · as recorded"
    opened.session.navigator.seek(15.0)
    qtbot.waitUntil(lambda: panel.activity.text == "not recorded", timeout=20_000)


def test_a_recorded_camera_has_no_pictures_and_no_password(
    qtbot: QtBot, record: Callable[..., MainWindow], camera: FakeCamera
) -> None:
    for _ in range(20):
        camera.feed.put(20)
    window = record("rtsp://driver:secret@cabin/stream?token=hidden")
    shown = answers_of(window)

    def feed() -> bool:
        camera.feed.put(20)
        return len(shown) > 10

    qtbot.waitUntil(feed, timeout=20_000)
    path = stop(qtbot, window)
    content = path.read_bytes()
    assert b"secret" not in content
    assert b"hidden" not in content
    with read_session(path) as session:
        assert session.source.kind == "stream"
        assert session.source.name == "rtsp://cabin/stream"
        clips = len(session.clips.frame)
    opened = review(qtbot, window, path)
    assert "no pictures are stored" in opened.widgets.banner.text
    assert opened.session.source.duration_s is not None
    panel = opened.widgets.panels["fp32"]
    qtbot.waitUntil(lambda: panel.activity.text == title_of(DARK), timeout=20_000)
    assert clips > 10


def test_closing_the_window_closes_the_recording(
    qtbot: QtBot, record: Callable[..., MainWindow], videos: Path
) -> None:
    window = record(str(videos / "long.mp4"))
    shown = answers_of(window)
    with qtbot.waitSignal(window.session.answers.answered, timeout=20_000):
        pass
    path = window.recordings.recording._recorder.path
    window.close()
    assert window.ended_cleanly
    with read_session(path) as session:
        assert session.record.end_reason == "the window was closed"
        assert len(session.clips.frame) == len(shown)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_end_of_the_source_or_another_one_ends_the_recording(
    qtbot: QtBot, record: Callable[..., MainWindow], videos: Path
) -> None:
    window = record(str(videos / "brief.mp4"))
    recording = window.recordings.recording
    with qtbot.waitSignal(recording.saved, timeout=20_000) as saved:
        pass
    with read_session(saved.args[0]) as session:
        assert session.record.end_reason == "the source ended"
    window.open(videos / "long.mp4")
    qtbot.waitUntil(lambda: window.session.state is State.PLAYING, timeout=20_000)
    qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    with qtbot.waitSignal(recording.saved, timeout=20_000) as saved:
        window.open(videos / "brief.mp4")
    assert not recording.recording
    with read_session(saved.args[0]) as session:
        assert session.record.end_reason == "another source was opened"


def test_a_full_disk_is_told_and_the_window_goes_on(
    qtbot: QtBot,
    make_window: MakeWindow,
    videos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full(SessionWriter):
        def add(self, record: Record) -> None:
            raise SessionFileError("The disk is full.")

    window = make_window(source=str(videos / "long.mp4"))
    recording = window.recordings.recording
    window.settings.recordings_folder = tmp_path
    monkeypatch.setattr(
        "app.presenters.recording.Recorder", lambda *given: Recorder(*given, open_writer=Full)
    )
    qtbot.waitUntil(recording.record.isEnabled, timeout=20_000)
    recording.record.trigger()
    banner = window.widgets.banner
    qtbot.waitUntil(lambda: banner.text.startswith("The disk is full."), timeout=20_000)
    assert banner.property("role") == "banner"
    assert not recording.record.isChecked()
    assert window.session.state is State.PLAYING


def test_without_a_source_nothing_can_be_recorded(make_window: MakeWindow) -> None:
    window = make_window()
    assert not window.recordings.recording.record.isEnabled()
    assert "no picture is stored" in window.recordings.recording.record.toolTip()


def test_a_folder_that_cannot_be_made_is_named(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    window = make_window(source=str(videos / "long.mp4"))
    window.settings.recordings_folder = tmp_path / "file" / "folder"
    record = window.recordings.recording.record
    qtbot.waitUntil(record.isEnabled, timeout=20_000)
    record.trigger()
    assert "choose another recordings folder" in window.widgets.banner.text
    assert not record.isChecked()


# Opening


def test_a_missing_or_changed_video_is_said(
    qtbot: QtBot, recorded: tuple[MainWindow, Path, Path], videos: Path
) -> None:
    window, path, video = recorded
    video.rename(path.with_name("drive.mp4"))
    beside = review(qtbot, window, path)
    assert beside.session.source.address == path.with_name("drive.mp4")
    assert "No model runs" in beside.widgets.banner.text
    path.with_name("drive.mp4").unlink()
    blank = review(qtbot, window, path)
    assert "is not there any more" in blank.widgets.banner.text
    # A video that is opened there is taken for the recorded one.
    count = len(window.reviews)
    blank.open(videos / "brief.mp4")
    qtbot.waitUntil(lambda: len(window.reviews) > count, timeout=20_000)
    other = window.reviews[-1].widgets.banner
    qtbot.waitUntil(lambda: "is not the file that was recorded" in other.text, timeout=20_000)
    blank.open(0)
    assert "This window shows a recording" in blank.widgets.banner.text


def test_a_damaged_recording_is_refused_and_the_window_goes_on(
    qtbot: QtBot, recorded: tuple[MainWindow, Path, Path]
) -> None:
    window, path, _ = recorded
    content = bytearray(path.read_bytes())
    content[4096:6000] = b"\xff" * 1904
    path.write_bytes(content)
    window.open(path)
    banner = window.widgets.banner
    qtbot.waitUntil(lambda: f"{path} is damaged" in banner.text, timeout=20_000)
    assert window.reviews == []


def test_a_file_that_is_being_recorded_is_left_alone(
    qtbot: QtBot, record: Callable[..., MainWindow], videos: Path, tmp_path: Path
) -> None:
    window = record(str(videos / "long.mp4"))
    recorder = window.recordings.recording._recorder
    qtbot.waitUntil(lambda: recorder.clips > 0, timeout=20_000)
    path, banner = recorder.path, window.widgets.banner
    window.open(path)
    qtbot.waitUntil(lambda: "stop the recording first" in banner.text, timeout=20_000)
    banner.hide()
    with qtbot.waitSignal(window.recordings.exports.exported, timeout=20_000):
        window.recordings.exports.export(path, tmp_path / "out.csv")
    assert "stop the recording first" in banner.text
    window.open(videos / "brief.mp4", path)
    assert "is a recording; annotations are a CSV file" in banner.text
    choice = window.session.answers.choice
    window.chooser.chosen.emit(replace(choice, paths={**choice.paths, "int8": path}))
    assert "is a recording; choose a model file" in banner.text
    assert window.session.answers.choice == choice
    assert run_elsewhere(TAKE_LOG, path) == "database is locked"
    stop(qtbot, window)


@pytest.mark.parametrize("job", ["open", "export"])
def test_a_defect_ends_in_a_sentence_and_the_window_goes_on(
    qtbot: QtBot,
    recorded: tuple[MainWindow, Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    job: str,
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError

    window, path, _ = recorded
    banner, exports = window.widgets.banner, window.recordings.exports
    with monkeypatch.context() as patch:
        if job == "open":
            patch.setattr("app.presenters.review.load_review", defect)
            window.open(path)
        else:
            patch.setattr("app.presenters.exports.export_session", defect)
            exports.export(path, tmp_path / "out.csv")
        qtbot.waitUntil(lambda: "the log holds the details" in banner.text, timeout=20_000)
    assert str(path.name) in banner.text
    assert "ZeroDivisionError" in caplog.text
    # And the next one works.
    qtbot.waitUntil(lambda: window.recordings._loader is None, timeout=20_000)
    qtbot.waitUntil(lambda: exports._exporter is None, timeout=20_000)
    if job == "open":
        review(qtbot, window, path)
    else:
        with qtbot.waitSignal(exports.exported, timeout=20_000):
            exports.export(path, tmp_path / "out.csv")
        assert (tmp_path / "out.csv").is_file()
