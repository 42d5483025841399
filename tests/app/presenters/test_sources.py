"""Every kind of source, chosen in the real window by menu, key, drop, browser and command line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QAbstractButton, QInputDialog
from pytestqt.qtbot import QtBot

from app import run_lookup
from app.main_window import MainWindow
from app.state import State
from core.annotations import Chunk, write_annotations
from core.camera_list import CameraDevice
from core.driveact import annotation_path
from tests.app.doubles import DARK, FakeCamera

MakeWindow = Callable[..., MainWindow]
PATIENCE_MS = 20_000
FIRST = "vp1/run1b_2018-05-29-14-02-47.ids_1"
SECOND = "vp9/run2_2018-05-30-10-00-00.ids_1"


@pytest.fixture
def root(tmp_path: Path, videos: Path) -> Path:
    """Drive&Act by hand: two people, one of them annotated, in two views."""
    root = tmp_path / "driveact"
    for name in (f"inner_mirror/{FIRST}", f"inner_mirror/{SECOND}", "ceiling/vp1/run1b.ids_3"):
        path = root / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((videos / "long.mp4").read_bytes())
    table = annotation_path(root, "inner_mirror", "midlevel")
    table.parent.mkdir(parents=True)
    write_annotations(
        table, [Chunk(1, FIRST, 0, 0, 90, DARK, 0), Chunk(1, FIRST, 1, 90, 180, DARK, 0)]
    )
    return root


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    write_annotations(path, [Chunk(1, "long", 0, 0, 300, DARK, 0)])
    return path


def playing(qtbot: QtBot, window: MainWindow, name: str) -> None:
    def plays() -> bool:
        source = window.session.source
        return source is not None and source.title == name and window.session.state is State.PLAYING

    qtbot.waitUntil(plays, timeout=PATIENCE_MS)


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    window.dropEvent(QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, left, none))


def menu_texts(window: MainWindow) -> list[str]:
    window.picker.fill_menu()
    return [action.text() for action in window.picker.menu.actions() if action.text()]


def browser_ready(qtbot: QtBot, window: MainWindow) -> None:
    tree = window.sources.browser.tree
    qtbot.waitUntil(lambda: tree.topLevelItemCount() > 0, timeout=PATIENCE_MS)


# -- a video with its annotations --------------------------------------------------------------


def test_a_video_and_its_csv_dropped_together(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, truth: Path
) -> None:
    window = make_window()
    drop(window, truth, videos / "long.mp4")
    playing(qtbot, window, "long.mp4")
    assert window.session.source.truth is not None


def test_a_csv_dropped_on_a_playing_video_shows_its_truth_from_there_on(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, truth: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    playing(qtbot, window, "long.mp4")
    window.session.navigator.seek(8.0)
    video = window.widgets.video
    qtbot.waitUntil(lambda: video.picture is not None and video.picture.frame.index >= 240)
    drop(window, truth)
    qtbot.waitUntil(lambda: window.session.source.truth is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: video.picture is not None and video.picture.frame.index >= 240)
    assert window.session.state is State.PLAYING


def test_a_csv_chosen_for_a_paused_video_leaves_it_paused(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, truth: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    playing(qtbot, window, "long.mp4")
    qtbot.keyClick(window, Qt.Key.Key_Space)
    window.session.navigator.seek(5.0)
    video = window.widgets.video
    qtbot.waitUntil(lambda: video.picture is not None and video.picture.frame.index == 150)
    dialog = window.picker.ask_for_annotations()
    dialog.fileSelected.emit(str(truth))
    dialog.reject()
    qtbot.waitUntil(lambda: window.session.source.truth is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: video.picture is not None and video.picture.frame.index == 150)
    assert window.session.state is State.PAUSED


def test_a_csv_alone_is_told_what_it_needs(
    qtbot: QtBot, make_window: MakeWindow, truth: Path
) -> None:
    window = make_window(start=False)
    drop(window, truth)
    assert "open the video first" in window.widgets.banner.text
    assert not window.picker.annotate.isEnabled()


def test_an_unusable_csv_is_told_and_the_video_goes_on(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("no,header\n")
    window = make_window(source=str(videos / "long.mp4"))
    playing(qtbot, window, "long.mp4")
    drop(window, wrong)
    qtbot.waitUntil(lambda: "wrong.csv" in window.widgets.banner.text, timeout=PATIENCE_MS)
    playing(qtbot, window, "long.mp4")
    # It would be as wrong the next time.
    assert window.settings.recent_sources[0].annotations is None


# -- Drive&Act ---------------------------------------------------------------------------------


def test_a_run_is_browsed_and_played_with_keys_alone(
    qtbot: QtBot, make_window: MakeWindow, root: Path
) -> None:
    window = make_window()
    window.settings.driveact_root = root
    qtbot.keyClick(window, Qt.Key.Key_B)
    browser = window.sources.browser
    browser_ready(qtbot, window)
    assert browser.tree.headerItem().text(0) == "Person and run"
    people = [browser.tree.topLevelItem(k).text(0) for k in range(2)]
    assert people == ["Person 1", "Person 9"]
    run = browser.tree.currentItem()
    assert [run.text(column) for column in range(3)] == ["run1b", "2018-05-29 14:02", "2 chunks"]
    assert browser.summary.text() == "2 runs, 1 with annotations"
    qtbot.keyClick(browser.tree, Qt.Key.Key_Return)
    playing(qtbot, window, f"{Path(FIRST).name}.mp4")
    assert not browser.isVisible()
    assert window.session.source.truth[:2] == (DARK, DARK)


def test_views_and_runs_without_annotations(
    qtbot: QtBot, make_window: MakeWindow, root: Path
) -> None:
    window = make_window()
    drop(window, root)
    browser_ready(qtbot, window)
    browser = window.sources.browser
    assert [browser.views.itemText(k) for k in range(2)] == ["inner mirror", "ceiling"]
    last = browser.tree.topLevelItem(1).child(0)
    assert last.text(2) == "none"
    browser.views.setCurrentIndex(1)
    assert browser.summary.text() == "1 run, 0 with annotations"
    browser.views.setCurrentIndex(0)
    browser.tree.setCurrentItem(browser.tree.topLevelItem(1))
    assert not browser.play.isEnabled()
    browser.tree.setCurrentItem(browser.tree.topLevelItem(1).child(0))
    browser.play.trigger()
    playing(qtbot, window, f"{Path(SECOND).name}.mp4")
    assert window.session.source.truth is None
    assert not window.widgets.banner.isVisible()


def test_the_root_is_remembered(qtbot: QtBot, make_window: MakeWindow, root: Path) -> None:
    window = make_window(start=False)
    drop(window, root)
    browser_ready(qtbot, window)
    window.close()
    assert make_window(start=False).settings.driveact_root == root


def test_without_a_root_the_browser_says_what_to_choose(
    qtbot: QtBot, make_window: MakeWindow, root: Path
) -> None:
    window = make_window(start=False)
    window.picker.browse.trigger()
    browser = window.sources.browser
    assert "folder that Drive&Act was unpacked to" in browser.message.text()
    dialog = browser.ask_for_folder()
    dialog.fileSelected.emit(str(root))
    dialog.reject()
    browser_ready(qtbot, window)


def test_a_folder_of_something_else_is_told_in_the_browser(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    window = make_window(start=False)
    drop(window, tmp_path)
    browser = window.sources.browser
    qtbot.waitUntil(lambda: "holds no <view>" in browser.message.text(), timeout=PATIENCE_MS)
    assert not browser.progress.isVisible()
    assert window.settings.driveact_root is None


def test_a_large_root_is_read_while_the_window_lives(
    qtbot: QtBot, make_window: MakeWindow, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    real = run_lookup.runs_to_watch

    def slow(*arguments: object) -> object:
        assert gate.wait(20)
        return real(*arguments)

    monkeypatch.setattr(run_lookup, "runs_to_watch", slow)
    window = make_window(start=False)
    drop(window, root)
    browser = window.sources.browser
    assert browser.progress.isVisible()
    assert "Looking for runs" in browser.message.text()
    gate.set()
    browser_ready(qtbot, window)
    assert not browser.progress.isVisible()


def test_a_search_that_breaks_down_is_over_and_said(
    qtbot: QtBot,
    make_window: MakeWindow,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*arguments: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(run_lookup, "runs_to_watch", broken)
    window = make_window(start=False)
    drop(window, root)
    browser = window.sources.browser
    qtbot.waitUntil(lambda: "the log holds the details" in browser.message.text())
    assert not browser.progress.isVisible()
    assert "ZeroDivisionError" in caplog.text


def test_what_was_looked_for_before_is_not_shown(
    qtbot: QtBot, make_window: MakeWindow, root: Path, tmp_path: Path
) -> None:
    window = make_window(start=False)
    other = tmp_path / "other"
    other.mkdir()
    drop(window, root)
    # Its answer is on its way already.
    for thread in threading.enumerate():
        if thread.name == "incab-runs":
            thread.join()
    drop(window, other)
    browser = window.sources.browser
    qtbot.waitUntil(lambda: "holds no <view>" in browser.message.text(), timeout=PATIENCE_MS)
    qtbot.wait(50)
    assert browser.tree.topLevelItemCount() == 0


def test_a_root_on_the_command_line_opens_the_browser(
    qtbot: QtBot, make_window: MakeWindow, root: Path
) -> None:
    window = make_window(source=str(root))
    browser_ready(qtbot, window)
    assert window.sources.browser.isVisible()


# -- cameras, streams, recent ones -------------------------------------------------------------


def test_a_camera_is_opened_by_its_name(
    qtbot: QtBot,
    make_window: MakeWindow,
    camera: FakeCamera,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = make_window()
    monkeypatch.setattr(
        "app.widgets.source_picker.list_cameras", lambda: [CameraDevice(2, "Cabin & Co")]
    )
    texts = menu_texts(window)
    assert "Cabin && Co  (2)" in texts
    next(a for a in window.picker.menu.actions() if "Cabin" in a.text()).trigger()
    qtbot.waitUntil(lambda: camera.opened == 1, timeout=PATIENCE_MS)
    camera.feed.put(40)
    playing(qtbot, window, "camera 2")
    assert not window.picker.annotate.isEnabled()


@pytest.mark.parametrize(
    ("system", "expected"), [("linux", "No camera is"), ("darwin", "Camera 0")]
)
def test_where_no_camera_is_named(
    make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, system: str, expected: str
) -> None:
    window = make_window(start=False)
    monkeypatch.setattr("app.widgets.source_picker.list_cameras", list)
    monkeypatch.setattr("app.widgets.source_picker.sys.platform", system)
    texts = menu_texts(window)
    assert any(text.startswith(expected) for text in texts)
    assert "Camera number…" in texts


def test_a_stream_is_opened_by_key_and_its_password_is_not_remembered(
    qtbot: QtBot, make_window: MakeWindow, camera: FakeCamera
) -> None:
    window = make_window()
    qtbot.keyClick(window, Qt.Key.Key_U)
    dialog = window.findChild(QInputDialog)
    assert "rtsp, rtsps, http" in dialog.labelText()
    dialog.setTextValue("rtsp://me:secret@cabin.local/stream")
    dialog.accept()
    qtbot.waitUntil(lambda: camera.opened == 1, timeout=PATIENCE_MS)
    camera.feed.put(40)
    playing(qtbot, window, "rtsp://cabin.local/stream")
    window.close()
    assert "secret" not in Path(window.options.settings_path).read_text()


@pytest.mark.parametrize("text", ["gopher://nowhere", "video.mp4", "0", "", "rtsp:/typo"])
def test_only_expected_addresses_are_streams(make_window: MakeWindow, text: str) -> None:
    window = make_window(start=False)
    window.picker.choose_stream(text)
    assert window.widgets.banner.isVisible()
    assert window.session.state is State.IDLE


def test_the_last_sources_are_offered_with_their_annotations(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, truth: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"), annotations=truth)
    playing(qtbot, window, "long.mp4")
    window.open(videos / "brief.mp4")
    playing(qtbot, window, "brief.mp4")
    window.close()
    window = make_window()
    texts = menu_texts(window)
    folder = videos.name
    assert f"Reopen brief.mp4  ({folder})" in texts
    entry = next(a for a in window.picker.menu.actions() if a.text().startswith("long.mp4"))
    entry.trigger()
    playing(qtbot, window, "long.mp4")
    assert window.session.source.truth is not None


def test_what_is_gone_is_not_offered(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.mp4"
    gone.write_bytes((videos / "blink.mp4").read_bytes())
    window = make_window(source=str(gone))
    qtbot.waitUntil(lambda: window.session.state is State.ENDED, timeout=PATIENCE_MS)
    assert any("gone.mp4" in text for text in menu_texts(window))
    gone.unlink()
    assert not any("gone.mp4" in text for text in menu_texts(window))
    assert not window.picker.reopen.isVisible()


def test_the_welcome_page_offers_every_way_and_the_last_source(
    qtbot: QtBot, make_window: MakeWindow, videos: Path
) -> None:
    window = make_window(start=False)

    def offered() -> list[str]:
        buttons = window.widgets.welcome.findChildren(QAbstractButton)
        return [button.text().replace("&&", "&") for button in buttons if button.isVisible()]

    assert offered() == ["Open video", "Camera or stream", "Drive&Act run"]
    window.close()
    window = make_window(source=str(videos / "long.mp4"))
    playing(qtbot, window, "long.mp4")
    window.close()
    window = make_window(start=False)
    assert offered()[-1] == f"Reopen long.mp4  ({videos.name})"
