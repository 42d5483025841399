"""A live source and every fault of a camera, in every state, on a clock of its own."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import ClipSpec, RollingClip
from core.errors import SourceError
from core.live import ReconnectingSource
from core.source_state import CAMERA_LIMITS, SourceState
from core.video import Frame
from tests.core.unruly_camera import ADDRESS, FAULTS, Clock, Fault, UnrulyCamera

SPEC = ClipSpec(frames=4, span_s=0.8, resize=4, crop=4)
RECOVERED_WITHIN_S = 5.0

Live, Stalled, Lost = SourceState.LIVE, SourceState.STALLED, SourceState.LOST
Opening, Reconnecting = SourceState.OPENING, SourceState.RECONNECTING
# Neither costs the signal: such pictures are shown, and the clip goes on.
HARMLESS = ("slow", "fast", "black")
# These leave a source without its first picture.
FATAL = ("block", "silent", "exception", "ended", "no reader", "not a number", "no image")


class Watcher:
    """Uses a live source as the application does, and checks what is promised all along."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.camera = UnrulyCamera(self.clock)
        self.source = ReconnectingSource(
            0, self.camera, self.clock, self.clock.sleep, CAMERA_LIMITS
        )
        self.rolling = RollingClip(SPEC)
        self.segment = 0
        self.segment_began_s = self.clock.now_s
        self.time_s, self.index = -1.0, -1
        self.states = [Opening]
        self.clips = 0

    @property
    def state(self) -> SourceState:
        return self.source.status.state

    def _follow(self, segment: int) -> None:
        if segment != self.segment:
            assert segment > self.segment
            self.segment = segment
            self.segment_began_s = self.clock.now_s
            self.rolling.clear()

    def poll(self) -> None:
        before_s = self.clock.now_s
        for picture in self.source.poll(0.1):
            frame = picture.frame
            assert (frame.time_s > self.time_s, frame.index > self.index) == (True, True)
            assert picture.captured_s <= self.clock.now_s + 0.01
            self.time_s, self.index = frame.time_s, frame.index
            if picture.segment != self.segment:
                self._follow(picture.segment)
                # It came during this poll, perhaps before the poll's end.
                self.segment_began_s = before_s
            self.rolling.push(frame)
            self._check_clip()
        status = self.source.status
        self._follow(status.segment)
        if status.state is not Live:
            assert self.rolling.filled == 0, "a clip outlives its signal"
            assert (status.reason != "") == (status.state is not Opening)
        if status.state is not self.states[-1]:
            self.states.append(status.state)
        assert self.camera.open_readers == (status.state is not Lost)

    def _check_clip(self) -> None:
        clip = self.rolling.clip()
        if clip is None:
            return
        self.clips += 1
        for image in clip.pixels:
            red, green, blue = (int(value) for value in image[0, 0])
            if red in (0, 77):
                continue
            taken_s = self.camera.taken_s[red - 30 + 200 * green + 51200 * blue]
            assert taken_s >= self.segment_began_s, "a picture from before the gap"

    def go_on(self, seconds: float) -> None:
        until_s = self.clock.now_s + seconds
        while self.clock.now_s < until_s:
            self.poll()

    def reach(self, state: SourceState, within_s: float = 15.0) -> float:
        """Go on until this state; how long that took."""
        began_s = self.clock.now_s
        while self.state is not state:
            self.poll()
            assert self.clock.now_s - began_s <= within_s, f"{self.states} without {state}"
        return self.clock.now_s - began_s

    def bring_to(self, state: SourceState) -> None:
        if state is Opening:
            return
        self.reach(Live)
        self.go_on(6.0)
        if state is Stalled:
            self.camera.fault = "silent"
        elif state in (Lost, Reconnecting):
            self.camera.fault = "ended"
        self.reach(state)


@pytest.fixture
def watcher():
    watcher = Watcher()
    yield watcher
    watcher.source.close()
    assert watcher.camera.open_readers == 0


