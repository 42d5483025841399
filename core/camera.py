"""Cameras and streams, read in a child process that can be killed.

A camera driver can block for ever, and a thread stuck in one can be neither ended nor destroyed.
A process can, and its end also frees the device. Pictures come over in shared memory; the parent
owns the memory and copies each picture out, so what it hands on is nobody else's.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import TracebackType
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.video import Frame

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "tcp")

_SLOTS = 4
_LARGEST_FRAME_BYTES = 3840 * 2160 * 3
_GRACE_S = 0.3


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera the system lists: its number for OpenCV and its name."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class _Message:
    """What the child says: a picture in a slot, or that the source failed or ended."""

    kind: Literal["frame", "failed", "ended"]
    slot: int = 0
    height: int = 0
    width: int = 0
    index: int = 0
    captured_s: float = 0.0
    text: str = ""


def list_cameras() -> list[CameraDevice]:
    """Cameras by name where the system tells (Linux); elsewhere an empty list."""
    devices: list[CameraDevice] = []
    for entry in Path("/sys/class/video4linux").glob("video*"):
        match = re.fullmatch(r"video(\d+)", entry.name)
        if match is None:
            continue
        try:
            # A camera offers several nodes; the first one delivers the pictures.
            if (entry / "index").read_text().strip() != "0":
                continue
            name = (entry / "name").read_text().strip()
        except OSError:
            continue
        devices.append(CameraDevice(int(match[1]), name))
    return sorted(devices, key=lambda device: device.number)


def without_credentials(address: str) -> str:
    """A stream URL without user name, password and query, fit for logs and titles."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    rest = _after_last_at(rest, "[/?#]")
    host, colon, port = re.split("[/?#]", rest, maxsplit=1)[0].rpartition(":")
    if colon and not host.startswith("["):
        # Passwords get typed unescaped; with "admin:pa/ss@camera" the host only seems to end early.
        rest = _after_last_at(rest, "[?#]" if port.isdigit() else "$")
    return f"{scheme}://{re.split('[?#]', rest, maxsplit=1)[0]}"


def _after_last_at(text: str, end: str) -> str:
    before_end = re.split(end, text, maxsplit=1)[0]
    return text[before_end.rfind("@") + 1 :]


def describe(address: int | str) -> str:
    """How a person would name this source: "camera 0" or the stream without credentials."""
    return f"camera {address}" if isinstance(address, int) else without_credentials(address)


class LiveSource:
    """A camera or stream as Frames with capture times; a context manager.

    `Frame.time_s` is seconds since the first frame on the system's monotonic clock. When the
    reader is slower than the camera, pictures are dropped and counted in `dropped`; with
    `drop_when_full` False the child waits instead (for tests and for streams made of files).
    """

    def __init__(self, address: int | str, *, drop_when_full: bool = True) -> None:
        self.address = address
        self.dropped = 0
        self._next_index = 0
        self._started_s: float | None = None
        context = multiprocessing.get_context("spawn")
        self._memory = SharedMemory(create=True, size=_SLOTS * _LARGEST_FRAME_BYTES)
        self._connection, child = context.Pipe()
        self._process = context.Process(
            target=_capture,
            args=(address, self._memory.name, child, drop_when_full),
            name=f"incab-{describe(address)}",
            daemon=True,
        )
        self._process.start()
        child.close()

    @property
    def started_s(self) -> float | None:
        """Monotonic time of the first frame; add `Frame.time_s` to get when it was captured."""
        return self._started_s

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture, or None when none came within `timeout_s`.

        Raises:
            SourceError: the source cannot be opened, failed, or ended.
        """
        try:
            if not self._connection.poll(timeout_s):
                return None
            message = self._connection.recv()
        except (EOFError, OSError) as error:
            raise SourceError(
                f"Reading {describe(self.address)} stopped unexpectedly; plug it in again or retry."
            ) from error
        assert isinstance(message, _Message)
        if message.kind != "frame":
            if message.kind == "ended":
                self.dropped = message.index - self._next_index
            raise SourceError(message.text)
        image = self._picture(message).copy()
        self._release(message.slot)
        if self._started_s is None:
            self._started_s = message.captured_s
        self.dropped = message.index - self._next_index
        frame = Frame(image, message.captured_s - self._started_s, message.index)
        self._next_index += 1
        return frame

    def _picture(self, message: _Message) -> NDArray[np.uint8]:
        return np.ndarray(
            (message.height, message.width, 3),
            np.uint8,
            self._memory.buf,
            message.slot * _LARGEST_FRAME_BYTES,
        )

    def _release(self, slot: int) -> None:
        try:
            self._connection.send(slot)
        except OSError:
            # The child is gone; the next read says so.
            return

    def close(self) -> None:
        """End the child, whatever it is doing, and free the device; again does nothing."""
        if self._connection.closed:
            return
        self._connection.close()
        self._process.join(_GRACE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self._memory.close()
        self._memory.unlink()

    def __enter__(self) -> LiveSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _capture(address: int | str, memory_name: str, parent: Connection, drop: bool) -> None:
    """The child's life: open, then copy pictures into free slots until the parent goes away."""
    memory = SharedMemory(memory_name)
    try:
        message = _capture_frames(address, memory, parent, drop)
        parent.send(message)
    except (EOFError, OSError, KeyboardInterrupt):
        # The parent closed its end: nobody is listening any more.
        pass
    finally:
        memory.close()


def _capture_frames(
    address: int | str, memory: SharedMemory, parent: Connection, drop: bool
) -> _Message:
    name = describe(address)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    capture = cv2.VideoCapture(address)
    if not capture.isOpened():
        return _Message("failed", text=_cannot_open(address))
    free = list(range(_SLOTS))
    index = 0
    while True:
        ok, image = capture.read()
        captured_s = time.monotonic()
        if not ok:
            if index == 0:
                advice = "check the cable and whether another program uses it"
                return _Message("failed", text=f"No picture comes from {name}; {advice}.")
            text = f"No more pictures come from {name} after {index}; check it and retry."
            return _Message("ended", index=index, text=text)
        while parent.poll(0) or (not drop and not free):
            free.append(parent.recv())
        if free:
            height, width = image.shape[:2]
            if image.nbytes > _LARGEST_FRAME_BYTES:
                return _Message("failed", text=f"{name} is {width}x{height}, larger than 4K.")
            slot = free.pop()
            target = np.ndarray(
                (height, width, 3), np.uint8, memory.buf, slot * _LARGEST_FRAME_BYTES
            )
            cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=target)
            parent.send(_Message("frame", slot, height, width, index, captured_s))
        index += 1


def _cannot_open(address: int | str) -> str:
    if isinstance(address, str):
        return f"{describe(address)} cannot be opened; check the address and the network."
    found = ", ".join(f"{camera.number} ({camera.name})" for camera in list_cameras())
    return f"There is no camera {address} that can be opened; " + (
        f"this machine lists {found}." if found else "this machine lists no camera at all."
    )
