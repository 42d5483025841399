"""The process that reads a camera or stream: what runs in it, and what it says to its parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.camera_pace import Pace, comes_in_bursts

SLOTS = 4
LARGEST_FRAME_BYTES = 3840 * 2160 * 3

_FINISHED = (
    "{name} is a finished file, not a live stream; "
    "give the address of a live stream, or download the file and open it."
)


@dataclass(frozen=True, slots=True)
class Message:
    """What the child says: it begins to open, a picture lies in a slot, or there are no more."""

    kind: Literal["opening", "unopened", "frame", "failed", "ended"]
    slot: int = 0
    height: int = 0
    width: int = 0
    index: int = 0
    captured_s: float = 0.0
    text: str = ""


def capture(
    address: int | str, name: str, memory_name: str, parent: Connection, drop: bool
) -> None:
    """The child's life: open, then copy pictures into free slots until the parent goes away.

    Args:
        address: camera number or stream URL.
        name: how the source is called in sentences, without a password.
        memory_name: of shared memory for `SLOTS` pictures.
        parent: takes Messages, and gives back the numbers of slots that are free again.
        drop: leave pictures out while no slot is free, instead of waiting for one.
    """
    _say_nothing()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    memory = SharedMemory(memory_name)
    try:
        parent.send(Message("opening", captured_s=time.perf_counter()))
        parent.send(_capture_frames(address, name, memory, parent, drop))
    except (EOFError, OSError, KeyboardInterrupt):
        # The parent closed its end: nobody is listening any more.
        pass
    finally:
        memory.close()


def _say_nothing() -> None:
    """Leave the terminal alone; libraries print addresses there, passwords and all."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _end_with_parent() -> None:
    """A parent that was killed can end nobody; a stuck driver would keep the device for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _capture_frames(
    address: int | str, name: str, memory: SharedMemory, parent: Connection, drop: bool
) -> Message:
    # FFmpeg alone reads streams; other readers would take an address for a file name.
    backend = cv2.CAP_ANY if isinstance(address, int) else cv2.CAP_FFMPEG
    index = 0
    try:
        source = cv2.VideoCapture(address, backend)
        if not source.isOpened():
            return Message("unopened")
        if isinstance(address, str) and _is_finished(address, source):
            return Message("failed", text=_FINISHED.format(name=name))
        pace = Pace() if comes_in_bursts(address) else None
        free = list(range(SLOTS))
        while True:
            ok, image = source.read()
            captured_s = time.perf_counter()
            if not ok or image.size == 0:
                return _no_more(name, index)
            if pace is not None:
                position_s = source.get(cv2.CAP_PROP_POS_MSEC) / 1000
                captured_s = pace.due_s(position_s, captured_s)
                _wait_until(captured_s, parent, free)
            while parent.poll(0) or (not drop and not free):
                free.append(parent.recv())
            if free:
                height, width = image.shape[:2]
                if height * width * 3 > LARGEST_FRAME_BYTES:
                    return Message("failed", text=f"{name} is {width}x{height}, larger than 4K.")
                slot = free.pop()
                target = np.ndarray(
                    (height, width, 3), np.uint8, memory.buf, slot * LARGEST_FRAME_BYTES
                )
                to_rgb(image, target)
                parent.send(Message("frame", slot, height, width, index, captured_s))
            index += 1
    except (cv2.error, MemoryError, ValueError) as error:
        # OpenCV's own words may hold the address.
        kind = type(error).__name__
        text = f"What {name} sends cannot be decoded ({kind}); check its format and retry."
        return Message("failed", text=text)


def _is_finished(address: str, source: cv2.VideoCapture) -> bool:
    """Whether a web server has all of it: a video file, or a playlist with an end.

    Pictures would pass at decoding speed, again and again. What is live has no number of pictures
    (OpenCV then gives a negative one). Over RTSP a number proves nothing: such servers send
    recordings at their own speed.
    """
    on_the_web = address.lower().startswith(("http://", "https://"))
    return on_the_web and source.get(cv2.CAP_PROP_FRAME_COUNT) > 0


def _wait_until(due_s: float, parent: Connection, free: list[int]) -> None:
    """Wait, taking what the parent gives back; ends at once when the parent goes away."""
    while (left_s := due_s - time.perf_counter()) > 0:
        if parent.poll(left_s):
            free.append(parent.recv())


def _no_more(name: str, index: int) -> Message:
    if index == 0:
        advice = "check the cable and whether another program uses it"
        return Message("failed", text=f"No picture comes from {name}; {advice}.")
    text = f"No more pictures come from {name} after {index}; check it and retry."
    return Message("ended", index=index, text=text)


def to_rgb(image: NDArray[np.generic], target: NDArray[np.uint8]) -> None:
    """Convert what OpenCV gives (grey, BGR or BGRA uint8) into H×W×3 uint8 RGB.

    Raises:
        ValueError: the picture is of another kind.
    """
    channels = 1 if image.ndim == 2 else image.shape[2]
    codes = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
    if image.dtype != np.uint8 or channels not in codes:
        raise ValueError(f"a picture of {channels} channels of {image.dtype}")
    cv2.cvtColor(np.asarray(image, np.uint8), codes[channels], dst=target)
