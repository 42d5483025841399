from __future__ import annotations

import pytest

from app.timeline_zoom import Zoom

HOUR = (0.0, 3600.0)


def test_the_moment_under_the_pointer_keeps_its_place() -> None:
    zoom = Zoom()
    zoom.zoom(HOUR, 900.0, 0.5)
    start_s, end_s = zoom.of(HOUR)
    assert end_s - start_s == 1800
    assert (900 - start_s) / (end_s - start_s) == pytest.approx(0.25)


def test_zooming_ends_at_two_seconds_and_at_the_whole() -> None:
    zoom = Zoom()
    for _ in range(60):
        zoom.zoom(HOUR, 900.0, 0.5)
    start_s, end_s = zoom.of(HOUR)
    assert end_s - start_s == pytest.approx(2)
    for _ in range(60):
        zoom.zoom(HOUR, 900.0, 2.0)
    assert zoom.whole
    assert zoom.of(HOUR) == HOUR


def test_scrolling_stops_at_the_ends() -> None:
    zoom = Zoom()
    zoom.zoom(HOUR, 1800.0, 0.1)
    zoom.scroll(HOUR, 100.0)
    assert zoom.of(HOUR) == pytest.approx((3240, 3600))
    zoom.scroll(HOUR, -100.0)
    assert zoom.of(HOUR) == pytest.approx((0, 360))


def test_the_page_turns_when_the_moment_leaves_it() -> None:
    zoom = Zoom()
    zoom.zoom(HOUR, 0.0, 0.1)
    zoom.follow(HOUR, 100.0)
    assert zoom.of(HOUR)[0] == 0
    zoom.follow(HOUR, 500.0)
    start_s, end_s = zoom.of(HOUR)
    assert start_s < 500 < end_s
    assert 500 - start_s < 0.1 * (end_s - start_s)
