from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.context
import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import psutil
import pytest

import core.camera
from core.camera import LiveSource, describe
from core.errors import SourceError
from core.video import Frame, VideoFile

Writer = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]
# Patience for a busy machine, not an expectation.
PATIENCE_S = 60.0
SHARED_MEMORY = Path("/dev/shm")


def moving(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (36, 52, 3), np.uint8) for _ in range(count)]


def read(source: LiveSource) -> Frame:
    frame = source.read(PATIENCE_S)
    assert frame is not None, "no picture in time"
    return frame


def process_of(source: LiveSource) -> BaseProcess:
    (child,) = [
        process
        for process in multiprocessing.active_children()
        if process.name == f"incab-{describe(source.address)}"
    ]
    return child


def child_of(source: LiveSource) -> psutil.Process:
    pid = process_of(source).pid
    assert pid is not None
    return psutil.Process(pid)


def read_to_the_end(source: LiveSource, message: str) -> list[Frame]:
    frames: list[Frame] = []

    def read_on() -> None:
        while True:
            frames.append(read(source))

    with pytest.raises(SourceError, match=message):
        read_on()
    return frames


def segments() -> set[str]:
    return {entry.name for entry in SHARED_MEMORY.glob("psm_*")}


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    before = segments()
    yield
    assert multiprocessing.active_children() == []
    assert segments() - before == set()


# Pictures


def test_every_picture_comes_over_unchanged(write_video: Writer, tmp_path: Path) -> None:
    """Nothing is lost when the child waits: the same frames as from the file itself."""
    path = write_video(tmp_path / "video.avi", moving(25), 25)
    with VideoFile(path) as video:
        expected = list(video)
    with LiveSource(str(path), drop_when_full=False) as source:
        assert source.started_s is None
        got = read_to_the_end(source, "No more pictures come from .* after 25;")
        assert source.started_s is not None
    assert len(got) == len(expected)
    for live, stored in zip(got, expected, strict=True):
        np.testing.assert_array_equal(live.image, stored.image)
        assert live.index == stored.index
    times_s = [frame.time_s for frame in got]
    assert times_s[0] == 0
    assert (np.diff(times_s) > 0).all()


def test_pictures_stay_when_the_source_is_gone(write_video: Writer, tmp_path: Path) -> None:
    """They are copies, not windows into memory that the child goes on writing to."""
    path = write_video(tmp_path / "video.avi", moving(12))
    with VideoFile(path) as video:
        first = next(iter(video)).image
    with LiveSource(str(path), drop_when_full=False) as source:
        image = read(source).image
        for _ in range(11):
            read(source)
    np.testing.assert_array_equal(image, first)
    assert image.flags.owndata


