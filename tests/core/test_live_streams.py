"""Real child processes, real FFmpeg, a real server on loopback that misbehaves."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.errors import SourceError
from core.live import ReconnectingSource
from core.source_state import STREAM_LIMITS, SourceState
from tests.core.mjpeg_server import MjpegServer

# Patience for a busy machine, not an expectation.
PATIENCE_S = 60.0
# The waiting is tested on a clock of its own; here only that real processes obey.
HASTY = replace(STREAM_LIMITS, stalled_s=0.5, lost_s=0.6, pause_s=0.05, first_retry_s=0.1)
SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    before = set(SHARED_MEMORY.glob("psm_*"))
    yield
    assert multiprocessing.active_children() == []
    # What belongs to other tests of this machine goes away by itself; what was left here stays.
    deadline_s = time.monotonic() + 10
    while left := set(SHARED_MEMORY.glob("psm_*")) - before:
        assert time.monotonic() < deadline_s, left
        time.sleep(0.1)


def poll_until(source: ReconnectingSource, reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        source.poll(0.05)
        assert time.monotonic() < deadline_s, source.status


def test_a_stream_that_stalls_drops_refuses_and_sends_garbage_comes_back_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with MjpegServer() as server:
        address = f"http://user:secret@127.0.0.1:{server.port}/video?token=secret"
        with ReconnectingSource(address, limits=HASTY) as source:
            poll_until(source, lambda: source.status.state is SourceState.LIVE)
            for manners in ("silent", "garbage", "dropping"):
                gaps = source.status.gaps
                server.manners = manners
                poll_until(source, lambda gaps=gaps: source.status.gaps > gaps)
                assert source.status.state is not SourceState.LIVE
                assert "secret" not in source.status.reason
                if manners == "dropping":
                    server.manners = "refusing"
                    poll_until(source, lambda: source.status.attempt >= 2)
                server.manners = "fine"
                poll_until(source, lambda: source.status.state is SourceState.LIVE)
            assert source.status.reconnections >= 3
            (child,) = multiprocessing.active_children()
            assert "secret" not in child.name
            assert child.pid is not None
            assert "secret" not in " ".join(psutil.Process(child.pid).cmdline())
    assert "secret" not in caplog.text


def test_a_server_without_a_picture_is_refused_in_a_sentence() -> None:
    with MjpegServer() as server:
        server.manners = "garbage"
        address = f"http://user:secret@127.0.0.1:{server.port}/video"
        with ReconnectingSource(address, limits=HASTY) as source:
            with pytest.raises(SourceError) as raised:
                poll_until(source, lambda: False)
            assert "secret" not in str(raised.value)
            assert f"http://127.0.0.1:{server.port}/video" in str(raised.value)


def test_a_child_that_is_killed_is_replaced() -> None:
    with (
        MjpegServer() as server,
        ReconnectingSource(f"http://127.0.0.1:{server.port}/", limits=HASTY) as source,
    ):
        poll_until(source, lambda: source.status.state is SourceState.LIVE)
        (child,) = multiprocessing.active_children()
        pid = child.pid
        child.kill()
        poll_until(source, lambda: source.status.reconnections > 0)
        poll_until(source, lambda: source.status.state is SourceState.LIVE)
        (child,) = multiprocessing.active_children()
        assert child.pid != pid


@pytest.mark.parametrize(
    "state",
    [SourceState.OPENING, SourceState.STALLED, SourceState.RECONNECTING],
    ids=lambda state: state.value,
)
def test_closing_with_a_child_in_any_state_leaves_nothing(state: SourceState) -> None:
    with MjpegServer() as server:
        limits = replace(HASTY, lost_s=0.6 if state is not SourceState.STALLED else 60.0)
        with ReconnectingSource(f"http://127.0.0.1:{server.port}/", limits=limits) as source:
            if state is not SourceState.OPENING:
                poll_until(source, lambda: source.status.state is SourceState.LIVE)
            server.manners = "silent"
            poll_until(source, lambda: source.status.state is state)
            # The context ends here; the fixture looks for what is left.