@pytest.mark.parametrize("state", list(SourceState), ids=lambda state: state.value)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_in_every_state_is_recovered_or_reported(
    watcher: Watcher, fault: Fault, state: SourceState
) -> None:
    watcher.bring_to(state)
    watcher.camera.fault = fault
    if state is Opening and fault in FATAL:
        # Nobody has seen a picture of it yet: whoever named it is told why.
        with pytest.raises(SourceError):
            watcher.go_on(12.0)
        return
    watcher.go_on(12.0)
    watcher.camera.fault = "fine"
    watcher.reach(Live, RECOVERED_WITHIN_S)
    clips = watcher.clips
    watcher.go_on(2.0)
    assert watcher.state is Live
    assert watcher.clips > clips


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(("fine", *FAULTS)), st.floats(0.05, 6.0)), min_size=1, max_size=8
    )
)
def test_any_series_of_faults_is_recovered_from(series: list[tuple[Fault, float]]) -> None:
    watcher = Watcher()
    watcher.reach(Live)
    for fault, seconds in series:
        watcher.camera.fault = fault
        watcher.go_on(seconds)
    watcher.camera.fault = "fine"
    watcher.reach(Live, RECOVERED_WITHIN_S)
    watcher.source.close()
    assert watcher.camera.open_readers == 0


@pytest.mark.parametrize("fault", HARMLESS)
def test_slow_fast_and_black_pictures_are_no_fault(watcher: Watcher, fault: Fault) -> None:
    watcher.bring_to(Live)
    watcher.camera.fault = fault
    clips = watcher.clips
    watcher.go_on(20.0)
    assert watcher.states == [Opening, Live]
    assert watcher.source.status.gaps == 0
    assert watcher.clips > clips


def test_the_way_from_live_to_live(watcher: Watcher) -> None:
    watcher.bring_to(Live)
    watcher.camera.fault = "block"
    watcher.reach(Reconnecting)
    watcher.camera.fault = "fine"
    watcher.reach(Live)
    assert watcher.states == [Opening, Live, Stalled, Lost, Reconnecting, Live]
    status = watcher.source.status
    assert (status.gaps, status.reconnections, status.attempt) == (1, 1, 0)
    assert watcher.camera.opened == 2


def test_a_stall_that_ends_by_itself_costs_no_reader(watcher: Watcher) -> None:
    watcher.bring_to(Stalled)
    watcher.camera.fault = "fine"
    watcher.reach(Live)
    assert watcher.camera.opened == 1
    assert watcher.source.status.gaps == 1


def test_a_frozen_picture_is_said_to_be_frozen_and_restarted(watcher: Watcher) -> None:
    watcher.bring_to(Live)
    watcher.camera.fault = "freeze"
    frozen_after_s = watcher.reach(Stalled)
    assert CAMERA_LIMITS.frozen_s < frozen_after_s < CAMERA_LIMITS.frozen_s + 0.5
    assert watcher.source.status.frozen
    assert "repeats one and the same picture" in watcher.source.status.reason
    watcher.reach(Reconnecting)
    # The new reader gives the very same picture: still nothing to be called live.
    watcher.reach(Stalled)
    assert watcher.states[-3:] == [Lost, Reconnecting, Stalled]
    assert watcher.source.status.gaps == 1


def test_a_still_test_card_is_restarted_less_and_less_often(watcher: Watcher) -> None:
    watcher.bring_to(Live)
    watcher.camera.fault = "freeze"
    watcher.go_on(300.0)
    # 3 + 6 + 12 + 24 + 48 + 60 + 60 + 60 seconds, and some to open each time.
    assert 7 <= watcher.camera.opened <= 9


def test_attempts_are_spaced_and_capped(watcher: Watcher) -> None:
    watcher.bring_to(Live)
    watcher.camera.fault = "ended"
    watcher.go_on(60.0)
    # One each 2 s, whose 0.7 s of opening count as waiting.
    assert 25 <= watcher.camera.opened <= 33
    assert watcher.source.status.attempt == watcher.camera.opened - 1


def test_a_source_that_flaps_is_not_opened_faster_than_one_that_is_gone(watcher: Watcher) -> None:
    watcher.reach(Live)
    opened = watcher.camera.opened
    until_s = watcher.clock.now_s + 40.0
    while watcher.clock.now_s < until_s:
        watcher.camera.fault = "fine"
        watcher.reach(Live)
        watcher.camera.fault = "ended"
        watcher.reach(Lost)
    assert watcher.camera.opened - opened <= 24


def test_pictures_whose_time_does_not_go_forward_are_counted(watcher: Watcher) -> None:
    watcher.bring_to(Live)
    watcher.camera.fault = "backwards"
    watcher.go_on(3.0)
    assert watcher.state is Live
    assert watcher.source.status.misplaced > 5
    assert watcher.source.status.gaps == 0


