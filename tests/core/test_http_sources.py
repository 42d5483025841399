"""What a web server has to offer, with real child processes: finished files and live playlists."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import SourceError
from core.live import ReconnectingSource
from core.source_state import STREAM_LIMITS, SourceState
from tests.core.web_server import LivePlaylist, WebServer, playlist, segments_of

Writer = Callable[..., Path]
# Patience for a busy machine, not an expectation.
PATIENCE_S = 60.0
FPS = 25
SEGMENT_S = 3.0
SEGMENTS = 8


@pytest.fixture(autouse=True)
def no_child_is_left_behind():
    yield
    assert multiprocessing.active_children() == []


def moving(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


def finished_file(kind: str, write_video: Writer, folder: Path) -> dict[str, bytes]:
    """What the server has to hold so that `video.kind` can be had from it."""
    if kind == "m3u8":
        path = write_video(folder / "video.ts", moving(100), FPS, "mpg2")
        parts = enumerate(segments_of(path.read_bytes(), 2))
        whole = playlist(2.0, 0, 2, finished=True)
        return {"video.m3u8": whole, **{f"{number}.ts": part for number, part in parts}}
    path = write_video(folder / f"video.{kind}", moving(100), FPS, "mp4v")
    return {path.name: path.read_bytes()}


def wait_for_a_picture(source: ReconnectingSource) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not source.poll(0.05):
        assert source.status.state is SourceState.OPENING
        assert time.monotonic() < deadline_s, source.status


@pytest.mark.parametrize("kind", ["mp4", "mkv", "avi", "m3u8"])
def test_a_finished_file_is_refused_in_a_sentence(
    write_video: Writer, tmp_path: Path, kind: str
) -> None:
    """As a stream it would pass at decoding speed, be lost, and begin again for ever."""
    with WebServer(finished_file(kind, write_video, tmp_path)) as server:
        place = f"127.0.0.1:{server.port}/video.{kind}"
        address = f"http://user:secret@{place}?token=secret"
        with ReconnectingSource(address) as source:
            with pytest.raises(SourceError) as raised:
                wait_for_a_picture(source)
            assert f"http://{place} is a finished file, not a live stream;" in str(raised.value)
            assert "secret" not in str(raised.value)
            assert multiprocessing.active_children() == []


def test_a_live_playlist_is_handed_on_at_its_own_rate(write_video: Writer, tmp_path: Path) -> None:
    """Its pictures arrive three seconds' worth at once, and then none for three seconds."""
    images = moving(int(SEGMENTS * SEGMENT_S * FPS))
    stream = write_video(tmp_path / "live.ts", images, FPS, "mpg2").read_bytes()
    limits = replace(STREAM_LIMITS, stalled_s=2.0)
    times_s: list[float] = []
    with (
        LivePlaylist(segments_of(stream, SEGMENTS), SEGMENT_S) as server,
        ReconnectingSource(f"http://127.0.0.1:{server.port}/live.m3u8", limits=limits) as source,
    ):
        deadline_s = time.monotonic() + PATIENCE_S
        # Two segments and a half: over two of their borders.
        while not times_s or times_s[-1] < 2.5 * SEGMENT_S:
            times_s += [picture.frame.time_s for picture in source.poll(0.05)]
            assert source.status.gaps == 0, source.status
            assert time.monotonic() < deadline_s, source.status
    steps_s = np.diff(times_s)
    assert steps_s.min() > 0.95 / FPS
    # As many as their own rate gives, but for what a busy machine drops.
    assert len(times_s) > 0.5 * FPS * times_s[-1]
