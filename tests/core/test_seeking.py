"""Seeking gives, bit for bit, what decoding from the beginning gives."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import core.video
from core.frame_index import FrameIndex, Interrupted
from core.video import Frame, VideoFile

Writer = Callable[..., Path]
DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo" / "cabin.mp4"

# Writes moving pictures with the encoder options that OpenCV reads when it is first used.
_ENCODE = """
import sys, cv2, numpy as np
path, codec, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 30, (96, 64))
assert writer.isOpened()
noise = np.random.default_rng(0).integers(0, 256, (164, 196, 3), np.uint8)
ground = cv2.GaussianBlur(noise, (0, 0), 3)
for index in range(count):
    x, y = int(50 + 45 * np.sin(index / 17)), int(50 + 45 * np.cos(index / 11))
    writer.write(np.ascontiguousarray(ground[y : y + 64, x : x + 96]))
writer.release()
"""


def encode(path: Path, codec: str, count: int, options: str) -> Path:
    environment = {**os.environ, "OPENCV_FFMPEG_WRITER_OPTIONS": options}
    arguments = [sys.executable, "-c", _ENCODE, str(path), codec, str(count)]
    subprocess.run(arguments, env=environment, check=True, stderr=subprocess.DEVNULL)
    return path


def assert_same(frame: Frame | None, expected: Frame) -> None:
    assert frame is not None
    assert (frame.index, frame.time_s) == (expected.index, expected.time_s)
    np.testing.assert_array_equal(frame.image, expected.image)


def assert_every_seek_is_exact(path: Path, most_targets: int = 40) -> VideoFile:
    """Go to every frame (or so many of them) in random order, and read two more there."""
    with VideoFile(path) as video:
        frames = list(video)
    targets = list(range(len(frames)))
    random.Random(0).shuffle(targets)
    with VideoFile(path) as video:
        for target in targets[:most_targets]:
            video.seek(target)
            for expected in frames[target : target + 3]:
                assert_same(video.read(), expected)
        video.seek(len(frames) - 1)
        video.read()
        assert video.read() is None
        np.testing.assert_array_equal(video.index().times_s, [frame.time_s for frame in frames])
        return video


def test_the_demonstration_clip() -> None:
    video = assert_every_seek_is_exact(DEMO, 150)
    assert not video.index().decoded


@pytest.mark.parametrize(
    "name",
    [
        "carphone.mp4",
        "rotated_90.mov",
        "vp9.webm",
        "h265.mp4",
        "mjpeg_32x32_1fps.avi",
        "webcam_gesture.mkv",
    ],
)
def test_real_recordings(shared_clip: Callable[[str], Path], name: str) -> None:
    assert not assert_every_seek_is_exact(shared_clip(name)).index().decoded


def test_where_packets_give_no_frame_every_frame_is_decoded_once(
    shared_clip: Callable[[str], Path],
) -> None:
    """30 packets, 28 pictures: the list of packets would lead astray."""
    video = assert_every_seek_is_exact(shared_clip("corrupted.mp4"))
    assert video.index().decoded
    assert len(video.index()) == 28


@pytest.mark.parametrize(
    ("name", "codec", "options", "decoded"),
    [
        ("open.mp4", "mp4v", "bf;2|g;30", False),
        ("open.avi", "mp4v", "bf;2|g;30", False),
        ("open.mkv", "mpg2", "bf;2|g;12", False),
        # Its packets do not tell their times.
        ("open.mpg", "mpg2", "bf;2|g;12", True),
        ("long.mkv", "mp4v", "bf;2|g;300", False),
        ("hidden.webm", "VP80", "auto-alt-ref;1|lag-in-frames;16|g;60", False),
    ],
)
def test_pictures_that_lean_on_later_ones(
    tmp_path: Path, name: str, codec: str, options: str, decoded: bool
) -> None:
    """Open groups of pictures: what is shown before a keyframe is decoded after it."""
    path = encode(tmp_path / name, codec, 160, options)
    assert assert_every_seek_is_exact(path).index().decoded is decoded


def test_a_container_whose_jumps_lead_astray_is_not_believed(
    write_video: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [np.full((48, 64, 3), 10 + index, np.uint8) for index in range(120)]
    path = write_video(tmp_path / "video.mp4", images, 30)
    real = cv2.VideoCapture

    class Astray:
        """Jumps half a second too far."""

        def __init__(self, *arguments: object) -> None:
            self._capture = real(*arguments)

        def set(self, name: int, value: float) -> bool:
            return self._capture.set(name, value + 500)

        def __getattr__(self, name: str) -> object:
            return getattr(self._capture, name)

    monkeypatch.setattr(cv2, "VideoCapture", Astray)
    assert_every_seek_is_exact(path, 40)


@pytest.mark.parametrize(("phantom", "read_before"), [(60, 100), (90, 0), (118, 0)])
def test_a_packet_without_a_frame_is_found_out(
    write_video: Writer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    phantom: int,
    read_before: int,
) -> None:
    """Whether it was read over before, or lies on the way of a jump, or after its target."""
    images = [np.full((48, 64, 3), 10 + index, np.uint8) for index in range(120)]
    path = write_video(tmp_path / "video.mp4", images, 30)
    with VideoFile(path) as video:
        frames = list(video)

    def with_phantom(path: Path, fps: float, interrupted: Callable[[], bool]) -> FrameIndex:
        positions_ms = [1000 * frame.time_s for frame in frames]
        positions_ms.insert(phantom, positions_ms[phantom] - 10)
        return FrameIndex.of_positions(positions_ms, fps, decoded=False)

    monkeypatch.setattr(core.video, "index_of_packets", with_phantom)
    with VideoFile(path) as video:
        for _ in range(read_before):
            video.read()
        video.index()
        video.seek(92)
        for _ in range(len(frames)):
            video.read()
        assert video.index().decoded
        for target in (110, 5, 92):
            video.seek(target)
            assert_same(video.read(), frames[target])


def test_without_times_frames_are_counted_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "stream.mjpeg"
    images = [np.full((32, 32, 3), 8 * index, np.uint8) for index in range(30)]
    path.write_bytes(b"".join(cv2.imencode(".jpg", image)[1].tobytes() for image in images))
    assert_every_seek_is_exact(path)


def test_beyond_the_end_there_is_nothing(write_video: Writer, tmp_path: Path) -> None:
    images = [np.full((48, 64, 3), index, np.uint8) for index in range(60)]
    with VideoFile(write_video(tmp_path / "video.mp4", images)) as video:
        video.seek(500)
        assert video.read() is None
        video.seek(7)
        frame = video.read()
    assert frame is not None
    assert frame.index == 7


def test_seeking_can_be_given_up(write_video: Writer, tmp_path: Path) -> None:
    images = [np.full((48, 64, 3), index, np.uint8) for index in range(100)]
    with VideoFile(write_video(tmp_path / "video.mp4", images)) as video:
        with pytest.raises(Interrupted):
            video.seek(90, lambda: True)
        video.seek(90)
        frame = video.read()
    assert frame is not None
    assert frame.index == 90


def test_which_frame_is_up_at_a_time() -> None:
    index = FrameIndex.of_positions([0, 40, 80, 1000], 25, decoded=False)
    wanted = {-1: 0, 0: 0, 0.039: 0, 0.04: 1, 0.5: 2, 1.0: 3, 99: 3}
    assert {time_s: index.frame_at(time_s) for time_s in wanted} == wanted
    assert index.place_of(80.0004) == 2
    assert index.place_of(81) is None
    assert FrameIndex.of_positions([0, 0, 0], 25, decoded=True).positions_ms is None


def test_a_search_tells_how_far_it_is(write_video: Writer, tmp_path: Path) -> None:
    level = np.zeros((32, 32, 3), np.uint8)
    with VideoFile(write_video(tmp_path / "v.mp4", [level] * 200)) as video:
        shares: list[float | None] = []

        def look() -> bool:
            shares.append(video.searched)
            return False

        video.index(look)
        assert shares[0] is None
        told = [share for share in shares if share is not None]
        assert told == sorted(set(told))
        assert 0 < told[0] < told[-1] <= 1
        assert video.searched is None
        with pytest.raises(Interrupted):
            video.seek(150, lambda: True)
        assert video.searched is None
        video.rewind()
        answers = iter((False, True))
        with pytest.raises(Interrupted):
            video.seek(24, lambda: next(answers))
        assert video.searched is None
