"""Cameras and streams, read in a child process that can be killed.

A camera driver can block for ever, and a thread stuck in one can be neither ended nor destroyed.
A process can, and its end also frees the device. Pictures come over in shared memory; the parent
owns the memory and copies each picture out, so what it hands on is nobody else's.

A stream's address may hold a password. It reaches the child through a pipe, never its command line;
the child says nothing on the terminal, where FFmpeg would print the address; and what is told of a
source goes through `describe`.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import sys
import time
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

from core.camera_child import LARGEST_FRAME_BYTES, SLOTS, Message, capture
from core.camera_list import list_cameras
from core.errors import SourceError
from core.video import Frame

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "tcp")

# To let go of the device by itself, and to be gone when killed.
_GRACE_S = 0.3
_KILLED_S = 0.5

# Where these systems ask who may use a camera; its name they do not tell (see camera_list.py).
_CAMERA_SETTINGS = {
    "darwin": "System Settings > Privacy & Security > Camera",
    "win32": "Settings > Privacy & security > Camera",
}

_log = logging.getLogger(__name__)


def without_credentials(address: str) -> str:
    """A stream URL without user name, password and query, fit for logs and titles."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    # Streams have no fragments: a "#" before an "@" belongs to a password.
    rest = _after_last_at(rest.lstrip("/\\"), "[/?]")
    start = re.split("[/?#]", rest, maxsplit=1)[0]
    if ":" in start and not start.startswith("["):
        # Passwords get typed unescaped; with "admin:pa/ss@camera" the host only seems to end early.
        port_and_path = re.match(r"[^/?#]*:\d+/", rest)
        rest = _after_last_at(rest, r"\?" if port_and_path else "$")
    return f"{scheme}://{re.split('[?#]', rest, maxsplit=1)[0]}"


def _after_last_at(text: str, end: str) -> str:
    before_end = re.split(end, text, maxsplit=1)[0]
    return text[before_end.rfind("@") + 1 :]


def describe(address: int | str) -> str:
    """How a person would name this source: "camera 0" or the stream without credentials."""
    return f"camera {address}" if isinstance(address, int) else without_credentials(address)


class LiveSource:
    """A camera or stream as Frames with capture times; a context manager.

    `Frame.time_s` is seconds since the first frame on `time.perf_counter`, which all processes
    share and which is fine on every system (Windows' `monotonic` steps by 16 ms). When the
    reader is slower than the camera, pictures are dropped, and their numbers are left out; with
    `drop_when_full` False the child waits instead (for tests and for streams made of files).
    """

    def __init__(self, address: int | str, *, drop_when_full: bool = True) -> None:
        self.address = address
        self._started_s: float | None = None
        self._opening_since_s: float | None = None
        if sys.platform == "win32":
            # Or Media Foundation negotiates with some webcams for minutes; the child inherits it.
            os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
        context = multiprocessing.get_context("spawn")
        try:
            self._memory = SharedMemory(create=True, size=SLOTS * LARGEST_FRAME_BYTES)
        except OSError as error:
            raise _no_process(address, error) from error
        try:
            self._connection, child = context.Pipe()
        except OSError as error:
            self._free_memory()
            raise _no_process(address, error) from error
        self._process = context.Process(
            target=capture,
            args=(address, describe(address), self._memory.name, child, drop_when_full),
            name=f"incab-{describe(address)}",
            daemon=True,
        )
        try:
            self._process.start()
        except OSError as error:
            self._connection.close()
            self._free_memory()
            raise _no_process(address, error) from error
        finally:
            child.close()

    @property
    def started_s(self) -> float | None:
        """`perf_counter` of the first frame; add `Frame.time_s` to get when it was captured."""
        return self._started_s

    @property
    def opening_since_s(self) -> float | None:
        """`perf_counter` when the child began to open the source; None while it starts."""
        return self._opening_since_s

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture, or None when none came within `timeout_s`.

        Raises:
            SourceError: the source cannot be opened, failed, or ended.
        """
        message = self._receive(timeout_s)
        if message is not None and message.kind == "opening":
            self._opening_since_s = message.captured_s
            waited_s = max(0.0, time.perf_counter() - message.captured_s)
            message = self._receive(max(0.0, timeout_s - waited_s))
        if message is None:
            return None
        if message.kind != "frame":
            unopened = message.kind == "unopened"
            raise SourceError(_cannot_open(self.address) if unopened else message.text)
        image = self._picture(message).copy()
        self._release(message.slot)
        if self._started_s is None:
            self._started_s = message.captured_s
        return Frame(image, message.captured_s - self._started_s, message.index)

    def _receive(self, timeout_s: float) -> Message | None:
        try:
            if not self._connection.poll(timeout_s):
                return None
            message = self._connection.recv()
        except (EOFError, OSError) as error:
            raise SourceError(
                f"Reading {describe(self.address)} stopped unexpectedly; plug it in again or retry."
            ) from error
        assert isinstance(message, Message)
        return message

    def _picture(self, message: Message) -> NDArray[np.uint8]:
        return np.ndarray(
            (message.height, message.width, 3),
            np.uint8,
            self._memory.buf,
            message.slot * LARGEST_FRAME_BYTES,
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
            self._process.join(_KILLED_S)
        if self._process.is_alive():
            # Not even SIGKILL ends a process inside the kernel; the system does when it comes out.
            _log.error("the driver of %s does not let go of its process", describe(self.address))
        else:
            self._process.close()
        self._free_memory()

    def _free_memory(self) -> None:
        self._memory.close()
        self._memory.unlink()

    def __enter__(self) -> LiveSource:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


def _cannot_open(address: int | str) -> str:
    if isinstance(address, str):
        return f"{describe(address)} cannot be opened; check the address and the network."
    if sys.platform in _CAMERA_SETTINGS:
        where = _CAMERA_SETTINGS[sys.platform]
        return f"Camera {address} cannot be opened; plug it in, allow it in {where}, and try again."
    found = ", ".join(f"{camera.number} ({camera.name})" for camera in list_cameras())
    return f"There is no camera {address} that can be opened; " + (
        f"this machine lists {found}." if found else "this machine lists no camera at all."
    )


def _no_process(address: int | str, error: OSError) -> SourceError:
    return SourceError(
        f"No process can be started to read {describe(address)} ({error.strerror}); "
        "close other programs and retry."
    )
