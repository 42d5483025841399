"""A stream's user name, password and query stay where the person typed them, and nowhere else."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.__main__ import main
from app.log import LOG_FOLDER, Log
from app.main_window import MainWindow
from app.messages import Shown
from app.recording.export import export_session
from app.recording.reader import read_session
from app.session_log import SessionLog
from app.sources import parse_source
from core.errors import SourceError
from tests.app.doubles import FakeCamera

ADDRESS = "rtsp://driver:hunter2@cabin.local/stream?token=hunter2"
NOT_STREAMS = (
    "rtsp:/driver:hunter2@cabin/1",
    "rtsp:\\\\driver:hunter2@cabin",
    "ftp://driver:hunter2@cabin/1",
    "concat://driver:hunter2@cabin|file:/etc/passwd",
    "rtsp://driver:hunter2 @cabin/1",
    "rtsp://driver:hunter2@cabin/1\nX: y",
)
PATIENCE_MS = 20_000


def texts_of(window: MainWindow) -> list[str]:
    """Everything that the window says, somewhere or when asked."""
    texts = [window.windowTitle()]
    for part in window.findChildren(QObject):
        if isinstance(part, QWidget):
            texts += [part.toolTip(), part.accessibleName(), part.accessibleDescription()]
            texts += [part.windowTitle(), part.statusTip()]
        if isinstance(part, QLabel | QAction):
            texts.append(part.text())
    return texts


def test_a_password_is_in_no_log_title_recording_export_or_settings(
    qtbot: QtBot,
    make_window: Callable[..., MainWindow],
    camera: FakeCamera,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(LOG_FOLDER, str(tmp_path / "log"))
    caplog.set_level(logging.DEBUG)
    with Log("incab"):
        for _ in range(20):
            camera.feed.put(20)
        window = make_window(source=ADDRESS, start=False)
        SessionLog(window.session, window)
        window.start()
        window.settings.recordings_folder = tmp_path / "recordings"
        window.settings.pictures_folder = tmp_path / "pictures"
        qtbot.waitUntil(
            lambda: window.session.source is not None and not window.session.answers.loading_models,
            timeout=PATIENCE_MS,
        )
        said = texts_of(window)
        qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
        answers: list[Shown] = []
        window.session.answers.answered.connect(answers.append)

        def feed() -> bool:
            camera.feed.put(20)
            return len(answers) > 5

        qtbot.waitUntil(feed, timeout=PATIENCE_MS)
        with qtbot.waitSignal(window.recordings.recording.saved, timeout=PATIENCE_MS) as saved:
            qtbot.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
        said += texts_of(window)
        camera.feed.put("The cable is out.")
        qtbot.waitUntil(lambda: "reconnect" in " ".join(texts_of(window)).lower(), timeout=5_000)
        said += texts_of(window)
        window.close()
    recording = saved.args[0]
    with read_session(recording) as session:
        for ending in ("csv", "json"):
            export_session(session, tmp_path / f"exported.{ending}")
    assert "cabin.local" in " ".join(said)
    assert "hunter2" not in " ".join(said)
    assert "hunter2" not in caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    names = {path.suffix for path in files}
    assert {".log", ".sqlite", ".ini", ".csv", ".json"} <= names
    for path in files:
        assert "hunter2" not in path.name
        assert b"hunter2" not in path.read_bytes(), path
    assert "cabin.local" in (tmp_path / "log" / "incab.log").read_text()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("address", NOT_STREAMS)
def test_what_is_no_stream_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(SourceError) as raised:
        parse_source(address)
    assert "hunter2" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("address", [ADDRESS, *NOT_STREAMS])
def test_a_command_for_files_tells_no_password_either(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv(LOG_FOLDER, str(tmp_path))
    assert main(["replay", address]) == 1
    assert "hunter2" not in (tmp_path / "incab.log").read_text()
    said = capsys.readouterr().err
    assert said.startswith("incab: ")
    assert "hunter2" not in said
