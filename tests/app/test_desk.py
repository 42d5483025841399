"""The window as a desk: parts that move, themes, settings, and everything by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app import theme
from app.main_window import MainWindow
from app.presenters import appearance
from app.settings import Settings
from app.stylesheet import dress
from app.theme import DARK, LIGHT
from core.annotations import Chunk, write_annotations
from tests.app.doubles import BRIGHT
from tests.app.doubles import DARK as DARK_ACTIVITY

MakeWindow = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def dark_again(qapp: QApplication) -> Iterator[None]:
    yield
    QGuiApplication.styleHints().unsetColorScheme()
    if theme.colours() is not DARK:
        dress(qapp, DARK)


def shown_docks(window: MainWindow) -> set[str]:
    return {name for name, dock in window.docks.all.items() if not dock.isHidden()}


AT_FIRST = {"timeline", "latency", "comparison"}


# -- parts -------------------------------------------------------------------------------------


def test_parts_can_be_closed_are_remembered_and_come_back(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    window = make_window(start=False)
    assert shown_docks(window) == AT_FIRST
    window.docks.all["latency"].close()
    window.docks.all["alerts"].toggleViewAction().trigger()
    window.close()
    again = make_window(start=False)
    assert shown_docks(again) == {"timeline", "comparison", "alerts"}
    again.appearance.reset_layout.trigger()
    assert shown_docks(again) == AT_FIRST
    again.close()
    assert shown_docks(make_window(start=False)) == AT_FIRST


def test_a_part_taken_out_of_the_window_returns_with_the_layout(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    window = make_window(start=False)
    dock = window.docks.all["comparison"]
    dock.setFloating(True)
    assert dock.isWindow()
    window.appearance.reset_layout.trigger()
    assert not dock.isWindow()
    assert dock.isVisible()


def test_the_view_menu_names_every_part(make_window: MakeWindow) -> None:
    window = make_window(start=False)
    entries = [action.text().split("\t")[0] for action in window.appearance.actions()]
    for dock in window.docks.all.values():
        assert dock.windowTitle() in entries
    for text in ("Dark theme", "Light theme", "Reset layout", "Reset all settings"):
        assert text in entries


def test_t_shows_the_accuracy_of_each_activity(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    chunks = [
        Chunk(1, "long", 0, 0, 300, DARK_ACTIVITY, 0),
        Chunk(1, "long", 1, 300, 600, BRIGHT, 0),
    ]
    write_annotations(truth, chunks)
    window = make_window(source=str(videos / "long.mp4"), annotations=truth)
    qtbot.keyClick(window, Qt.Key.Key_T)
    table = window.docks.classes
    assert table.isVisible()
    qtbot.waitUntil(lambda: len(table.texts()) >= 1, timeout=20_000)
    name, clips, int8, fp32, difference = table.texts()[0]
    assert name == "sitting still"
    assert int(clips) > 0
    assert (int8, fp32, difference) == ("100.0", "100.0", "+0.0")
    qtbot.keyClick(window, Qt.Key.Key_T)
    assert not table.isVisible()


# -- themes ------------------------------------------------------------------------------------


def colour_at(widget: QWidget, x: int, y: int) -> str:
    return widget.grab().toImage().pixelColor(x, y).name()


def test_a_theme_is_taken_at_once_everywhere_and_remembered(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    window = make_window(start=False)
    panel = window.widgets.panels["int8"]
    play = window.widgets.transport_actions.play

    def ink(action: object) -> str:
        image = action.icon().pixmap(96, 96).toImage()
        return image.pixelColor(48, 48).name()

    before = ink(play)
    assert colour_at(panel, panel.width() // 2, 4) == DARK.card
    window.appearance.themes["light"].trigger()
    assert colour_at(panel, panel.width() // 2, 4) == LIGHT.card
    assert colour_at(window.docks.all["latency"].widget(), 5, 30) == LIGHT.card
    assert colour_at(window.widgets.latency._plot, 3, 3) == LIGHT.card
    assert colour_at(window.widgets.timeline, 3, 3) == LIGHT.card
    assert (before, ink(play)) == (DARK.text, LIGHT.text)
    window.close()
    dress(QApplication.instance(), DARK)
    again = make_window(start=False)
    assert theme.colours() is LIGHT
    assert again.appearance.themes["light"].isChecked()
    again.appearance.reset_all.trigger()
    assert theme.colours() is DARK


def test_only_windows_that_are_open_are_dressed(make_window: MakeWindow) -> None:
    closed, shown = make_window(start=False), make_window(start=False)
    before = (
        closed.window_actions.help.icon().cacheKey(),
        shown.window_actions.help.icon().cacheKey(),
    )
    closed.close()
    shown.appearance.choose("light")
    assert closed.window_actions.help.icon().cacheKey() == before[0]
    assert shown.window_actions.help.icon().cacheKey() != before[1]
    shown.appearance.choose("dark")


def test_the_theme_of_the_system_is_followed_until_another_is_chosen(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window(start=False)
    # The offscreen system has no scheme of its own; this stands for one that becomes light.
    monkeypatch.setattr(appearance, "colours_of_system", lambda application: LIGHT)
    changed = QGuiApplication.styleHints().colorSchemeChanged
    changed.emit(Qt.ColorScheme.Light)
    assert theme.colours() is LIGHT
    window.appearance.themes["dark"].trigger()
    changed.emit(Qt.ColorScheme.Light)
    assert theme.colours() is DARK


def test_switching_the_theme_while_a_video_plays_keeps_everything(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    qtbot.waitUntil(lambda: window.session.answers.tally.agreement.clips > 3, timeout=20_000)
    window.appearance.choose("light")
    clips = window.session.answers.tally.agreement.clips
    qtbot.waitUntil(lambda: window.session.answers.tally.agreement.clips > clips, timeout=20_000)


# -- settings ----------------------------------------------------------------------------------


def test_a_damaged_settings_file_is_said_and_the_window_opens(
    qtbot: QtBot, make_window: MakeWindow, options: object, videos: Path
) -> None:
    options.settings_path.write_bytes(b"\x00\x01")
    window = make_window(source=str(videos / "long.mp4"))
    banner = window.widgets.banner
    assert banner.isVisible()
    assert "is damaged" in banner.text
    # The source that was named opens at once, before anybody has read that.
    qtbot.waitUntil(lambda: window.session.source is not None, timeout=20_000)
    assert banner.isVisible()
    banner.show_problem("This file cannot be played.")
    banner.source_changed()
    assert not banner.isVisible()


def test_the_hint_is_shown_until_it_was_read(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    assert window.hint.isVisible()
    assert "?" in window.hint.accessibleDescription()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.hint.isVisible()
    window.close()
    assert not make_window().hint.isVisible()


def test_resetting_all_settings_resets_what_is_on_the_screen(
    qtbot: QtBot, make_window: MakeWindow, options: object
) -> None:
    settings = Settings(options.settings_path)
    settings.alert_sound = True
    settings.alert_rules = ()
    settings.save()
    window = make_window(start=False)
    window.docks.decisions.spins["dwell_s"].setValue(3.0)
    assert window.settings.decisions.dwell_s == 3.0
    assert window.docks.alerts.sound.isChecked()
    window.appearance.reset_all.trigger()
    assert window.docks.decisions.spins["dwell_s"].value() == pytest.approx(0.7)
    assert not window.docks.alerts.sound.isChecked()
    assert len(window.docks.alerts.rules) > 3


# -- names -------------------------------------------------------------------------------------


def test_every_control_has_a_name_for_screen_readers(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(start=False)
    for dock in window.docks.all.values():
        dock.show()
    unnamed = [
        widget
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        # What Qt makes itself, such as the line in a spin box or the list below a choice, speaks
        # for its owner.
        and widget.window() is window
        and not widget.objectName().startswith("qt_")
        and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    assert unnamed == []


def test_the_line_moves_while_the_models_load(
    qtbot: QtBot, trial: object, make_window: MakeWindow
) -> None:
    trial.gate.clear()
    window = make_window()
    qtbot.waitUntil(lambda: window.busy.moving, timeout=10_000)
    assert window.busy.accessibleDescription() == "loading models"
    trial.gate.set()
    qtbot.waitUntil(lambda: not window.busy.moving, timeout=20_000)
    assert window.busy.accessibleDescription() == ""


def test_a_notice_never_hides_a_problem(make_window: MakeWindow) -> None:
    banner = make_window(start=False).widgets.banner
    banner.show_notice("Drinking for more than 3 s")
    assert banner.accessibleName() == "Notice"
    banner.show_problem("The file is gone.")
    banner.show_notice("Drinking for more than 3 s")
    assert banner.text == "The file is gone."
    assert banner.accessibleName() == "Problem"
