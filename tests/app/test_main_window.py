"""The real window: what it shows and what the keys do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QAbstractButton, QLabel, QToolButton
from pytestqt.qtbot import QtBot

from app.messages import STUDENTS, Shown, Slot
from app.state import State
from core.activities import title_of
from core.annotations import Chunk, write_annotations
from tests.app.doubles import DARK, FakeTrial
from tests.app.windows import MakeWindow, labelled, loaded, panel_texts, reach


def test_a_video_named_at_the_start_is_played_and_labelled(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    labelled(qtbot, window, DARK)
    widgets = window.widgets
    qtbot.waitUntil(lambda: widgets.video.accessibleDescription() == title_of(DARK))
    assert widgets.stage.currentWidget() is widgets.video
    assert window.windowTitle() == "long.mp4 – InCab"
    qtbot.waitUntil(lambda: widgets.comparison.agreement.text == "100.0 %")
    qtbot.waitUntil(lambda: float(widgets.status.value("shown")) > 5, timeout=10_000)
    assert widgets.comparison.origin.text().startswith("Twins")
    assert widgets.pill.text().startswith("● PLAYING")
    assert not widgets.banner.isVisible()


def test_the_latency_plot_follows_the_answers(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"), start=False)
    given_ms: dict[Slot, list[float]] = {slot: [] for slot in STUDENTS}

    def remember(shown: Shown) -> None:
        for slot, prediction in shown.answer.predictions.items():
            given_ms[slot].append(prediction.latency_ms)

    def drawn_ms(slot: Slot) -> list[float]:
        heights = window.widgets.latency._curves[slot].yData
        return [] if heights is None else heights[np.isfinite(heights)].tolist()

    window.session.answers.answered.connect(remember)
    window.start()
    labelled(qtbot, window, DARK)
    qtbot.waitUntil(lambda: all(len(drawn_ms(slot)) > 3 for slot in STUDENTS), timeout=10_000)
    for slot in STUDENTS:
        drawn = drawn_ms(slot)
        assert drawn == given_ms[slot][: len(drawn)]


def test_without_a_source_the_window_says_what_to_do(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    loaded(qtbot, window)
    widgets = window.widgets
    assert widgets.stage.currentWidget() is widgets.welcome
    texts = " ".join(label.text() for label in widgets.welcome.findChildren(QLabel))
    assert "Open a video or choose a camera" in texts
    assert "Nothing leaves this machine" in texts
    assert widgets.panels["int8"].activity.text == "no video yet"
    assert not widgets.transport_actions.play.isEnabled()


def test_loading_is_said_before_the_models_run(make_window: MakeWindow) -> None:
    window = make_window(start=False)
    assert window.widgets.panels["fp32"].activity.text == "loading model…"


def test_the_window_lives_while_an_engine_is_tried(
    qtbot: QtBot, trial: FakeTrial, make_window: MakeWindow, videos: Path
) -> None:
    trial.gate.clear()
    window = make_window(source=str(videos / "long.mp4"))
    panels = window.widgets.shown_panels
    qtbot.waitUntil(lambda: window.widgets.video.picture is not None, timeout=20_000)
    for panel in panels.values():
        assert panel.activity.text == "checking OpenVINO on this CPU…"
        assert "process of its own" in panel.message.text()
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert window.session.state is State.PAUSED
    qtbot.keyClick(window, Qt.Key.Key_Space)
    trial.gate.set()
    labelled(qtbot, window, DARK)
    for slot, tried in (("int8", "2.0 ms"), ("fp32", "6.0 ms")):
        engine = panels[slot].engine
        qtbot.waitUntil(lambda e=engine, t=tried: e.text() == f"OpenVINO · checked, {t}")
    assert not window.widgets.comparison.no_gain.isVisible()
    assert not window.widgets.banner.isVisible()


def test_an_engine_left_out_is_named_with_its_reason(
    qtbot: QtBot, trial: FakeTrial, make_window: MakeWindow
) -> None:
    trial.crashing = ("openvino", "onednn", "eager")
    window = make_window()
    loaded(qtbot, window)
    panel = window.widgets.panels["int8"]
    assert panel.engine.text() == "reference · 2 engines left out"
    assert "openvino crashes on this CPU (illegal instruction)" in panel.engine.toolTip()
    assert window.widgets.banner.isVisible()
    told = window.widgets.banner.text
    assert told.count("Engine openvino crashes on this CPU (illegal instruction).") == 1
    assert told.endswith("INT8 runs on reference, FP32 runs on reference.")


def test_where_int8_is_not_faster_it_is_said(
    qtbot: QtBot, trial: FakeTrial, make_window: MakeWindow
) -> None:
    trial.latencies_ms = {"int8.safetensors": 7.5, "fp32.safetensors": 6.0}
    window = make_window()
    loaded(qtbot, window)
    card = window.widgets.comparison
    assert card.no_gain.isVisible()
    assert card.no_gain.text().startswith("int8 is not faster on this CPU")
    assert card.no_gain.text().endswith("7.5 ms against 6.0 ms when tried.")


def test_the_keys_play_pause_and_start_again(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    reach(qtbot, window, State.PLAYING)
    video = window.widgets.video
    qtbot.waitUntil(lambda: video.picture is not None and video.picture.frame.index > 3)
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert window.session.state is State.PAUSED
    qtbot.keyClick(window, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: video.picture is not None and video.picture.frame.index == 0)
    assert window.session.state is State.PAUSED
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert window.session.state is State.PLAYING
    qtbot.keyClick(window, Qt.Key.Key_L)
    assert window.widgets.transport_actions.loop.isChecked()


def test_space_plays_even_when_a_button_has_the_focus_and_enter_presses_it(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    reach(qtbot, window, State.PLAYING)
    buttons = window.findChildren(QAbstractButton)
    help_button = next(
        b for b in buttons if getattr(b, "defaultAction", lambda: 0)() is window.window_actions.help
    )
    help_button.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(help_button, Qt.Key.Key_Space)
    assert window.session.state is State.PAUSED
    assert not window.cheat_sheet.isVisible()
    qtbot.keyClick(help_button, Qt.Key.Key_Return)
    assert window.cheat_sheet.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.cheat_sheet.isVisible()


def test_the_cheat_sheet_names_every_key(make_window: MakeWindow) -> None:
    window = make_window(start=False)
    texts = {
        {"←": "Left", "→": "Right"}.get(key, key)
        for label in window.cheat_sheet.findChildren(QLabel)
        for key in label.text().split("  ")
    }
    for action in window.actions():
        keys = {key.toString() for key in action.shortcuts()}
        assert keys & texts, action.text()


def test_every_button_has_a_name_and_a_tooltip(make_window: MakeWindow) -> None:
    window = make_window(start=False)
    buttons = [button for button in window.findChildren(QAbstractButton) if button.isVisible()]
    assert len(buttons) >= 8
    for button in buttons:
        assert button.text() or button.accessibleName()
        assert button.toolTip(), button.text()
        action = button.defaultAction() if isinstance(button, QToolButton) else None
        if action is not None and action.shortcuts():
            assert "(" in button.toolTip(), button.text()


def test_what_cannot_be_opened_is_said_in_a_banner_and_the_video_goes_on(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    labelled(qtbot, window, DARK)
    window.open(videos)
    banner = window.widgets.banner
    qtbot.waitUntil(banner.isVisible)
    assert "is a folder" in banner.text
    reach(qtbot, window, State.PLAYING)
    before = window.widgets.video.picture.frame.index
    qtbot.waitUntil(lambda: window.widgets.video.picture.frame.index > before)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not banner.isVisible()


def test_a_bad_address_at_the_start_is_said_too(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(source="gopher://nowhere/video")
    assert "gopher" in window.widgets.banner.text
    assert window.session.state is State.IDLE


def test_a_damaged_model_stops_its_own_panel_only(
    qtbot: QtBot, trial: FakeTrial, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x80\x04 a pickle, renamed")
    window = make_window(source=str(videos / "long.mp4"), int8=broken)
    panels = window.widgets.shown_panels
    qtbot.waitUntil(lambda: panels["fp32"].activity.text == title_of(DARK), timeout=20_000)
    assert panels["int8"].activity.text == "not running"
    assert "broken.safetensors" in panels["int8"].message.text()
    assert window.widgets.video.accessibleDescription() == title_of(DARK)
    assert "Two models are needed" in window.widgets.comparison.origin.text()


def test_no_label_stays_when_both_models_are_gone(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    labelled(qtbot, window, DARK)
    window.session._inference._students._current.stop()
    qtbot.waitUntil(lambda: panel_texts(window) == {"not running"}, timeout=20_000)
    assert window.session.state is State.PLAYING
    # Nor does anything that was still on its way bring it back.
    qtbot.wait(50)
    window.session.refresh_numbers()
    assert window.widgets.video.accessibleDescription() == ""
    assert window.widgets.status.value("label age") == "–"


def test_no_label_stays_when_a_video_breaks(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    labelled(qtbot, window, DARK)
    deck = window.session._deck
    deck.failed.emit("long.mp4 cannot be decoded further.")
    assert window.session.state is State.FAILED
    qtbot.wait(50)
    window.session.refresh_numbers()
    assert panel_texts(window) == {"no video"}
    assert all(not panel.confidence.text() for panel in window.widgets.shown_panels.values())


def test_without_any_model_a_video_still_plays(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing.safetensors"
    window = make_window(source=str(videos / "blink.mp4"), int8=nothing, fp32=nothing)
    reach(qtbot, window, State.ENDED)
    for panel in window.widgets.shown_panels.values():
        assert panel.activity.text == "not running"


def test_a_video_shorter_than_a_clip_is_explained(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(source=str(videos / "blink.mp4"))
    reach(qtbot, window, State.ENDED)
    qtbot.waitUntil(lambda: window.widgets.video.accessibleDescription() == "video too short")


def test_truth_is_shown_where_it_is_known(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    write_annotations(truth, [Chunk(1, "long", 0, 0, 300, DARK, 0)])
    window = make_window(source=str(videos / "long.mp4"), annotations=truth)
    labelled(qtbot, window, DARK)
    qtbot.waitUntil(lambda: window.widgets.panels["int8"].accuracy.isVisible())
    assert "100.0 % mean per class" in window.widgets.panels["int8"].accuracy.text()
    assert window.widgets.video._truth == f"truth: {title_of(DARK)}"


def test_a_dropped_video_is_played(qtbot: QtBot, make_window: MakeWindow, videos: Path) -> None:
    window = make_window()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(videos / "long.mp4"))])
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    copy = Qt.DropAction.CopyAction
    entered = QDropEvent(QPointF(50, 50), copy, data, left, none)
    entered.ignore()
    window.dragEnterEvent(entered)
    assert entered.isAccepted()
    window.dropEvent(QDropEvent(QPointF(50, 50), copy, data, left, none))
    reach(qtbot, window, State.PLAYING)
    assert window.settings.folder == videos.resolve()


def test_something_else_cannot_be_dropped(make_window: MakeWindow) -> None:
    window = make_window(start=False)
    data = QMimeData()
    data.setText("hello")
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    entered = QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, left, none)
    entered.ignore()
    window.dragEnterEvent(entered)
    assert not entered.isAccepted()


# -- looks -------------------------------------------------------------------------------------


def test_nothing_is_clipped_at_1280_by_720(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    write_annotations(truth, [Chunk(1, "long", 0, 0, 300, DARK, 0)])
    window = make_window(source=str(videos / "long.mp4"), annotations=truth)
    window.resize(1280, 720)
    labelled(qtbot, window, DARK)
    qtbot.waitUntil(lambda: window.widgets.panels["int8"].accuracy.isVisible())
    qtbot.wait(50)
    assert window.size() == QSize(1280, 720)
    for panel in window.widgets.shown_panels.values():
        assert panel.bars.height() >= panel.bars.minimumHeight()
        assert panel.accuracy.geometry().bottom() <= panel.rect().bottom()
    for label in window.findChildren(QLabel):
        if label.isVisible() and label.text() and not label.wordWrap():
            assert label.width() >= label.sizeHint().width() - 1, label.text()
            assert label.height() >= label.fontMetrics().height() - 1, label.text()


def test_size_and_loop_are_remembered(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(start=False)
    window.resize(1333, 777)
    geometry = window.saveGeometry()
    window.close()
    again = make_window(start=False)
    # A screen that is too small for it (offscreen has 800×800) may cut what was remembered.
    assert again.settings.geometry == geometry
    assert again.size().height() == pytest.approx(777, abs=5)
    again.widgets.transport_actions.loop.setChecked(True)
    again.close()
    assert make_window(start=False).widgets.transport_actions.loop.isChecked()
