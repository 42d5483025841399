"""The source worker with a file: pacing, pausing, restarting, and what cannot be played."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.capture import Capture
from app.messages import Picture
from app.picture_slot import shrink_to
from app.schedule import Schedule
from app.timeline_truth import FrameTruth
from core.frame_index import Interrupted
from core.video import Frame, VideoFile
from tests.app.doubles import SPEC
from tests.app.rigs import MakeRig


def next_picture(qtbot: QtBot, capture: Capture) -> Picture:
    taken: list[Picture] = []

    def take() -> bool:
        picture = capture.pictures.take()
        taken.extend([picture] if picture is not None else [])
        return bool(taken)

    qtbot.waitUntil(take)
    return taken[0]


def test_a_file_is_played_at_its_own_speed_and_every_frame_is_buffered(
    qtbot: QtBot, rig: MakeRig, videos: Path
) -> None:
    made = rig(videos / "brief.mp4")
    started_s = time.monotonic()
    with qtbot.waitSignal(made.capture.ended, timeout=10_000):
        made.capture.start()
        made.capture.playback.play()
    assert time.monotonic() - started_s >= 0.95 * 39 / 30
    assert made.capture.captured == 40
    info = made.opened[0]
    assert (info.width, info.height, info.live) == (64, 48, False)
    assert info.duration_s == pytest.approx(40 / 30)
    # From the first full clip on each frame ended one, so each is in the buffer.
    newest = [offer.clip.frame_index for offer in made.offers]
    assert newest == list(range(newest[0], 40))
    assert newest[0] <= 9


def test_nothing_is_delivered_before_play(qtbot: QtBot, rig: MakeRig, videos: Path) -> None:
    made = rig(videos / "brief.mp4")
    with qtbot.waitSignal(made.capture.opened):
        made.capture.start()
    assert made.capture.captured == 0
    assert made.capture.pictures.take() is None


def test_pause_holds_and_play_goes_on_where_it_was(
    qtbot: QtBot, rig: MakeRig, videos: Path
) -> None:
    made = rig(videos / "long.mp4")
    made.capture.start()
    made.capture.playback.play()
    qtbot.waitUntil(lambda: made.capture.captured >= 5)
    made.capture.playback.pause()
    qtbot.wait(80)  # a frame that was due may still come
    held = made.capture.captured
    qtbot.wait(150)
    assert made.capture.captured == held
    made.capture.playback.play()
    qtbot.waitUntil(lambda: made.capture.captured >= held + 5)
    assert [offer.generation for offer in made.offers] == [1] * len(made.offers)


def test_restart_while_paused_shows_the_first_frame_only(
    qtbot: QtBot, rig: MakeRig, videos: Path
) -> None:
    made = rig(videos / "long.mp4")
    made.capture.start()
    made.capture.playback.play()
    qtbot.waitUntil(lambda: made.capture.captured >= 5)
    made.capture.playback.pause()
    qtbot.wait(80)
    made.capture.pictures.take()
    made.capture.playback.seek(0.0)
    picture = next_picture(qtbot, made.capture)
    assert (picture.frame.index, picture.generation, picture.filled) == (0, 2, 1)
    qtbot.wait(100)
    assert made.capture.pictures.take() is None


def test_other_clips_of_a_paused_file_are_filled_from_the_file(
    qtbot: QtBot, rig: MakeRig, videos: Path
) -> None:
    made = rig(videos / "long.mp4")
    made.capture.start()
    made.capture.playback.seek(5.0)
    qtbot.waitUntil(lambda: len(made.offers) == 1)
    other = replace(SPEC, frames=8, span_s=1.0)
    made.capture.look_at((other,))
    qtbot.waitUntil(lambda: len(made.offers) == 2)
    before, after = made.offers
    assert (before.clip.frame_index, after.clip.frame_index) == (150, 150)
    assert (before.spec, after.spec) == (SPEC, other)
    assert after.clip.pixels.shape[0] == 8
    assert after.clip.frame_indices[0] < before.clip.frame_indices[0]


def test_a_paused_file_stays_as_it_is_when_fewer_kinds_of_clips_are_wanted(
    qtbot: QtBot, rig: MakeRig, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(SPEC, resize=18, crop=16)
    made = rig(videos / "long.mp4", kinds=(SPEC, other))
    made.capture.start()
    made.capture.playback.seek(5.0)
    qtbot.waitUntil(lambda: made.capture.captured > 0)
    moves: list[int] = []
    monkeypatch.setattr(made.capture.playback, "step", moves.append)
    made.capture.look_at((SPEC,))
    assert moves == []
    made.capture.look_at((SPEC, other))
    assert moves == [0]


def test_loop_begins_a_new_generation_and_never_ends(
    qtbot: QtBot, rig: MakeRig, videos: Path
) -> None:
    made = rig(videos / "blink.mp4")
    made.capture.playback.loop = True
    with qtbot.assertNotEmitted(made.capture.ended):
        made.capture.start()
        made.capture.playback.play()
        qtbot.waitUntil(lambda: made.capture.captured >= 9)
    assert not made.capture.playback.at_end


def test_restart_after_the_end_plays_again(qtbot: QtBot, rig: MakeRig, videos: Path) -> None:
    made = rig(videos / "blink.mp4")
    with qtbot.waitSignal(made.capture.ended):
        made.capture.start()
        made.capture.playback.play()
    assert made.capture.playback.at_end
    with qtbot.waitSignal(made.capture.ended):
        made.capture.playback.seek(0.0)
    assert made.capture.captured == 8


def test_a_file_that_is_none_is_told_in_a_sentence(
    qtbot: QtBot, rig: MakeRig, tmp_path: Path
) -> None:
    made = rig(tmp_path / "missing.mp4")
    with qtbot.waitSignal(made.capture.failed):
        made.capture.start()
    assert "missing.mp4" in made.failures[0]
    qtbot.waitUntil(made.capture.isFinished)


def test_what_nobody_foresaw_is_told_in_a_sentence_and_logged(
    qtbot: QtBot, rig: MakeRig, videos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(VideoFile):
        def read(self) -> Frame | None:
            if made.capture.captured == 2:
                raise RuntimeError("a decoder's own words")
            return super().read()

    made = rig(videos / "brief.mp4", open_file=Broken)
    with qtbot.waitSignal(made.capture.failed):
        made.capture.start()
        made.capture.playback.play()
    assert made.failures == [
        "brief.mp4 stopped unexpectedly; open it again. The log holds the details."
    ]
    qtbot.waitUntil(made.capture.isFinished)
    assert "RuntimeError: a decoder's own words" in caplog.text


def test_truth_that_does_not_fit_leaves_the_video_playable(
    qtbot: QtBot, rig: MakeRig, videos: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("no,header\n")
    made = rig(videos / "blink.mp4", annotations=wrong)
    with qtbot.waitSignal(made.capture.opened):
        made.capture.start()
    assert made.opened[0].truth is None
    assert "wrong.csv" in (made.opened[0].problem or "")


def test_frames_that_could_not_be_listed_at_once_are_placed_after_the_first_jump(
    qtbot: QtBot, rig: MakeRig, videos: Path
) -> None:
    class Slow(VideoFile):
        listable = False

        def _report_search(self, *given: object) -> None:
            if not Slow.listable:
                raise Interrupted
            super()._report_search(*given)

    made = rig(videos / "long.mp4", open_file=Slow, truth=("drinking",) * 600)
    with qtbot.waitSignal(made.capture.opened):
        made.capture.start()
    info = made.opened[0]
    assert isinstance(info.truth, FrameTruth)
    assert info.duration_s == pytest.approx(20.0)
    made.capture.playback.step(1)
    qtbot.waitUntil(lambda: made.capture.captured == 1)
    assert info.truth.times_s is None
    Slow.listable = True
    made.capture.playback.seek(5.0)
    qtbot.waitUntil(lambda: made.capture.captured == 2)
    assert info.truth.times_s is not None
    assert info.truth.times_s[150] == pytest.approx(5.0)


def test_large_pictures_are_shrunk_for_painting_only(
    qtbot: QtBot, rig: MakeRig, videos: Path
) -> None:
    made = rig(videos / "blink.mp4")
    made.capture.view_size = (32, 1000)
    with qtbot.waitSignal(made.capture.ended):
        made.capture.start()
        made.capture.playback.play()
    picture = made.capture.pictures.take()
    assert picture is not None
    assert picture.frame.image.shape == (48, 64, 3)
    assert picture.display.shape == (24, 32, 3)


def test_shrink_to_keeps_the_aspect_and_never_enlarges() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    assert shrink_to(image, (400, 400)) is image
    assert shrink_to(image, (100, 400)).shape == (50, 100, 3)
    assert shrink_to(image, (1, 1)).shape == (1, 1, 3)


def test_a_late_frame_is_due_at_once_and_a_very_late_one_moves_the_schedule() -> None:
    schedule = Schedule()
    assert schedule.remaining_s(0.0, 100.0) == 0
    assert schedule.remaining_s(0.1, 100.04) == pytest.approx(0.06)
    assert schedule.remaining_s(0.2, 100.5) == pytest.approx(-0.3)
    # Five seconds of suspension are not raced through.
    assert schedule.remaining_s(0.3, 105.3) == 0
    assert schedule.remaining_s(0.4, 105.3) == pytest.approx(0.1)


def test_a_pause_moves_the_schedule() -> None:
    schedule = Schedule()
    schedule.remaining_s(0.0, 100.0)
    schedule.interrupt()
    assert schedule.remaining_s(0.1, 100.3) == 0
