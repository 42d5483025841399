"""A video whose frames do not all last equally long, and one that was cut off."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write_uneven(path: Path, levels: list[int], ticks: list[int]) -> Path:
    """Grey pictures as MKV; each is shown for so many thirtieths of a second."""
    code = cv2.VideoWriter.fourcc(*"MJPG")
    packets = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 30.0, (64, 48), packets)
    assert writer.isOpened()
    at = 0
    for level, lasts in zip(levels, ticks, strict=True):
        good, packet = cv2.imencode(".jpg", np.full((48, 64, 3), level, np.uint8))
        assert good
        # Every picture stands for itself.
        writer.set(cv2.VIDEOWRITER_PROP_KEY_FLAG, 1)
        writer.set(cv2.VIDEOWRITER_PROP_PTS, at)
        writer.write(packet.reshape(1, -1))
        at += lasts
    writer.release()
    return path


def write_cut(path: Path, frames: int, share: float) -> Path:
    """The first part of a file that promises so many frames, as a copy that was broken off."""
    levels = [20 + index % 200 for index in range(frames)]
    whole = write_uneven(path.with_name(f"whole_{path.name}"), levels, [1] * frames)
    content = whole.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    return path
