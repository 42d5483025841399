"""How long a file is said to be before it plays, and what is said of one that ends early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import file_length
from app.file_length import length_s, list_frames, listed_frames, promised_s, why_short
from core.video import VideoFile
from tests.app.uneven import write_cut, write_uneven


def said(path: Path, frame_count: int | None = None) -> tuple[float, str | None]:
    """The length and the sentence, of a container that claims so many frames."""
    with VideoFile(path) as video:
        if frame_count is not None:
            video.properties = replace(video.properties, frame_count=frame_count or None)
        frames = list_frames(video, lambda: False)
        assert frames is not None
        return length_s(video, frames), why_short(video, frames)


def test_a_whole_file_is_as_long_as_it_says(videos: Path) -> None:
    assert said(videos / "long.mp4") == (pytest.approx(20.0), None)


def test_frames_may_last_longer_than_the_rate_tells(tmp_path: Path) -> None:
    path = write_uneven(tmp_path / "uneven.mkv", [20] * 20 + [220] * 20, [2] * 20 + [1] * 20)
    # Counted at its rate these would be 1.33 s.
    assert said(path, 40) == (pytest.approx(2.0, abs=0.01), None)
    # Fewer frames than a count that was reckoned from the length are no damage.
    assert said(path, 60) == (pytest.approx(2.0, abs=0.01), None)


@pytest.mark.parametrize("frame_count", [0, 10])
def test_a_container_that_states_no_length_or_too_small_a_one(
    videos: Path, frame_count: int
) -> None:
    assert said(videos / "brief.mp4", frame_count) == (pytest.approx(40 / 30), None)


def test_a_file_that_was_cut_off_is_said_to_be(tmp_path: Path) -> None:
    path = write_cut(tmp_path / "cut.mkv", 200, 0.5)
    real_s, sentence = said(path)
    assert 2.5 < real_s < 4
    frames = round(real_s * 30)
    assert sentence == (
        f"cut.mkv promises 200 frames and {frames} could be read: it is damaged or cut off, or "
        "its container only estimates."
    )


def test_a_little_less_than_promised_is_not_worth_a_word(videos: Path) -> None:
    assert said(videos / "long.mp4", 625)[1] is None
    assert said(videos / "long.mp4", 650)[1] is not None


def test_a_slow_disk_holds_nobody_up(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]

    class Slow(VideoFile):
        def _report_search(
            self, count: int, expected: int | None, interrupted: Callable[[], bool]
        ) -> None:
            now_s[0] += 0.6
            super()._report_search(count, expected, interrupted)

    monkeypatch.setattr(file_length, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    with Slow(videos / "long.mp4") as video:
        frames = list_frames(video, lambda: False)
        assert frames is None
        assert length_s(video, frames) == promised_s(video) == pytest.approx(20.0)
        assert why_short(video, frames) is None
        assert listed_frames(video) is None
        # A jump makes the list in its own time.
        video.seek(500)
        assert len(listed_frames(video) or ()) == 600
