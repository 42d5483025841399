"""What a person sees when an engine breaks or hangs, and how the models are tried again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

import app.inference
from app import model_runner
from app.main_window import MainWindow
from app.messages import Slot
from app.model_choice import ModelChoice
from app.state import State
from core.activities import title_of
from tests.app.doubles import DARK
from tests.app.unruly import Unruly

MakeWindow = Callable[..., MainWindow]


def playing(qtbot: QtBot, window: MainWindow) -> None:
    panels = window.widgets.shown_panels
    qtbot.waitUntil(
        lambda: all(panel.activity.text == title_of(DARK) for panel in panels.values()),
        timeout=20_000,
    )


def test_a_broken_engine_is_said_and_the_next_one_takes_its_place(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, unruly: Unruly
) -> None:
    window = make_window(source=str(videos / "long.mp4"), probe="never")
    playing(qtbot, window)
    seen: list[tuple[str, str]] = []
    panel, other = window.widgets.panels["int8"], window.widgets.panels["fp32"]
    window.session.answers.model_faulted.connect(
        lambda slot, fault: seen.append((panel.activity.text, panel.message.text()))
    )
    unruly.broken.add(("int8", "openvino"))
    qtbot.waitUntil(lambda: "oneDNN" in panel.engine.text(), timeout=20_000)
    playing(qtbot, window)
    assert [headline for headline, _ in seen] == ["trying again…"] * 2 + ["changing the engine…"]
    assert "it broke" in seen[0][1]
    assert "OpenVINO" in other.engine.text()
    assert "INT8 runs on PyTorch oneDNN" in window.widgets.banner.text


def test_no_label_comes_back_while_neither_model_runs(
    qtbot: QtBot,
    make_window: MakeWindow,
    videos: Path,
    unruly: Unruly,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_runner, "RETRY_AFTER_S", (60.0,))
    window = make_window(source=str(videos / "long.mp4"), probe="never")
    playing(qtbot, window)
    panels = window.widgets.shown_panels
    unruly.broken |= {("int8", "openvino"), ("fp32", "openvino")}
    qtbot.waitUntil(
        lambda: {panel.activity.text for panel in panels.values()} == {"trying again…"},
        timeout=20_000,
    )
    for _ in range(3):
        with qtbot.waitSignal(window.session.numbers):
            pass
    assert {panel.activity.text for panel in panels.values()} == {"trying again…"}
    assert panels["int8"].message.text() == (
        "The int8 model failed in engine openvino: it broke. It is tried again in 60 s."
    )
    assert window.widgets.video.accessibleDescription() == ""


def test_a_model_without_an_engine_says_how_to_retry_and_does(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, unruly: Unruly
) -> None:
    unruly.broken.add(("int8", "openvino"))
    window = make_window(source=str(videos / "long.mp4"), probe="never", engine="openvino")
    panel = window.widgets.panels["int8"]
    qtbot.waitUntil(lambda: panel.activity.text == "not running", timeout=20_000)
    assert panel.message.text().endswith("Press F5 to try again.")
    qtbot.waitUntil(
        lambda: window.widgets.panels["fp32"].activity.text == title_of(DARK), timeout=20_000
    )
    # It goes on failing, and the window goes on saying so.
    with qtbot.waitSignal(window.session.answers.models_changing):
        qtbot.keyClick(window, Qt.Key.Key_F5)
    assert panel.activity.text == "trying again…"
    qtbot.waitUntil(lambda: panel.activity.text == "not running", timeout=20_000)
    unruly.broken.clear()
    qtbot.keyClick(window, Qt.Key.Key_F5)
    playing(qtbot, window)
    assert not window.faults.retry.isEnabled()


def test_while_an_engine_hangs_no_old_label_stays_and_the_picture_goes_on(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, unruly: Unruly
) -> None:
    window = make_window(source=str(videos / "long.mp4"), probe="never")
    playing(qtbot, window)
    panels = window.widgets.shown_panels
    unruly.hanging.add(("int8", "openvino"))
    qtbot.waitUntil(lambda: panels["int8"].activity.text == "not answering", timeout=20_000)
    assert panels["fp32"].activity.text == "waiting…"
    assert window.widgets.video.accessibleDescription() == ""
    shown: list[object] = []
    window.session.picture.connect(shown.append)
    qtbot.waitUntil(lambda: len(shown) > 5, timeout=20_000)
    qtbot.waitUntil(lambda: "oneDNN" in panels["int8"].engine.text(), timeout=20_000)
    assert window.session.state is State.PLAYING
    playing(qtbot, window)
    unruly.release.set()
    qtbot.waitUntil(lambda: app.inference._abandoned == [], timeout=20_000)


def test_while_an_engine_is_loaded_again_no_old_label_stays_and_it_is_said_what_is_waited_for(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, unruly: Unruly
) -> None:
    window = make_window(source=str(videos / "long.mp4"), probe="never")
    playing(qtbot, window)
    panels = window.widgets.shown_panels
    unruly.hanging_at_load.add(("int8", "openvino"))
    unruly.broken.add(("int8", "openvino"))
    qtbot.waitUntil(lambda: panels["fp32"].activity.text == "waiting…", timeout=20_000)
    assert "s: waiting for OpenVINO to be loaded for the int8 model." in (
        panels["fp32"].message.text()
    )
    assert panels["int8"].activity.text == "trying again…"
    assert window.widgets.video.accessibleDescription() == ""
    unruly.broken.clear()
    unruly.release.set()
    playing(qtbot, window)


def test_models_are_exchanged_while_the_video_goes_on(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, models: dict[Slot, Path]
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    playing(qtbot, window)
    session = window.session
    states: list[State] = []
    session.state_changed.connect(states.append)
    # The fp32 file in both places.
    window.session.answers.set_models(ModelChoice.of(dict.fromkeys(models, models["fp32"])))
    qtbot.waitUntil(
        lambda: (
            session.answers.models is not None
            and session.answers.models.models["int8"].kind == "fp32"
        ),
        timeout=20_000,
    )
    assert window.widgets.panels["int8"].title.text() == "FP32 student"
    playing(qtbot, window)
    assert states == []


def test_a_choice_that_cannot_be_used_is_said_and_changes_nothing(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, models: dict[Slot, Path], tmp_path: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    playing(qtbot, window)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    with qtbot.waitSignal(window.session.answers.models_refused, timeout=20_000):
        window.session.answers.set_models(ModelChoice.of({**models, "fp32": broken}))
    assert "broken.safetensors" in window.widgets.banner.text
    playing(qtbot, window)
