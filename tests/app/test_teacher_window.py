"""A teacher beside the two students, in the real window: it comes, answers, fails and goes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.messages import STUDENTS, Shown
from app.recording.reader import read_session
from app.state import State
from app.widgets.model_panel import WIDE, ModelPanel
from core.activities import title_of
from core.annotations import Chunk, write_annotations
from core.modelfile import save_model
from tests.app.doubles import DARK, LABELS, SPEC, float_network, int8_network, tiny_model
from tests.app.unruly import Unruly

MakeWindow = Callable[..., MainWindow]

_PATIENCE_MS = 20_000


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher that sees the students' frames in half their size."""
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    model = tiny_model(float_network(), replace(SPEC, resize=18, crop=16))
    save_model(replace(model, architecture={"name": "i3d"}), path)
    return path


@pytest.fixture
def playing(qtbot: QtBot, make_window: MakeWindow, videos: Path, tmp_path: Path) -> MainWindow:
    truth = tmp_path / "truth.csv"
    write_annotations(truth, [Chunk(1, "long", 0, 0, 299, DARK, 0)])
    window = make_window(
        source=str(videos / "long.mp4"), annotations=truth, probe="never", loop=True
    )
    qtbot.waitUntil(lambda: window.session.answers.tally.agreement.clips > 3, timeout=_PATIENCE_MS)
    return window


def choose(window: MainWindow, teacher: Path | None) -> None:
    if teacher is None:
        window.chooser.files["teacher"].setCurrentIndex(0)
    else:
        window.chooser.take_file("teacher", teacher)
    window.chooser.use.trigger()


def swap_student(qtbot: QtBot, window: MainWindow, fp32: Path, folder: Path) -> None:
    """Put a copy of the fp32 student's file, another.safetensors, in its place."""
    copy = folder / "another.safetensors"
    shutil.copy(fp32, copy)
    window.chooser.take_file("fp32", copy)
    window.chooser.use.trigger()
    panel = window.widgets.panels["fp32"]
    qtbot.waitUntil(lambda: panel.file.toolTip().startswith("another"), timeout=_PATIENCE_MS)


def wait_for_answers(qtbot: QtBot, window: MainWindow) -> None:
    panel = window.widgets.panels["teacher"]
    qtbot.waitUntil(
        lambda: panel.isVisible() and panel.activity.text == title_of(DARK), timeout=_PATIENCE_MS
    )


def parts_of_the_teacher(window: MainWindow) -> list[bool]:
    """Whether there is anything of it: panel, strip, line, column, comparison, and its pace."""
    widgets = window.widgets
    return [
        not widgets.panels["teacher"].isHidden(),
        "teacher" in widgets.timeline.strips(),
        not widgets.latency.legend.isHidden() and not widgets.latency._teacher_entry.isHidden(),
        not window.docks.classes.table.isColumnHidden(5),
        not widgets.comparison.teacher.isHidden(),
        not widgets.panels["teacher"].pace.isHidden(),
    ]


def test_a_teacher_comes_while_the_video_plays_and_goes_again(
    qtbot: QtBot, playing: MainWindow, teacher: Path
) -> None:
    assert not any(parts_of_the_teacher(playing))
    tally, record = playing.session.answers.tally, playing.timeline.record
    qtbot.keyClick(playing, Qt.Key.Key_M)
    assert playing.chooser.files["teacher"].currentText() == "none"
    choose(playing, teacher)
    wait_for_answers(qtbot, playing)
    playing.session.refresh_numbers()
    assert all(parts_of_the_teacher(playing))
    panel = playing.widgets.panels["teacher"]
    assert panel.title.text() == "FP32 teacher"
    assert panel.file.toolTip().startswith("teacher.safetensors")
    assert "clips skipped" in panel.pace.text()
    assert panel.bars.rows[0][0] == DARK
    # For the students it is as if nothing had happened.
    assert playing.session.answers.tally is tally
    assert playing.timeline.record is record
    assert playing.session.state is State.PLAYING
    qtbot.waitUntil(
        lambda: bool((numbers := tally.numbers(None, 0, True).teacher) and numbers.agreement),
        timeout=_PATIENCE_MS,
    )
    playing.session.refresh_numbers()
    assert "INT8 100.0 %" in playing.widgets.comparison.teacher.text()
    assert tally.per_class()[0].accuracy["teacher"] == 1
    assert record is not None
    assert "teacher" in record.columns(100)
    choose(playing, None)
    qtbot.waitUntil(lambda: not any(parts_of_the_teacher(playing)), timeout=_PATIENCE_MS)
    assert "teacher" not in record.columns(100)
    clips = tally.agreement.clips
    qtbot.waitUntil(lambda: tally.agreement.clips > clips, timeout=_PATIENCE_MS)
    assert playing.chooser.files["teacher"].currentText() == "none"