def test_what_a_slow_reader_misses_leaves_gaps(write_video: Writer, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", moving(30))
    with LiveSource(str(path)) as source:
        process_of(source).join(PATIENCE_S)
        frames = read_to_the_end(source, "No more pictures come from .* after 30;")
        indices = [frame.index for frame in frames]
        assert indices == sorted(set(indices))
        assert 0 < len(indices) < 30


# Failures


def test_a_camera_that_does_not_exist() -> None:
    with LiveSource(99) as source, pytest.raises(SourceError, match="There is no camera 99"):
        source.read(PATIENCE_S)


@pytest.mark.parametrize(
    ("system", "where"),
    [
        ("darwin", "System Settings > Privacy & Security > Camera"),
        ("win32", "Settings > Privacy & security > Camera"),
    ],
)
def test_where_cameras_are_not_listed_none_is_denied(
    monkeypatch: pytest.MonkeyPatch, system: str, where: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    sentence = core.camera._cannot_open(0)
    assert "no camera" not in sentence
    assert f"allow it in {where}, and try again." in sentence


def test_windows_need_not_negotiate_before_a_camera_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS"
    monkeypatch.setenv(name, "")
    monkeypatch.delenv(name)

    def start(process: BaseProcess) -> None:
        raise OSError("the environment is all that matters here")

    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", start)
    for system, expected in (("linux", None), ("win32", "0")):
        monkeypatch.setattr(sys, "platform", system)
        with pytest.raises(SourceError):
            LiveSource(0)
        assert os.environ.get(name) == expected


def test_an_address_that_does_not_exist_hides_its_password(tmp_path: Path) -> None:
    address = "rtsp://admin:secret@127.0.0.1:9/stream?token=secret"
    with LiveSource(address) as source, pytest.raises(SourceError) as raised:
        source.read(PATIENCE_S)
    assert "rtsp://127.0.0.1:9/stream cannot be opened" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_child_that_dies_is_reported(tmp_path: Path) -> None:
    fifo = tmp_path / "never.avi"
    os.mkfifo(fifo)
    with LiveSource(str(fifo)) as source:
        child_of(source).kill()
        with pytest.raises(SourceError, match="stopped unexpectedly"):
            source.read(PATIENCE_S)


def test_no_picture_in_time_is_no_error(tmp_path: Path) -> None:
    fifo = tmp_path / "never.avi"
    os.mkfifo(fifo)
    with LiveSource(str(fifo)) as source:
        assert source.read(0.0) is None


# The end


@pytest.fixture
def blocked(tmp_path: Path) -> str:
    """A source that blocks whoever opens it for ever, like a hung driver."""
    fifo = tmp_path / "blocks.avi"
    os.mkfifo(fifo)
    return str(fifo)


def test_closing_just_after_the_start(blocked: str) -> None:
    source = LiveSource(blocked)
    child = child_of(source)
    source.close()
    assert not child.is_running()


def test_closing_a_child_that_is_stuck(blocked: str) -> None:
    source = LiveSource(blocked)
    child = child_of(source)
    # Opening a FIFO for writing succeeds only when somebody is stuck in opening it for reading.
    descriptor = None
    while descriptor is None and child.is_running():
        try:
            descriptor = os.open(blocked, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert source.read(0.05) is None
    assert descriptor is not None
    try:
        source.close()
    finally:
        os.close(descriptor)
    assert not child.is_running()


def test_closing_while_the_child_waits_for_a_free_slot(write_video: Writer, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", moving(30))
    source = LiveSource(str(path), drop_when_full=False)
    child = child_of(source)
    read(source)
    source.close()
    assert not child.is_running()


def test_closing_after_the_end_and_closing_again(write_video: Writer, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", moving(1))
    with LiveSource(str(path)) as source:
        read(source)
        with pytest.raises(SourceError):
            read(source)
        source.close()
        source.close()
    with pytest.raises(SourceError):
        source.read(0)


def test_times_of_opening_are_known(write_video: Writer, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", moving(2))
    with LiveSource(str(path), drop_when_full=False) as source:
        assert source.opening_since_s is None
        read(source)
        assert source.started_s is not None
        assert source.opening_since_s is not None
        assert source.opening_since_s < source.started_s


ORPHAN = """
import multiprocessing, os, signal, sys
from core.camera import LiveSource
if __name__ == "__main__":
    source = LiveSource(sys.argv[1])
    # Until it opens, or rather hangs in opening.
    while source.opening_since_s is None:
        source.read(0.1)
    print(multiprocessing.active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_stuck_child_ends_when_its_parent_is_killed(tmp_path: Path, blocked: str) -> None:
    """Nobody is left to kill it, and it would hold the camera until the next start."""
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN)
    output = tmp_path / "pid.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, str(script), blocked],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.DEVNULL,
        )
        process.wait(PATIENCE_S)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(output.read_text())).wait(PATIENCE_S)


def test_a_machine_without_room_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*, create: bool, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(core.camera, "SharedMemory", full)
    with pytest.raises(SourceError, match=r"camera 0 \(No space left on device\)"):
        LiveSource(0)


def test_a_process_that_cannot_start_leaves_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: BaseProcess) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(BaseProcess, "start", refuse)
    with pytest.raises(SourceError, match="No process can be started to read rtsp://cam/live"):
        LiveSource("rtsp://user:secret@cam/live")


def test_a_pipe_that_cannot_be_made_leaves_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SharedMemory] = []

    def memory(*, create: bool, size: int) -> SharedMemory:
        made.append(SharedMemory(create=create, size=size))
        return made[-1]

    def refuse(context: object, duplex: bool = True) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(core.camera, "SharedMemory", memory)
    monkeypatch.setattr(multiprocessing.context.BaseContext, "Pipe", refuse)
    with pytest.raises(SourceError, match=r"camera 0 \(Too many open files\)"):
        LiveSource(0)
    with pytest.raises(FileNotFoundError):
        SharedMemory(made[0].name)


LIFE = """
import os, sys
from core.camera import LiveSource
if __name__ == "__main__":
    with LiveSource(sys.argv[1]) as source:
        source.read(60)
    with LiveSource(sys.argv[2]) as source:
        source.read(0)
"""


def test_nothing_is_said_on_the_terminal(write_video: Writer, tmp_path: Path, blocked: str) -> None:
    """Python warns at the end of a process when shared memory was not given back."""
    script = tmp_path / "life.py"
    script.write_text(LIFE)
    path = write_video(tmp_path / "video.avi", moving(3))
    process = subprocess.run(
        [sys.executable, str(script), str(path), blocked],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


LOUD = """
import sys
from core.camera import LiveSource
from core.errors import SourceError
if __name__ == "__main__":
    with LiveSource(sys.argv[1]) as source:
        try:
            source.read(60)
        except SourceError as error:
            print(error)
"""


def test_talkative_libraries_tell_no_password(tmp_path: Path) -> None:
    """However loud OpenCV and FFmpeg are made for a search for defects."""
    script = tmp_path / "loud.py"
    script.write_text(LOUD)
    loud = {"OPENCV_LOG_LEVEL": "VERBOSE", "OPENCV_VIDEOIO_DEBUG": "1", "OPENCV_FFMPEG_DEBUG": "1"}
    process = subprocess.run(
        [sys.executable, str(script), "http://user:secret@127.0.0.1:9/video?token=secret"],
        env={**os.environ, **loud, "OPENCV_FFMPEG_LOGLEVEL": "56", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "http://127.0.0.1:9/video cannot be opened" in process.stdout
    assert "secret" not in process.stdout + process.stderr
