"""The newest picture on its way to the screen: only one at a time, no larger than it is painted."""

from __future__ import annotations

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from app.messages import Picture


class PictureSlot:
    """Holds the newest picture only; what was not taken in time is replaced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._picture: Picture | None = None

    def put(self, picture: Picture) -> None:
        """Replace what is there."""
        with self._lock:
            self._picture = picture

    def take(self) -> Picture | None:
        """The newest picture, once; None until there is another."""
        with self._lock:
            picture, self._picture = self._picture, None
            return picture


def shrink_to(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image, no larger than width×height of `size`, aspect kept; never enlarged."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    if scale >= 1:
        return image
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, target, interpolation=cv2.INTER_AREA), np.uint8)