def test_a_teacher_is_named_at_the_start_and_the_students_are_swapped_beside_it(
    qtbot: QtBot,
    make_window: MakeWindow,
    videos: Path,
    teacher: Path,
    models: dict[str, Path],
    tmp_path: Path,
) -> None:
    window = make_window(source=str(videos / "long.mp4"), teacher=teacher, probe="never", loop=True)
    wait_for_answers(qtbot, window)
    swap_student(qtbot, window, models["fp32"], tmp_path)
    assert "teacher" in window.session.answers.engines
    qtbot.waitUntil(
        lambda: window.session.answers.tally.numbers(None, 0, True).teacher is not None,
        timeout=_PATIENCE_MS,
    )


def test_a_teacher_is_dropped_on_the_picture(
    qtbot: QtBot, playing: MainWindow, teacher: Path
) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(teacher))])
    place = QPointF(playing.widgets.stage.mapTo(playing, playing.widgets.stage.rect().center()))
    none, copying = Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    playing.dropEvent(QDropEvent(place, copying, data, Qt.MouseButton.LeftButton, none))
    wait_for_answers(qtbot, playing)


def test_the_frame_of_a_paused_video_is_answered_by_a_teacher_that_comes(
    qtbot: QtBot, playing: MainWindow, teacher: Path
) -> None:
    qtbot.keyClick(playing, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: playing.session.state is State.PAUSED)
    choose(playing, teacher)
    wait_for_answers(qtbot, playing)
    assert playing.widgets.panels["int8"].activity.text == title_of(DARK)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"clip": replace(SPEC, span_s=0.5)}, "looks at 4 frames of 0.5 s and the students at"),
        ({"labels": LABELS[::-1]}, "knows other activities than the students"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(
    qtbot: QtBot,
    playing: MainWindow,
    tmp_path: Path,
    changes: dict[str, object],
    reason: str,
) -> None:
    path = tmp_path / "other.safetensors"
    save_model(replace(tiny_model(float_network()), **changes), path)
    choose(playing, path)
    qtbot.waitUntil(playing.widgets.banner.isVisible, timeout=_PATIENCE_MS)
    assert f"other.safetensors {reason}" in playing.widgets.banner.text
    assert not any(parts_of_the_teacher(playing))
    clips = playing.session.answers.tally.agreement.clips
    qtbot.waitUntil(
        lambda: playing.session.answers.tally.agreement.clips > clips, timeout=_PATIENCE_MS
    )


def test_a_teacher_that_no_longer_fits_other_students_is_taken_away(
    qtbot: QtBot, playing: MainWindow, teacher: Path, tmp_path: Path
) -> None:
    choose(playing, teacher)
    wait_for_answers(qtbot, playing)
    for slot, network in (("int8", int8_network()), ("fp32", float_network())):
        path = tmp_path / f"{slot}_other.safetensors"
        save_model(replace(tiny_model(network), labels=LABELS[::-1]), path)
        playing.chooser.take_file(slot, path)
    playing.chooser.use.trigger()
    qtbot.waitUntil(lambda: not any(parts_of_the_teacher(playing)), timeout=_PATIENCE_MS)
    assert "teacher.safetensors knows other activities" in playing.widgets.banner.text
    qtbot.waitUntil(
        lambda: playing.widgets.panels["int8"].activity.text == title_of(LABELS[-1]),
        timeout=_PATIENCE_MS,
    )


def test_a_teacher_that_fails_says_so_in_its_own_panel_alone(
    qtbot: QtBot,
    make_window: MakeWindow,
    videos: Path,
    teacher: Path,
    models: dict[str, Path],
    tmp_path: Path,
    unruly: Unruly,
) -> None:
    window = make_window(source=str(videos / "long.mp4"), probe="never", loop=True)
    qtbot.waitUntil(lambda: window.session.answers.tally.agreement.clips > 3, timeout=_PATIENCE_MS)
    engines = window.chooser.engines["teacher"]
    engines.setCurrentIndex(engines.findData("eager"))
    choose(window, teacher)
    wait_for_answers(qtbot, window)
    unruly.broken.add(("fp32", "eager"))
    panel = window.widgets.panels["teacher"]
    qtbot.waitUntil(lambda: panel.activity.text == "not running", timeout=_PATIENCE_MS)
    assert "it broke" in panel.message.text()
    clips = window.session.answers.tally.agreement.clips
    qtbot.waitUntil(
        lambda: window.session.answers.tally.agreement.clips > clips, timeout=_PATIENCE_MS
    )
    for slot in STUDENTS:
        assert window.widgets.panels[slot].activity.text not in ("not running", "not answering")
    # Beside other students it still says so, and can be tried again.
    swap_student(qtbot, window, models["fp32"], tmp_path)
    qtbot.waitUntil(window.faults.retry.isEnabled, timeout=_PATIENCE_MS)
    assert panel.activity.text == "not running"
    tally = window.session.answers.tally
    unruly.broken.clear()
    qtbot.keyClick(window, Qt.Key.Key_F5)
    wait_for_answers(qtbot, window)
    # The students went on undisturbed.
    assert window.session.answers.tally is tally
    clips = tally.agreement.clips
    qtbot.waitUntil(lambda: tally.agreement.clips > clips, timeout=_PATIENCE_MS)


def test_who_does_not_answer_loses_its_label_and_nobody_else_does(
    qtbot: QtBot,
    make_window: MakeWindow,
    videos: Path,
    teacher: Path,
    unruly: Unruly,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.inference.TEACHER_STALL_S", 0.3)
    window = make_window(source=str(videos / "long.mp4"), probe="never", loop=True)
    qtbot.waitUntil(lambda: window.session.answers.tally.agreement.clips > 3, timeout=_PATIENCE_MS)
    engines = window.chooser.engines["teacher"]
    engines.setCurrentIndex(engines.findData("eager"))
    choose(window, teacher)
    wait_for_answers(qtbot, window)
    forgotten: list[tuple[str, ...]] = []
    window.session.answers.restarted.connect(forgotten.append)
    panels = window.widgets.panels
    unruly.hanging.add(("fp32", "eager"))
    qtbot.waitUntil(lambda: panels["teacher"].activity.text == "not answering", timeout=5000)
    assert [panels[slot].activity.text for slot in STUDENTS] == [title_of(DARK)] * 2
    assert window.widgets.video.accessibleDescription() != ""
    # The video may have begun again, which all begin anew with.
    assert STUDENTS not in forgotten
    unruly.hanging.clear()
    unruly.release.set()
    wait_for_answers(qtbot, window)
    unruly.release.clear()
    unruly.hanging.add(("int8", "openvino"))
    qtbot.waitUntil(lambda: panels["int8"].activity.text == "not answering", timeout=5000)
    assert panels["teacher"].activity.text == title_of(DARK)
    assert STUDENTS in forgotten
    unruly.hanging.clear()
    unruly.release.set()


def test_a_teacher_is_recorded_and_comes_back(
    qtbot: QtBot, playing: MainWindow, teacher: Path, tmp_path: Path
) -> None:
    playing.settings.recordings_folder = tmp_path / "recordings"
    choose(playing, teacher)
    wait_for_answers(qtbot, playing)
    late: list[Shown] = []
    playing.session.answers.answered.connect(
        lambda shown: late.append(shown) if "teacher" in shown.decisions else None
    )
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(playing, Qt.Key.Key_R, control)
    qtbot.waitUntil(lambda: len(late) > 5, timeout=_PATIENCE_MS)
    with qtbot.waitSignal(playing.recordings.recording.saved, timeout=_PATIENCE_MS) as saved:
        qtbot.keyClick(playing, Qt.Key.Key_R, control)
    with read_session(saved.args[0]) as session:
        assert session.slots == ("int8", "fp32", "teacher")
        answered = {
            session.models[number].slot: answers.best >= 0
            for number, answers in session.answers.items()
        }
        # Its answers stand beside the students' answers to the same clip.
        assert (answered["teacher"] & answered["int8"]).sum() >= 4
    playing.open(saved.args[0])
    qtbot.waitUntil(lambda: len(playing.reviews) == 1, timeout=_PATIENCE_MS)
    review = playing.reviews[0]
    wait_for_answers(qtbot, review)
    assert all(parts_of_the_teacher(review)[:5])
    assert "as recorded" in review.widgets.panels["teacher"].engine.text()
    assert review.timeline.record is not None
    assert "teacher" in review.timeline.record.columns(100)


def test_a_recording_keeps_the_teacher_when_the_students_are_swapped(
    qtbot: QtBot, playing: MainWindow, teacher: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    playing.settings.recordings_folder = tmp_path / "recordings"
    choose(playing, teacher)
    wait_for_answers(qtbot, playing)
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(playing, Qt.Key.Key_R, control)
    swap_student(qtbot, playing, models["fp32"], tmp_path)
    late: list[Shown] = []
    playing.session.answers.answered.connect(
        lambda shown: late.append(shown) if "teacher" in shown.decisions else None
    )
    qtbot.waitUntil(lambda: len(late) > 5, timeout=_PATIENCE_MS)
    with qtbot.waitSignal(playing.recordings.recording.saved, timeout=_PATIENCE_MS) as saved:
        qtbot.keyClick(playing, Qt.Key.Key_R, control)
    with read_session(saved.args[0]) as session:
        answered = {number: answers.best >= 0 for number, answers in session.answers.items()}
        by_teacher = next(n for n, model in session.models.items() if model.slot == "teacher")
        frames = set(session.clips.frame[answered[by_teacher]].tolist())
        assert {one.answer.offer.clip.frame_index for one in late[:5]} <= frames
        # No clip that nobody answered.
        assert np.any(list(answered.values()), axis=0).all()


def _all_fit(panel: ModelPanel) -> bool:
    parts = (panel.engine, panel.pace, panel.accuracy, panel.title, panel.live_fps)
    return all(part.isHidden() or part.minimumSizeHint().width() <= part.width() for part in parts)


def test_three_panels_and_a_part_at_the_side_find_room_in_1280_by_720(
    qtbot: QtBot, make_window: MakeWindow, videos: Path, teacher: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"), teacher=teacher, probe="never", loop=True)
    window.resize(1280, 720)
    wait_for_answers(qtbot, window)
    window.docks.all["classes"].toggle()
    panels = window.widgets.shown_panels.values()
    assert len(panels) == 3
    qtbot.waitUntil(lambda: all(panel.width() < WIDE for panel in panels))
    window.session.refresh_numbers()
    for panel in panels:
        assert window.row.rect().contains(panel.geometry())
        # Qt lays a panel out anew a moment after its letters and margins have changed.
        qtbot.waitUntil(lambda panel=panel: _all_fit(panel))
    assert window.widgets.video.width() <= window.widgets.stage.width()
    assert (window.width(), window.height()) == (1280, 720)
    window.docks.all["classes"].toggle()
    qtbot.waitUntil(lambda: all(panel.width() >= WIDE for panel in panels))
