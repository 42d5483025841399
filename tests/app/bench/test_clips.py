from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bench.clips import read_clips, sample_clips, write_clips
from core.engines.reference import ReferenceEngine
from core.errors import InCabError
from core.modelfile import load_model
from core.video import VideoFile


def video_of(write_video: Callable, path: Path, frames: int) -> Path:
    return write_video(path, [np.full((48, 64, 3), 8 * n % 250, np.uint8) for n in range(frames)])


@pytest.mark.parametrize(("frames", "clips"), [(10, 1), (11, 1), (30, 8), (200, 8)])
def test_clips_are_spread_over_the_video(
    write_video: Callable, networks, tmp_path: Path, frames: int, clips: int
) -> None:
    """Frame 9 completes the first clip of 0.4 s at 30 fps."""
    path = video_of(write_video, tmp_path / "clip.mp4", frames)
    found = sample_clips(path, networks.spec, 8)
    assert clips <= len(found) <= 8
    assert len({clip.tobytes() for clip in found}) == len(found)
    assert all(clip.shape == (4, 32, 32, 3) for clip in found)


def test_a_video_without_a_clip_is_named(write_video: Callable, networks, tmp_path: Path) -> None:
    path = video_of(write_video, tmp_path / "clip.mp4", 9)
    with pytest.raises(InCabError, match=r"clip\.mp4 is too short"):
        sample_clips(path, networks.spec, 8)


def test_clips_are_spread_where_no_frame_count_is_known(
    write_video: Callable, networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = video_of(write_video, tmp_path / "clip.mp4", 60)
    known = sample_clips(path, networks.spec, 8)
    read = VideoFile._read_properties

    def without_count(video: VideoFile, first: np.ndarray) -> object:
        return replace(read(video, first), frame_count=None)

    monkeypatch.setattr(VideoFile, "_read_properties", without_count)
    found = sample_clips(path, networks.spec, 8)
    assert np.array_equal(np.stack(found), np.stack(known))


def test_nothing_is_decoded_behind_the_last_clip(
    write_video: Callable, networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = video_of(write_video, tmp_path / "clip.mp4", 60)
    decoded: list[int] = []
    read = VideoFile.read

    def counted(video: VideoFile) -> object:
        frame = read(video)
        decoded.append(-1 if frame is None else frame.index)
        return frame

    monkeypatch.setattr(VideoFile, "read", counted)
    assert len(sample_clips(path, networks.spec, 3)) == 3
    assert max(decoded) < 59


def test_clips_travel_with_the_references_answers(files, tmp_path: Path) -> None:
    model = load_model(files[0])
    clips = sample_clips(files[2], model.clip)
    write_clips(model, clips, tmp_path)
    read, expected = read_clips(tmp_path)
    assert np.array_equal(read, np.stack(clips))
    assert np.array_equal(expected[3], ReferenceEngine(model.network).logits(clips[3]))
