"""What runs in the child, called here: pictures of every kind, and OpenCV losing its temper."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from core import camera_child
from core.camera_child import LARGEST_FRAME_BYTES, SLOTS, Message, to_rgb

NAME = "http://cam/live"
BGR = np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8)


@pytest.mark.parametrize(
    ("image", "rgb"),
    [
        (BGR, BGR[:, :, ::-1]),
        (np.dstack([BGR, BGR[:, :, :1]]), BGR[:, :, ::-1]),
        (BGR[:, :, 0], np.repeat(BGR[:, :, :1], 3, axis=2)),
        (BGR[:, :, :1], np.repeat(BGR[:, :, :1], 3, axis=2)),
    ],
    ids=["bgr", "bgra", "grey", "one channel"],
)
def test_every_format_becomes_rgb_in_place(image: np.ndarray, rgb: np.ndarray) -> None:
    target = np.zeros((1, 2, 3), np.uint8)
    to_rgb(image, target)
    np.testing.assert_array_equal(target, rgb)


@pytest.mark.parametrize("image", [BGR[:, :, :2], BGR.astype(np.uint16)], ids=["two", "16 bit"])
def test_a_format_that_is_not_known_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="channels"):
        to_rgb(image, np.zeros((1, 2, 3), np.uint8))


class Scripted:
    """Stands for cv2.VideoCapture: gives these pictures; an error is raised."""

    def __init__(self, script: list[np.ndarray | Exception]) -> None:
        self.script = list(script)

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        if not self.script:
            return False, None
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return True, step


def said(monkeypatch: pytest.MonkeyPatch, script: list[np.ndarray | Exception]) -> list[Message]:
    """All that the child says of such a camera."""
    source: Callable[..., Scripted] = lambda *_: Scripted(script)  # noqa: E731
    monkeypatch.setattr(cv2, "VideoCapture", source)
    parent, child = multiprocessing.Pipe()
    memory = SharedMemory(create=True, size=SLOTS * LARGEST_FRAME_BYTES)
    messages: list[Message] = []
    try:
        last = camera_child._capture_frames(0, NAME, memory, child, True)
        while parent.poll(0):
            messages.append(parent.recv())
    finally:
        parent.close()
        child.close()
        memory.close()
        memory.unlink()
    return [*messages, last]


def test_size_and_format_may_change_from_picture_to_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = [np.zeros(shape, np.uint8) for shape in ((48, 64, 3), (36, 48), (96, 128, 4))]
    *frames, end = said(monkeypatch, list(images))
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48), (48, 36), (128, 96)]
    assert (end.kind, end.index) == ("ended", 3)


@pytest.mark.parametrize(
    "fault",
    [
        cv2.error("cannot decode rtsp://user:secret@cam/live"),
        MemoryError(),
        np.zeros((4, 4, 3), np.uint16),
    ],
    ids=["cv2.error", "memory", "16 bit"],
)
def test_what_cannot_be_decoded_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, fault: np.ndarray | Exception
) -> None:
    first, last = said(monkeypatch, [np.zeros((4, 4, 3), np.uint8), fault])
    assert first.kind == "frame"
    assert last.kind == "failed"
    assert last.text.startswith(f"What {NAME} sends cannot be decoded (")
    assert "secret" not in last.text


def test_pictures_within_one_step_of_a_coarse_clock_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Python 3.13 Windows' monotonic time steps by 16 ms; equal times would be dropped."""
    coarse = SimpleNamespace(
        monotonic=lambda: time.monotonic() * 64 // 1 / 64, perf_counter=time.perf_counter
    )
    monkeypatch.setattr(camera_child, "time", coarse)
    *frames, _ = said(monkeypatch, [np.zeros((4, 4, 3), np.uint8)] * 4)
    times_s = [frame.captured_s for frame in frames]
    assert len(times_s) == 4
    assert times_s == sorted(set(times_s))


def test_an_empty_picture_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    (end,) = said(monkeypatch, [np.zeros((0, 0, 3), np.uint8)])
    assert end.text.startswith(f"No picture comes from {NAME}")


def test_more_than_4k_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    (end,) = said(monkeypatch, [np.zeros((4320, 7680), np.uint8)])
    assert "7680x4320, larger than 4K" in end.text
