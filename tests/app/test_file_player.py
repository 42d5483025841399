"""Moving through a file: whatever way led to a frame, its clip is the same."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.file_player import FilePlayer, first_frame_of_clip
from app.playback import Playback
from app.schedule import SPEEDS, Schedule, speed_title
from core.clip import Clip, ClipSpec, RollingClip
from core.video import Frame, VideoFile
from tests.app.doubles import FPS, write_video

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo" / "cabin.mp4"
SPEC = ClipSpec(frames=16, span_s=3.0, resize=36, crop=32)
PATIENCE_S = 20


class Clips:
    """Takes frames as the capture does, and keeps what was offered."""

    def __init__(self, spec: ClipSpec) -> None:
        self.spec = spec
        self.generation = 0
        self.delivered: list[int] = []
        self.offered: list[tuple[int, int, Clip | None]] = []
        self.heard = threading.Condition()
        self._rolling = RollingClip(spec)

    def begin_generation(self) -> None:
        self.generation += 1
        self._rolling.clear()

    def fill(self, frame: Frame) -> None:
        self._rolling.push(frame)

    def deliver(self, frame: Frame, captured_s: float, *, offered: bool) -> None:
        self._rolling.push(frame)
        with self.heard:
            self.delivered.append(frame.index)
            if offered:
                self.offered.append((self.generation, frame.index, self._rolling.clip()))
            self.heard.notify_all()

    def next_offer(self, seen: int) -> tuple[int, int, Clip | None]:
        """The offer after so many."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.offered) > seen, PATIENCE_S)
            return self.offered[seen]


class Player:
    """A file that plays in a thread of its own."""

    def __init__(self, path: Path, spec: ClipSpec = SPEC) -> None:
        self.clips = Clips(spec)
        self.playback = Playback()
        self.ends = threading.Semaphore(0)
        self._path = path
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with VideoFile(self._path) as video:
            FilePlayer(video, self.playback, self.clips, self.ends.release).run()

    def after(self, command: Callable[[], None]) -> tuple[int, int, Clip | None]:
        """What is offered in answer to a command while nothing plays."""
        seen = len(self.clips.offered)
        command()
        return self.clips.next_offer(seen)

    def close(self) -> None:
        self.playback.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.fixture
def play() -> Iterator[Callable[..., Player]]:
    players: list[Player] = []

    def make(*arguments: object) -> Player:
        players.append(Player(*arguments))
        return players[-1]

    yield make
    for player in players:
        player.close()


@pytest.fixture(scope="module")
def played() -> dict[int, Clip | None]:
    """The clip at each of the first 300 frames when the demonstration is simply played."""
    rolling, clips = RollingClip(SPEC), {}
    with VideoFile(DEMO) as video:
        for frame in video:
            rolling.push(frame)
            clips[frame.index] = rolling.clip()
            if frame.index == 299:
                return clips
    raise AssertionError("the demonstration is shorter")


def assert_same(clip: Clip | None, expected: Clip | None) -> None:
    assert (clip is None) == (expected is None)
    if clip is not None and expected is not None:
        assert clip.frame_indices == expected.frame_indices
        assert clip.time_s == expected.time_s
        np.testing.assert_array_equal(clip.pixels, expected.pixels)


def test_a_seek_gives_the_clip_that_playing_would_have_given(
    play: Callable[..., Player], played: dict[int, Clip | None]
) -> None:
    player = play(DEMO)
    targets = [0, 1, 50, 89, 90, 91, 299, *random.Random(0).sample(range(300), 12)]
    for target in targets:
        time_s = target / 30
        _, index, clip = player.after(lambda time_s=time_s: player.playback.seek(time_s))
        assert index == target
        assert_same(clip, played[target])


def test_steps_go_one_frame_each_and_show_its_own_clip(
    play: Callable[..., Player], played: dict[int, Clip | None]
) -> None:
    player = play(DEMO)
    generation, _, _ = player.after(lambda: player.playback.seek(5.0))
    for steps, expected in ((1, 151), (1, 152), (3, 155), (-1, 154), (-10, 144), (1, 145)):
        _, index, clip = player.after(lambda steps=steps: player.playback.step(steps))
        assert index == expected
        assert_same(clip, played[expected])
    # Only what does not follow begins anew.
    assert player.clips.generation == generation + 2


def test_a_step_never_leads_out_of_the_file(play: Callable[..., Player], videos: Path) -> None:
    player = play(videos / "brief.mp4")
    assert player.after(lambda: player.playback.step(-1))[1] == 0
    assert player.after(lambda: player.playback.seek(99))[1] == 39
    assert player.after(lambda: player.playback.step(-2))[1] == 37
    assert player.after(lambda: player.playback.step(7))[1] == 39
    assert player.after(lambda: player.playback.step(-100))[1] == 0