def test_another_size_and_a_clock_that_jumps_are_gaps(watcher: Watcher) -> None:
    watcher.bring_to(Live)
    for fault in ("size", "one jump back"):
        gaps = watcher.source.status.gaps
        watcher.camera.fault = fault
        watcher.go_on(2.0)
        assert watcher.source.status.gaps == gaps + 1
        assert watcher.state is Live
        watcher.camera.fault = "fine"
        watcher.go_on(2.0)


def test_a_source_that_is_slow_to_open_is_given_the_time(watcher: Watcher) -> None:
    """Three times what it needed at first; a stream may wait for a key frame."""
    watcher.camera.fault = "silent"
    watcher.go_on(5.0)
    watcher.camera.fault = "fine"
    watcher.reach(Live)
    watcher.go_on(6.0)
    watcher.camera.fault = "ended"
    watcher.reach(Reconnecting)
    watcher.camera.fault = "silent"
    watcher.go_on(6.0)
    assert watcher.state is Reconnecting
    watcher.camera.fault = "fine"
    watcher.reach(Live)
    assert watcher.camera.opened == 2


def test_an_unknown_error_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    """They may hold the address; the log gets the place instead."""
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    camera = UnrulyCamera(clock)
    with ReconnectingSource(ADDRESS, camera, clock, clock.sleep) as source:
        while source.status.state is not Live:
            source.poll(0.1)
        camera.fault = "exception"
        while source.status.state is not Lost:
            source.poll(0.1)
        assert "rtsp://cam/live failed (RuntimeError)" in source.status.reason
        assert "secret" not in source.status.reason
    assert "in _read" in caplog.text
    assert "secret" not in caplog.text


def test_an_outage_is_logged_in_few_lines(
    watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watcher.bring_to(Live)
    watcher.camera.fault = "ended"
    watcher.go_on(120.0)
    watcher.camera.fault = "fine"
    watcher.reach(Live)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]


def test_what_happened_is_summed_up_also_at_an_end_without_a_picture(
    watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watcher.bring_to(Lost)
    watcher.source.close()
    watcher.source.close()
    summaries = [line for line in caplog.messages if "closed: 1 gaps" in line]
    assert len(summaries) == 1


def test_no_reader_at_the_start_is_told(watcher: Watcher) -> None:
    camera = UnrulyCamera(watcher.clock)
    camera.fault = "no reader"
    with pytest.raises(SourceError, match="No process"):
        ReconnectingSource(0, camera, watcher.clock, watcher.clock.sleep)


def test_a_source_that_never_gives_a_picture_is_refused_and_released(watcher: Watcher) -> None:
    watcher.camera.fault = "block"
    with pytest.raises(SourceError, match="camera 0 gives no picture for 10 s"):
        watcher.go_on(30.0)
    assert watcher.camera.open_readers == 0


def test_pictures_are_handed_on_as_they_are(watcher: Watcher) -> None:
    pictures = []
    while not pictures:
        pictures = watcher.source.poll(0.1)
    assert pictures[0].frame.time_s == 0
    np.testing.assert_array_equal(pictures[0].frame.image[0, 0], (30, 0, 0))


@pytest.mark.parametrize("started_s", [None, 5000.0], ids=["no clock", "a clock that is ahead"])
def test_pictures_that_wait_get_times_of_their_own(started_s: float | None) -> None:
    """Where the reader's clock cannot place them, none is later than now and no two are equal."""
    clock = Clock()

    class Waiting:
        opening_since_s = None

        def __init__(self, address: int | str) -> None:
            self.started_s = started_s
            self.frames = [
                Frame(np.full((6, 8, 3), 50 + index, np.uint8), index / 15, index)
                for index in range(4)
            ]

        def read(self, timeout_s: float) -> Frame | None:
            return self.frames.pop(0) if self.frames else None

        def close(self) -> None:
            self.frames.clear()

    with ReconnectingSource(0, Waiting, clock, clock.sleep) as source:
        pictures = source.poll(0.1)
    times_s = [picture.frame.time_s for picture in pictures]
    assert len(times_s) == 4
    assert (np.diff(times_s) > 0).all()
    assert all(abs(picture.captured_s - clock.now_s) < 0.01 for picture in pictures)
