"""The measuring script does what it says; what it measures belongs on a quiet machine."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QApplication

from tests.robustness.responsiveness import Report, measure, measure_timeline


def test_a_short_run_measures_everything(qapp: QApplication) -> None:
    report = measure(1.0, warm_up_s=0.0)
    assert report.seconds > 0.5
    assert report.captured_fps > 0
    assert report.shown_fps > 0
    assert report.inferred_fps > 0
    assert report.label_age_p95_ms > 0
    assert report.longest_ui_gap_ms >= report.ui_gap_p99_ms > 0


def test_an_hour_of_timeline_is_painted(qapp: QApplication) -> None:
    assert min(measure_timeline(frames=3)) > 0


def test_a_missed_goal_is_named() -> None:
    good = Report(
        seconds=30,
        captured_fps=30,
        shown_fps=29.5,
        inferred_fps=29,
        label_age_p95_ms=60,
        longest_ui_gap_ms=30,
        ui_gap_p99_ms=9,
        timeline_scroll_fps=200,
        timeline_whole_hour_fps=200,
    )
    assert good.missed() == []
    (missed,) = replace(good, longest_ui_gap_ms=80).missed()
    assert "80.0" in missed