def test_of_many_wishes_the_newest_counts(play: Callable[..., Player]) -> None:
    player = play(DEMO)

    def drag() -> None:
        for tenth in range(100, 0, -1):
            player.playback.seek(tenth / 10)
        player.playback.step(-1)
        player.playback.step(-1)

    player.after(drag)
    with player.clips.heard:
        assert player.clips.heard.wait_for(lambda: player.clips.offered[-1][1] == 1, PATIENCE_S)
    # Far fewer were looked for than wished.
    assert len(player.clips.offered) < 50


def test_playing_goes_on_from_where_a_seek_led(
    play: Callable[..., Player], played: dict[int, Clip | None]
) -> None:
    player = play(DEMO)
    player.playback.set_speed(math.inf)
    player.after(lambda: player.playback.seek(6.0))
    seen = len(player.clips.offered)
    player.playback.play()
    for offset in range(5):
        _, index, clip = player.clips.next_offer(seen + offset)
        assert index == 181 + offset
        assert_same(clip, played[index])


def test_as_fast_as_possible_every_frame_is_still_taken(
    play: Callable[..., Player], videos: Path
) -> None:
    player = play(videos / "long.mp4", ClipSpec(frames=4, span_s=0.3, resize=36, crop=32))
    player.playback.set_speed(math.inf)
    started_s = time.monotonic()
    player.playback.play()
    assert player.ends.acquire(timeout=PATIENCE_S)
    assert time.monotonic() - started_s < 20  # its own time
    assert player.clips.delivered == list(range(600))
    assert player.playback.at_end


@pytest.mark.parametrize("speed", [1.0, math.inf])
def test_a_loop_goes_round_no_faster_than_a_frame_lasts(
    play: Callable[..., Player], tmp_path: Path, speed: float
) -> None:
    player = play(write_video(tmp_path / "one.mp4", [100]))
    player.playback.loop = True
    player.playback.set_speed(speed)
    started_s = time.monotonic()
    player.playback.play()
    player.clips.next_offer(7)
    # The first one needs no waiting. A busy machine makes the rounds longer, never shorter.
    assert time.monotonic() - started_s >= 6 / FPS


def test_a_pause_at_the_very_end_counts_before_the_end_and_before_a_new_round() -> None:
    playback = Playback()
    assert not playback.reached_end(0.0)
    assert not playback.at_end
    playback.loop = True
    assert not playback.reached_end(0.0)
    assert not playback.moving
    playback.play()
    assert not playback.reached_end(0.0)
    assert playback.take_move().to_beginning
    playback.loop = False
    assert playback.reached_end(0.0)
    assert playback.at_end


def test_a_seek_at_the_end_leaves_it(play: Callable[..., Player], videos: Path) -> None:
    player = play(videos / "blink.mp4")
    player.playback.set_speed(math.inf)
    player.playback.play()
    assert player.ends.acquire(timeout=PATIENCE_S)
    player.playback.pause()
    assert player.after(lambda: player.playback.step(-1))[1] == 2
    assert not player.playback.at_end


def test_consecutive_frames_need_no_more_than_themselves() -> None:
    times_s = np.arange(100) / 30
    consecutive = ClipSpec(frames=16, span_s=None, resize=36, crop=32)
    assert first_frame_of_clip(times_s, 50, consecutive) == 35
    assert first_frame_of_clip(times_s, 5, consecutive) == 0
    assert first_frame_of_clip(times_s, 95, SPEC) == 5
    assert first_frame_of_clip(times_s, 50, SPEC) == 0
    assert first_frame_of_clip(times_s, 50, None) == 50


@pytest.mark.parametrize(("speed", "expected_s"), [(0.25, 0.4), (1.0, 0.1), (4.0, 0.025)])
def test_a_speed_stretches_the_schedule(speed: float, expected_s: float) -> None:
    schedule = Schedule()
    schedule.set_speed(speed)
    assert schedule.remaining_s(7.0, 100.0) == 0
    assert schedule.remaining_s(7.1, 100.0) == pytest.approx(expected_s)


def test_without_bounds_everything_is_due_and_a_change_moves_the_schedule() -> None:
    schedule = Schedule()
    schedule.set_speed(math.inf)
    schedule.remaining_s(0.0, 100.0)
    assert schedule.remaining_s(500.0, 100.0) <= 0
    schedule.set_speed(2.0)
    assert schedule.remaining_s(500.0, 100.3) == pytest.approx(0, abs=1e-9)
    assert schedule.remaining_s(501.0, 100.3) == pytest.approx(0.5)
    assert [speed_title(speed) for speed in SPEEDS] == ["0.25×", "0.5×", "1×", "2×", "4×", "max"]
