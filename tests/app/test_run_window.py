"""Signals end the window, whatever Python was doing when they came."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.run_window import close_on_signals

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
