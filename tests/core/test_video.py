from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import SourceError
from core.video import Frame, VideoFile

Writer = Callable[..., Path]
SIZE = (48, 64)  # H, W


def numbered(count: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """Flat pictures whose brightness tells their number, with red at the left and blue right."""
    images = []
    for index in range(count):
        image = np.full((*size, 3), 10 + (index * 11) % 200, np.uint8)
        image[:, : size[1] // 4] = (220, 20, 20)
        image[:, -(size[1] // 4) :] = (20, 20, 220)
        images.append(image)
    return images


def read_all(path: Path) -> list[Frame]:
    with VideoFile(path) as video:
        return list(video)


def centre(image: np.ndarray) -> float:
    height, width = image.shape[:2]
    return float(image[height // 4 : -height // 4, width * 3 // 8 : width * 5 // 8].mean())


# Files as they should be


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".mov"])
@pytest.mark.parametrize("fps", [1, 7.5, 12.345, 23.976, 25, 29.97, 30, 59.94, 240])
def test_every_frame_comes_in_order_with_its_time(
    write_video: Writer, tmp_path: Path, ending: str, fps: float
) -> None:
    images = numbered(9)
    path = write_video(tmp_path / f"video{ending}", images, fps)
    with VideoFile(path) as video:
        assert (video.properties.width, video.properties.height) == (64, 48)
        assert video.properties.fps == pytest.approx(fps, rel=1e-4)
        assert video.properties.frame_count == 9
        frames = list(video)
        assert video.read() is None
    assert [frame.index for frame in frames] == list(range(9))
    times_s = np.array([frame.time_s for frame in frames])
    np.testing.assert_allclose(times_s, np.arange(9) / fps, atol=0.0011)
    assert times_s[0] == 0
    assert (np.diff(times_s) > 0).all()
    for frame, image in zip(frames, images, strict=True):
        assert frame.image.shape == (*SIZE, 3)
        assert frame.image.dtype == np.uint8
        assert centre(frame.image) == pytest.approx(centre(image), abs=4)


def test_channels_are_red_green_blue(write_video: Writer, tmp_path: Path) -> None:
    frame = read_all(write_video(tmp_path / "video.avi", numbered(1)))[0]
    left, right = frame.image[20:28, 4:8], frame.image[20:28, -8:-4]
    assert left[..., 0].mean() > 150 > 80 > left[..., 2].mean()
    assert right[..., 2].mean() > 150 > 80 > right[..., 0].mean()


@pytest.mark.parametrize("ending", [".mp4", ".avi"])
def test_a_video_of_one_frame(write_video: Writer, tmp_path: Path, ending: str) -> None:
    frames = read_all(write_video(tmp_path / f"one{ending}", numbered(1)))
    assert [(frame.index, frame.time_s) for frame in frames] == [(0, 0.0)]


def test_frames_belong_to_the_reader_of_them(write_video: Writer, tmp_path: Path) -> None:
    """The decoder must not write into a picture it has handed over."""
    frames = read_all(write_video(tmp_path / "video.avi", numbered(4)))
    again = read_all(tmp_path / "video.avi")
    for one, other in zip(frames, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
    assert not np.shares_memory(frames[0].image, frames[1].image)


@pytest.mark.parametrize("read_before", [0, 1, 3, 5])
def test_rewinding_gives_the_same_again(
    write_video: Writer, tmp_path: Path, read_before: int
) -> None:
    path = write_video(tmp_path / "video.mp4", numbered(5), 12.5)
    with VideoFile(path) as video:
        for _ in range(read_before):
            video.read()
        video.rewind()
        again = list(video)
        assert video.read() is None
    for frame, expected in zip(again, read_all(path), strict=True):
        assert (frame.index, frame.time_s) == (expected.index, expected.time_s)
        np.testing.assert_array_equal(frame.image, expected.image)


def test_a_bare_stream_of_pictures(tmp_path: Path) -> None:
    path = tmp_path / "stream.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", image)[1].tobytes() for image in numbered(6)))
    with VideoFile(path) as video:
        times_s = [frame.time_s for frame in video]
        fps = video.properties.fps
    np.testing.assert_allclose(times_s, np.arange(6) / fps, atol=0.0011)


@pytest.mark.parametrize(
    ("told_ms", "expected_s"),
    [
        ([0, 0, 0, 0, 0], [0, 0.1, 0.2, 0.3, 0.4]),
        ([0, 100, 100, 50, 400], [0, 0.1, 0.2, 0.3, 0.4]),
        ([7000, 7100, 7200, 7300, 7400], [0, 0.1, 0.2, 0.3, 0.4]),
        ([-80, 20, 120, 500, 600], [0, 0.1, 0.2, 0.58, 0.68]),
    ],
    ids=["no times", "stuck and backward", "late start", "negative start and a gap"],
)
def test_times_start_at_zero_and_grow_whatever_the_container_tells(
    write_video: Writer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told_ms: list[float],
    expected_s: list[float],
) -> None:
    path = write_video(tmp_path / "video.avi", numbered(5), 10)
    clock = iter(told_ms)
    monkeypatch.setattr(VideoFile, "_position_ms", property(lambda _: float(next(clock))))
    assert [frame.time_s for frame in read_all(path)] == pytest.approx(expected_s)


@pytest.mark.parametrize(
    "name", ["12:30.mp4", "http:video.mp4", "pipe:0.mp4", "-x.mp4", "a b#c?%d.mp4", "größe 猫.mp4"]
)
def test_names_that_look_like_something_else(
    write_video: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copy(write_video(tmp_path / "plain.mp4", numbered(2)), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read_all(Path(name))) == 2


def test_a_relative_name_never_reaches_another_file(
    write_video: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg would open plain.mp4 for "concat:plain.mp4"."""
    write_video(tmp_path / "plain.mp4", numbered(2))
    (tmp_path / "concat:plain.mp4").write_text("nothing to see")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="not a video"):
        VideoFile(Path("concat:plain.mp4"))


# Files as they should not be


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"There is no file .*missing\.mp4; check the path"):
        VideoFile(tmp_path / "missing.mp4")


def test_a_file_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(SourceError, match="There is no file"):
        VideoFile(tmp_path / "file" / "video.mp4")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder; choose a video file"):
        VideoFile(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(SourceError, match=r"is empty \(0 bytes\)"):
        VideoFile(path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b.mp4"], ids=["too long", "with a NUL byte"])
def test_a_name_that_no_file_can_have(name: str) -> None:
    with pytest.raises(SourceError):
        VideoFile(Path(name))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(write_video: Writer, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", numbered(1))
    path.chmod(0)
    with pytest.raises(SourceError, match="permissions"):
        VideoFile(path)


@pytest.mark.parametrize(
    "content",
    [b"This is a shopping list.\n" * 40, bytes(4096), b"\x00\x00\x00\x18ftypmp42" + bytes(500)],
    ids=["text", "zeros", "only a header"],
)
def test_not_a_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "renamed.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"renamed\.mp4"):
        VideoFile(path)


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.8])
def test_a_truncated_mp4(write_video: Writer, tmp_path: Path, kept: float) -> None:
    """The index stands at the end of these files: without it nothing can be found."""
    data = write_video(tmp_path / "whole.mp4", numbered(20)).read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(SourceError, match=r"half\.mp4"):
        VideoFile(path)


def test_a_truncated_avi_gives_what_is_there(write_video: Writer, tmp_path: Path) -> None:
    images = numbered(20, (240, 320))
    data = write_video(tmp_path / "whole.avi", images).read_bytes()
    path = tmp_path / "half.avi"
    path.write_bytes(data[: len(data) // 2])
    frames = read_all(path)
    assert 5 <= len(frames) <= 12
    assert [frame.index for frame in frames] == list(range(len(frames)))


# Real recordings


@pytest.mark.parametrize(
    ("name", "count", "shape", "fps"),
    [
        ("carphone.mp4", 120, (144, 176, 3), 29.97),
        ("rotated_90.mov", 3, (568, 320, 3), 30),
        ("vp9.webm", 24, (480, 854, 3), 24),
        ("h265.mp4", 10, (128, 128, 3), 10),
        ("mjpeg_32x32_1fps.avi", 8, (32, 32, 3), 1),
        ("webcam_gesture.mkv", 47, (480, 640, 3), 30),
        ("corrupted.mp4", 28, (720, 1280, 3), 10),
    ],
)
def test_real_recordings(
    shared_clip: Callable[[str], Path],
    name: str,
    count: int,
    shape: tuple[int, int, int],
    fps: float,
) -> None:
    with VideoFile(shared_clip(name)) as video:
        assert video.properties.fps == pytest.approx(fps, rel=1e-3)
        assert (video.properties.height, video.properties.width) == shape[:2]
        times_s = []
        for frame in video:
            assert frame.image.shape == shape
            assert frame.index == len(times_s)
            times_s.append(frame.time_s)
    assert len(times_s) == count
    np.testing.assert_allclose(times_s, np.arange(count) / fps, atol=0.0015)


def test_what_opens_but_cannot_be_decoded_is_an_error(
    shared_clip: Callable[[str], Path],
) -> None:
    with pytest.raises(SourceError, match="yields no picture"):
        VideoFile(shared_clip("av1.mkv"))
