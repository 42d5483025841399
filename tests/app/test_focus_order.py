"""Tab in the real window: as it is read, over everything that can be seen, and visibly."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow

MakeWindow = Callable[..., MainWindow]


def press(key: Qt.Key) -> QWidget:
    """One key, as the system sends it; what has the focus then."""
    QTest.keyClick(QGuiApplication.focusWindow(), key)
    focused = QApplication.focusWidget()
    assert focused is not None
    return focused


@pytest.fixture
def desk(make_window: MakeWindow) -> MainWindow:
    """A window with every part on the screen, three of them behind one another."""
    window = make_window(start=False)
    for dock in window.docks.all.values():
        dock.show()
    window.docks.all["decisions"].raise_()
    window.widgets.banner.show_problem("Something is wrong.")
    QTest.keyClick(window, Qt.Key.Key_M)
    QApplication.processEvents()
    return window


def test_tab_walks_once_around_and_back(desk: MainWindow) -> None:
    controls = desk.focus_order.controls()
    while press(Qt.Key.Key_Tab) is not controls[0]:
        pass
    assert [press(Qt.Key.Key_Tab) for _ in controls] == [*controls[1:], controls[0]]
    assert press(Qt.Key.Key_Backtab) is controls[-1]
    assert press(Qt.Key.Key_Backtab) is controls[-2]


def test_it_goes_from_the_top_to_the_bottom(desk: MainWindow) -> None:
    names = [control.accessibleName() for control in desk.focus_order.controls()]
    in_order = ["Source", "Model file, Left, INT8", "Dismiss", "Camera or stream", "Close Timeline"]
    in_order += ["Close Latency, ms per clip", "Loop"]
    places = [names.index(name) for name in in_order]
    assert places == sorted(places)


def test_what_lies_behind_another_tab_is_left_out(desk: MainWindow) -> None:
    def reached(name: str) -> bool:
        dock = desk.docks.all[name]
        return any(dock.isAncestorOf(control) for control in desk.focus_order.controls())

    assert reached("decisions")
    assert not reached("alerts")
    desk.docks.all["alerts"].raise_()
    QApplication.processEvents()
    assert reached("alerts")
    assert not reached("decisions")


def test_every_control_shows_that_it_has_the_focus(desk: MainWindow) -> None:
    chosen = desk.chooser.files["int8"]
    # The first one has it without a Tab.
    assert chosen.hasFocus()
    focused = chosen.grab().toImage()
    press(Qt.Key.Key_Tab)
    silent = [] if focused != chosen.grab().toImage() else [chosen.accessibleName()]
    for name in ("decisions", "alerts", "classes"):
        desk.docks.all[name].raise_()
        QApplication.processEvents()
        for _ in desk.focus_order.controls():
            control = QApplication.focusWidget()
            assert control is not None
            focused = control.grab().toImage()
            press(Qt.Key.Key_Tab)
            if control.grab().toImage() == focused:
                silent.append(control.accessibleName())
    assert silent == []


def test_from_the_picture_tab_goes_on_beside_it(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(start=False)
    assert window.widgets.stage.hasFocus()
    assert window.widgets.welcome.isAncestorOf(press(Qt.Key.Key_Tab))
