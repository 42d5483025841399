"""What the window is opened on; signals end it, whatever Python was doing when they came."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.run_window import _recording, close_on_signals
from tests.app.recording.doubles import clip, write_session

_NAMES = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def handlers() -> Iterator[None]:
    before = [signal.getsignal(name) for name in _NAMES]
    yield
    for name, handler in zip(_NAMES, before, strict=True):
        signal.signal(name, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("name", _NAMES)
def test_a_signal_closes_the_window_between_two_events(
    name: signal.Signals, qtbot: QtBot, make_window: Callable[..., MainWindow]
) -> None:
    window = make_window()
    qtbot.waitUntil(lambda: not window.session.answers.loading_models, timeout=20_000)
    close_on_signals(window)
    signal.raise_signal(name)
    # Locks may be held at this moment, for which the threads wait that closing waits for.
    assert window.isVisible()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert window.ended_cleanly


def test_a_recording_is_told_from_other_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_session(tmp_path / "a b.sqlite", [clip(5, 0, 1)])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").write_bytes(path.read_bytes())
    assert _recording(str(path)) == path
    assert _recording(f"file://{tmp_path}/a%20b.sqlite") == path
    for other in (" 0 ", "ftp://x/y", "file:///a%00", "", None):
        assert _recording(other) is None
