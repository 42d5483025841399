"""Models, decisions and alerts, chosen in the real window while a video plays."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.messages import Slot
from app.settings import Settings
from app.state import State
from core.alerts import AlertRule
from core.decisions import DecisionSettings
from tests.app.doubles import DARK

MakeWindow = Callable[..., MainWindow]


@pytest.fixture
def playing(make_window: MakeWindow, videos: Path, qtbot: QtBot) -> MainWindow:
    window = make_window(source=str(videos / "long.mp4"), loop=True)
    qtbot.waitUntil(lambda: window.session.answers.tally.agreement.clips > 3, timeout=20_000)
    return window


# -- models ------------------------------------------------------------------------------------


def test_two_other_models_take_over_while_the_video_plays(
    qtbot: QtBot, playing: MainWindow, models: dict[Slot, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "another.safetensors"
    shutil.copy(models["fp32"], copy)
    qtbot.keyClick(playing, Qt.Key.Key_M)
    chooser = playing.chooser
    assert chooser.isVisible()
    assert not chooser.isModal()
    assert chooser.files["int8"].currentData() == models["int8"]
    chooser.take_file("int8", copy)
    chooser.engines["int8"].setCurrentIndex(chooser.engines["int8"].findData("reference"))
    chooser.use.trigger()
    panel = playing.widgets.panels["int8"]
    qtbot.waitUntil(lambda: panel.file.toolTip().startswith("another"), timeout=20_000)
    qtbot.waitUntil(lambda: panel.engine.text().startswith("reference"), timeout=20_000)
    assert playing.session.state is State.PLAYING
    assert "two trainings" in playing.widgets.comparison.origin.text()
    qtbot.waitUntil(lambda: playing.session.answers.tally.agreement.clips > 3, timeout=20_000)
    qtbot.keyClick(playing, Qt.Key.Key_Escape)
    assert not chooser.isVisible()


def test_a_file_that_is_no_model_is_refused_and_the_present_models_go_on(
    qtbot: QtBot, playing: MainWindow, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no model")
    playing.chooser.take_file("fp32", broken)
    playing.chooser.use.trigger()
    qtbot.waitUntil(playing.widgets.banner.isVisible, timeout=20_000)
    assert "broken.safetensors" in playing.widgets.banner.text
    clips = playing.session.answers.tally.agreement.clips
    qtbot.waitUntil(lambda: playing.session.answers.tally.agreement.clips > clips, timeout=20_000)


def test_a_model_file_is_dropped_on_its_panel(
    qtbot: QtBot, playing: MainWindow, models: dict[Slot, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "dropped.safetensors"
    shutil.copy(models["fp32"], copy)
    panel = playing.widgets.panels["fp32"]
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(copy))])
    place = QPointF(panel.mapTo(playing, panel.rect().center()))
    none, copying = Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    drop = QDropEvent(place, copying, data, Qt.MouseButton.LeftButton, none)
    playing.dropEvent(drop)
    qtbot.waitUntil(lambda: panel.file.toolTip().startswith("dropped"), timeout=20_000)
    assert playing.widgets.panels["int8"].file.toolTip().startswith("int8")


# -- decisions ---------------------------------------------------------------------------------


def test_decisions_change_at_once_and_the_last_minute_is_decided_again(
    qtbot: QtBot, playing: MainWindow, options: object
) -> None:
    playing.docks.all["decisions"].toggle()
    panel = playing.docks.decisions
    qtbot.waitUntil(lambda: "raw output" in panel.summary.text(), timeout=20_000)
    assert "uncertain for 0 %" in panel.summary.text()
    # No mean reaches a whole 100 %: from now on every label is refused, and the bars stay.
    panel.spins["leave_threshold"].setValue(100)
    assert panel.spins["enter_threshold"].value() == 100
    qtbot.waitUntil(lambda: "uncertain for 0 %" not in panel.summary.text(), timeout=20_000)
    bars = playing.widgets.panels["int8"].bars
    qtbot.waitUntil(
        lambda: playing.widgets.panels["int8"].activity.text == "uncertain", timeout=20_000
    )
    assert bars.rows[0][0] == DARK
    playing.settings.save()
    assert Settings(options.settings_path).decisions.leave_threshold == 1
    panel.reset.trigger()
    assert playing.settings.decisions == DecisionSettings()
    qtbot.waitUntil(
        lambda: playing.widgets.panels["int8"].activity.text != "uncertain", timeout=20_000
    )


def test_the_threshold_to_leave_is_pushed_along(make_window: MakeWindow) -> None:
    window = make_window(start=False)
    panel = window.docks.decisions
    panel.sliders["enter_threshold"].setValue(10)
    assert panel.spins["leave_threshold"].value() == 10
    panel.spins["leave_threshold"].setValue(50)
    assert panel.sliders["enter_threshold"].value() == 50
    decided = window.settings.decisions
    assert decided.leave_threshold == decided.enter_threshold == 0.5


# -- alerts ------------------------------------------------------------------------------------


def test_an_activity_that_lasts_is_noticed_logged_and_silent(
    qtbot: QtBot,
    playing: MainWindow,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    beeps: list[None] = []
    monkeypatch.setattr(QApplication, "beep", lambda: beeps.append(None))
    caplog.set_level(logging.INFO, "app.presenters.alerts")
    panel = playing.docks.alerts
    playing.settings.alert_rules = (AlertRule(DARK, 0.2),)
    with qtbot.waitSignal(playing.alerts.raised, timeout=20_000):
        playing.alerts.show()
    assert playing.widgets.banner.text == "Sitting still for more than 0.2 s"
    assert playing.widgets.banner.accessibleName() == "Notice"
    assert "sitting still, 0.2 s" in panel.log.item(0).text()
    assert "sitting still for more than 0.2 s" in caplog.text
    assert beeps == []
    panel.sound.setChecked(True)
    with qtbot.waitSignal(playing.alerts.raised, timeout=20_000):
        panel.rows[0].after.setValue(0.3)
    assert len(beeps) == 1


def test_rules_are_added_changed_and_removed(
    qtbot: QtBot, playing: MainWindow, options: object
) -> None:
    panel = playing.docks.alerts
    panel.show_rules(())
    panel.add.trigger()
    assert panel.rules == (AlertRule(DARK, 5.0),)
    row = panel.rows[0]
    row.activity.setCurrentIndex(row.activity.findData("eating"))
    row.after.setValue(7.5)
    row.enabled.setChecked(False)
    playing.settings.save()
    assert Settings(options.settings_path).alert_rules == (AlertRule("eating", 7.5, False),)
    row.remove.trigger()
    assert playing.settings.alert_rules == ()
    panel.defaults.trigger()
    assert {rule.activity for rule in panel.rules} >= {"talking_on_phone", "writing"}
