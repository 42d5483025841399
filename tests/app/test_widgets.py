"""Widgets by what a person sees of them."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFontMetrics, QImage
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app import theme
from app.messages import (
    Compared,
    EngineReport,
    ModelDescription,
    ModelNumbers,
    Models,
    Numbers,
    Picture,
)
from app.ratios import faster_or_slower, ratio_in_words
from app.state import State
from app.theme import DARK
from app.timeline_record import TimelineRecord
from app.widgets.comparison_card import ComparisonCard
from app.widgets.controls import NumberTile, plain_tip
from app.widgets.fit_label import FitLabel
from app.widgets.latency_plot import break_at_gaps, nice_ceiling
from app.widgets.model_panel import ModelPanel
from app.widgets.status_bar import StatePill, StatusBar
from app.widgets.timeline import Timeline
from app.widgets.timeline_paint import clock_time
from app.widgets.video_view import Caption, VideoView
from core.activities import ACTIVITIES, colour_of, title_of
from core.comparison import Latency, Prediction
from core.decisions import Decision
from core.probe import ProbeResult
from core.video import Frame
from tests.app.doubles import LABELS


def shown(qtbot: QtBot, widget: QWidget, width: int, height: int) -> QWidget:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def picture(image: np.ndarray, filled: int = 16) -> Picture:
    return Picture(Frame(image, 0.0, 0), image, 1, 0.0, filled, 16)


def grabbed(widget: QWidget) -> QImage:
    return widget.grab().toImage()


# -- video -------------------------------------------------------------------------------------


def test_the_picture_keeps_its_aspect_and_its_colours(qtbot: QtBot) -> None:
    view = VideoView()
    shown(qtbot, view, 800, 400)
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :50] = (255, 0, 0)
    image[:, 50:] = (0, 0, 255)
    with qtbot.waitSignal(view.painted):
        view.show_picture(picture(image))
    assert view.picture_rect().width() == view.picture_rect().height() == 400
    seen = grabbed(view)
    assert seen.pixelColor(300, 200).getRgb()[:3] == (255, 0, 0)
    assert seen.pixelColor(500, 200).getRgb()[:3] == (0, 0, 255)
    assert seen.pixelColor(100, 200).name() == DARK.card


def test_an_odd_width_does_not_slant_the_picture(qtbot: QtBot) -> None:
    view = VideoView()
    shown(qtbot, view, 505, 303)
    image = np.zeros((101, 101, 3), np.uint8)
    image[:, 50:] = 255
    view.show_picture(picture(image))
    seen = grabbed(view)
    for y in (30, 150, 270):
        assert seen.pixelColor(230, y).lightness() < 40
        assert seen.pixelColor(275, y).lightness() > 215


def test_each_picture_is_reported_once(qtbot: QtBot) -> None:
    view = VideoView()
    shown(qtbot, view, 400, 300)
    with qtbot.waitSignal(view.painted):
        view.show_picture(picture(np.zeros((10, 10, 3), np.uint8)))
    with qtbot.assertNotEmitted(view.painted):
        view.repaint()


def test_words_over_the_picture_are_spoken_too(qtbot: QtBot) -> None:
    view = VideoView()
    shown(qtbot, view, 400, 300)
    view.show_warming_up(9, 16)
    assert view.accessibleDescription() == "warming up 9/16"
    view.show_caption(Caption("drinking", 0.84))
    assert view.accessibleDescription() == "drinking"
    view.show_no_signal(("No signal", "The last picture came 3 s ago."))
    assert "3 s ago" in view.accessibleDescription()


def test_no_signal_greys_the_picture(qtbot: QtBot) -> None:
    view = VideoView()
    shown(qtbot, view, 400, 300)
    view.show_picture(picture(np.full((30, 40, 3), 255, np.uint8)))
    bright = grabbed(view).pixelColor(200, 20).lightness()
    view.show_no_signal(("No signal", ""))
    assert grabbed(view).pixelColor(200, 20).lightness() < bright / 2


# -- text fits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activity", ACTIVITIES, ids=lambda activity: activity.name)
def test_every_activity_fits_the_narrowest_panel(qtbot: QtBot, activity: object) -> None:
    label = FitLabel(theme.LABEL_PX, 2, "Activity")
    # The narrowest panel less its margins and the confidence beside the label.
    shown(qtbot, label, 272 - 28 - 80, label.height())
    title = activity.title
    label.show_text(title)
    metrics = QFontMetrics(theme.font(label.fitting_px(), bold=True))
    flags = int(Qt.TextFlag.TextWordWrap)
    bounds = metrics.boundingRect(QRect(0, 0, label.width(), 1000), flags, title)
    assert bounds.width() <= label.width()
    assert bounds.height() <= label.height()

    text = f"{title}  100.0 %"
    metrics = QFontMetrics(theme.fitting_font(text, 272 - 28, 17))
    assert metrics.horizontalAdvance(text) <= 272 - 28


def test_digits_are_equally_wide(qtbot: QtBot) -> None:
    metrics = QFontMetrics(theme.font(20, bold=True))
    assert len({metrics.horizontalAdvance(digit) for digit in "0123456789"}) == 1


# -- model panel -------------------------------------------------------------------------------

DESCRIPTION = ModelDescription("int8", "int8", LABELS, "m.safetensors", 930_000)


def prediction() -> Prediction:
    probabilities = np.array([0.02, 0.8, 0.1, 0.05, 0.02, 0.01], np.float32)
    return Prediction(0, 0.0, probabilities, 2.0)


@pytest.fixture
def panel(qtbot: QtBot) -> ModelPanel:
    made = ModelPanel("int8")
    shown(qtbot, made, 320, 400)
    return made


def test_a_panel_shows_the_steady_label_and_the_raw_bars(panel: ModelPanel) -> None:
    assert "loading" in panel.activity.text
    panel.show_description(DESCRIPTION)
    panel.show_answer(prediction(), Decision(3, 0.84))
    assert panel.activity.text == title_of(LABELS[3])
    assert panel.confidence.text() == "84 %"
    assert [name for name, _ in panel.bars.rows] == [LABELS[i] for i in (1, 2, 3, 0, 4)]
    assert panel.bars.rows[0][1] == pytest.approx(0.8)
    assert panel.file.text() == "0.93 MB"
    assert panel.title.text() == "INT8 student"


def test_without_a_label_no_activity_is_guessed(panel: ModelPanel) -> None:
    panel.show_description(DESCRIPTION)
    panel.show_answer(prediction(), Decision(None, 0.2))
    assert panel.activity.text == "uncertain"
    assert panel.confidence.text() == ""
    assert len(panel.bars.rows) == 5


def test_a_failure_stays_on_the_panel(panel: ModelPanel) -> None:
    panel.show_description(DESCRIPTION)
    panel.show_failure("The file is damaged; copy it again.")
    panel.show_waiting("warming up")
    panel.show_answer(prediction(), Decision(3, 0.84))
    assert panel.activity.text == "not running"
    assert panel.message.isVisible()
    assert "damaged" in panel.message.text()


def test_numbers_in_a_row_are_written_alike(panel: ModelPanel) -> None:
    panel.setFixedWidth(240)
    panel.show_numbers(ModelNumbers(29.84, Latency(50, 113.8, 7.1, 115.9, 123.5), None, 0))
    tiles = panel.findChildren(NumberTile)
    numbers = [tile.findChildren(QLabel)[0] for tile in tiles]
    assert len({number.font().pixelSize() for number in numbers}) == 1
    for number in numbers:
        assert number.fontMetrics().horizontalAdvance(number.text()) <= number.width()


def test_speed_is_shown_and_what_is_derived_is_called_so(panel: ModelPanel) -> None:
    panel.show_numbers(ModelNumbers(29.84, Latency(50, 1.8, 1.72, 2.1, 2.4), None, 0))
    assert (panel.live_fps.text, panel.p50.text, panel.p95.text) == ("29.8", "1.7", "2.1")
    assert panel.p99.text == "2.4"
    assert panel.derived.text() == "could do 581 FPS (derived)"
    assert not panel.accuracy.isVisible()
    panel.show_numbers(ModelNumbers(0, None, 0.5, 12))
    assert panel.p50.text == "–"
    assert panel.accuracy.text() == "50.0 % mean per class · 12 clips"


# -- comparison --------------------------------------------------------------------------------


def numbers(**changes: object) -> Numbers:
    values = {
        "capture_fps": 29.94,
        "shown_fps": 29.9,
        "inferred_fps": 29.8,
        "skipped": 3,
        "label_age_ms": 41.2,
        "cpu_percent": 12.4,
        "memory_mb": 480.0,
        "models": {},
        "session": Compared(120, 0.978, 0.0134, 3.76),
        "last_minute": Compared(30, 0.9, 0.0004, 3.1),
        "size_ratio": 3.78,
    }
    return Numbers(**(values | changes))


def with_speed(ratio: float | None) -> Numbers:
    return numbers(session=Compared(120, 0.978, 0.0134, ratio))


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (3.76, ("3.8×", "faster")),
        (1.0, ("1.0×", "faster")),
        (0.8, ("1.2×", "slower")),
        (0.0, ("–", "faster")),
        (None, ("–", "faster")),
    ],
)
def test_a_ratio_below_one_is_turned_round(ratio: float | None, expected: tuple[str, str]) -> None:
    assert ratio_in_words(ratio, "faster", "slower") == expected


@pytest.mark.parametrize("ratio", [0.0, None])
def test_no_ratio_is_neither_faster_nor_slower(qtbot: QtBot, ratio: float | None) -> None:
    card = ComparisonCard()
    shown(qtbot, card, 560, 150)
    card.show_numbers(numbers(last_minute=Compared(30, 0.9, 0.0004, ratio)))
    card.show_numbers(with_speed(ratio))
    assert faster_or_slower(ratio) == "–"


def test_what_is_measured_on_clips_outweighs_the_trial(qtbot: QtBot) -> None:
    card = ComparisonCard()
    shown(qtbot, card, 560, 150)
    slower = {
        slot: EngineReport(ProbeResult(engine="openvino", latency_ms=latency_ms))
        for slot, latency_ms in (("int8", 7.5), ("fp32", 6.0))
    }
    card.show_engines({"int8": slower["int8"]})
    assert not card.no_gain.isVisible()
    card.show_engines(slower)
    card.show_numbers(with_speed(None))
    assert card.no_gain.isVisible()
    card.show_numbers(with_speed(0.9))
    assert card.no_gain.isVisible()
    card.show_numbers(with_speed(1.4))
    assert not card.no_gain.isVisible()


def test_the_comparison_says_whether_it_compares_twins(qtbot: QtBot) -> None:
    card = ComparisonCard()
    shown(qtbot, card, 560, 150)
    described = dict.fromkeys(("int8", "fp32"), DESCRIPTION)
    card.show_models(Models(described, 3.0, True))
    assert card.origin.text().startswith("Twins")
    card.show_models(Models(described, 3.0, False))
    assert "two trainings" in card.origin.text()
    card.show_numbers(numbers())
    assert card.agreement.text == "97.8 %"
    assert card.divergence.text == "0.013"
    assert card.speed.text == "3.8×"
    assert card.clips.text() == "120 clips"
    assert card.recent_texts() == ["90.0 %", "< 0.001", "3.1× faster"]
    card.show_numbers(numbers(session=Compared(), last_minute=Compared()))
    assert card.agreement.text == card.speed.text == "–"
    assert card.recent_texts() == ["–"] * 3


# -- figures, timeline, plot -------------------------------------------------------------------


def test_the_status_bar_names_each_figure(qtbot: QtBot) -> None:
    bar = StatusBar()
    shown(qtbot, bar, 700, 40)
    bar.show_numbers(numbers())
    seen = {
        name: bar.value(name) for name in ("capture", "shown", "skipped", "label age", "memory")
    }
    assert seen == {
        "capture": "29.9",
        "shown": "29.9",
        "skipped": "3",
        "label age": "41 ms",
        "memory": "480 MB",
    }
    bar.show_numbers(numbers(label_age_ms=None))
    assert bar.value("label age") == "–"


def test_the_pill_says_live_only_of_a_camera_that_gives_pictures(qtbot: QtBot) -> None:
    pill = StatePill()
    qtbot.addWidget(pill)
    assert "NO SOURCE" in pill.text()
    pill.show_state(State.PLAYING, live=True)
    pill.show_fps(29.94)
    assert pill.text() == "● LIVE  29.9 fps"
    pill.show_silence(True)
    assert pill.text() == "● NO SIGNAL"
    pill.show_silence(False)
    assert "LIVE" in pill.text()


def test_the_timeline_paints_classes_differences_and_now(qtbot: QtBot) -> None:
    timeline = Timeline()
    shown(qtbot, timeline, 1000, 110)
    record = TimelineRecord(LABELS, 10.0)
    for tenth in range(50):
        record.add(tenth / 10, {"int8": 1, "fp32": 1 if tenth < 25 else 2})
    timeline.show_record(record)
    timeline.refresh(9.0)
    strips = timeline.strips()
    image = grabbed(timeline)

    def at(name: str, share: float) -> str:
        rect = strips[name]
        return image.pixelColor(rect.left() + round(share * rect.width()), rect.center().y()).name()

    assert at("int8", 0.2) == colour_of(LABELS[1])
    assert at("fp32", 0.3) == colour_of(LABELS[2])
    assert at("int8", 0.7) == DARK.raised
    assert at("differs", 0.3) == DARK.bad
    assert at("differs", 0.1) == DARK.card
    assert DARK.text in {at("int8", 0.9 + nudge) for nudge in (-0.002, -0.001, 0, 0.001, 0.002)}
    assert at("int8", 0.88) == DARK.raised
    assert timeline.describe_at(strips["int8"].left() + 300) == (
        f"00:03.2\nINT8: {title_of(LABELS[1])}\nFP32: {title_of(LABELS[2])}"
    )


def test_times_read_like_a_clock() -> None:
    assert [clock_time(s) for s in (0, 41.9, 130, 3723)] == ["00:00", "00:41", "02:10", "1:02:03"]


def test_the_latency_scale_has_round_ends() -> None:
    assert [nice_ceiling(value) for value in (0.7, 1.2, 9.0, 41, 100)] == [0.8, 1.5, 10, 60, 100]


def test_a_pause_breaks_the_latency_line() -> None:
    series = np.array([[0.0, 5], [0.1, 6], [3.0, 7], [3.1, 8]])
    broken = break_at_gaps(series)
    assert len(broken) == 5
    assert np.isnan(broken[2, 1])
    assert len(break_at_gaps(series[:0])) == 0


def test_names_from_files_are_no_markup_in_tooltips() -> None:
    assert plain_tip('<img src="//elsewhere/x"><b>eating') == '‹img src="//elsewhere/x">‹b>eating'
    assert plain_tip("writing, < 1 %") == "writing, < 1 %"
