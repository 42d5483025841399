"""What the tests of the real window wait for."""

from __future__ import annotations

from collections.abc import Callable

from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.state import State
from core.activities import title_of

MakeWindow = Callable[..., MainWindow]


def reach(qtbot: QtBot, window: MainWindow, state: State) -> None:
    qtbot.waitUntil(lambda: window.session.state is state, timeout=20_000)


def loaded(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.session.answers.loading_models, timeout=20_000)


def labelled(qtbot: QtBot, window: MainWindow, name: str) -> None:
    panels = window.widgets.shown_panels.values()
    qtbot.waitUntil(
        lambda: all(panel.activity.text == title_of(name) for panel in panels), timeout=20_000
    )


def panel_texts(window: MainWindow) -> set[str]:
    return {panel.activity.text for panel in window.widgets.shown_panels.values()}
