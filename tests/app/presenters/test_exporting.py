"""Exporting a recording from the real window."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.recording.reader import read_session
from tests.app.presenters.recordings import stop


def test_a_recording_is_exported_from_the_window(
    qtbot: QtBot, recorded: tuple[MainWindow, Path, Path], tmp_path: Path
) -> None:
    window, path, _ = recorded
    exports = window.recordings.exports
    dialog = window.recordings.ask_for_export()
    assert path.name in dialog.windowTitle()
    with qtbot.waitSignal(exports.exported, timeout=20_000):
        dialog.fileSelected.emit(str(tmp_path / "out.csv"))
    dialog.close()
    with read_session(path) as session, (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
        assert [int(row["frame"]) for row in rows] == session.clips.frame.tolist()
    assert "Exported to" in window.widgets.banner.text
    with qtbot.waitSignal(exports.exported, timeout=60_000):
        exports.export(path, tmp_path / "out.mp4")
    video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 600
    video.release()


def test_of_a_recording_in_several_files_the_person_says_which_to_export(
    qtbot: QtBot,
    record: Callable[..., MainWindow],
    videos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.recording.writer.CLIPS_A_FILE", 5)
    window = record(str(videos / "long.mp4"))
    folder = tmp_path / "recordings"
    qtbot.waitUntil(lambda: len(list(folder.glob("*.sqlite"))) > 1, timeout=20_000)
    stop(qtbot, window)
    dialog = window.recordings.ask_for_export()
    assert dialog.windowTitle() == "Which recording?"
    assert Path(dialog.directory().absolutePath()) == folder
    dialog.close()


def test_a_cancelled_export_leaves_nothing(
    qtbot: QtBot, recorded: tuple[MainWindow, Path, Path], tmp_path: Path
) -> None:
    window, path, _ = recorded
    exports = window.recordings.exports
    before = set(tmp_path.iterdir())
    with qtbot.waitSignal(exports.exported, timeout=20_000):
        exports.export(path, tmp_path / "out.mp4")
        exports.line.cancel.trigger()
    assert set(tmp_path.iterdir()) == before
