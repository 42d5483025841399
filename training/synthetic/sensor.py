"""The near-infrared look: vignetting, wandering sunlight, exposure drift, blur and noise."""

from __future__ import annotations

import math

import cv2
import numpy as np

from training.synthetic.people import Setting, generator

_MARGIN = 64


class Sensor:
    """Turns a painted canvas into a camera frame; noise comes from a bank with random offsets."""

    __slots__ = ("_noise", "_phase", "_setting", "_sun", "_trees", "_vignette", "_words", "size")

    def __init__(self, size: int, setting: Setting, words: tuple[int, int, int]) -> None:
        rng = generator(*words, 15)
        self.size = size
        self._setting = setting
        self._words = words
        self._phase = rng.uniform(0, 2 * math.pi, 6)
        self._trees = rng.uniform(0, 2 * math.pi, 3)
        y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
        centre = rng.normal(0, 0.15, 2)
        radius2 = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        self._vignette = (1.08 - 0.20 * radius2).astype(np.float32)
        side = size + _MARGIN
        grain = rng.normal(0, setting.noise, (side, side)).astype(np.float32)
        self._noise = 0.75 * grain + 0.5 * cv2.GaussianBlur(grain, (3, 3), 0)
        blobs = rng.uniform(0, 1, (5, 5)).astype(np.float32)
        sun = cv2.resize(blobs, (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC)
        self._sun = np.clip((sun - 0.45) * 1.8, 0, 1).astype(np.float32)

    def expose(self, canvas: np.ndarray, time_s: float, frame: int, driven_s: float) -> np.ndarray:
        """uint8 [H, W] canvas to uint8 [H, W] frame; `driven_s` is how long the car has moved."""
        size, p = self.size, self._phase
        drift = 1 + self._setting.drift * (
            0.05 * math.sin(0.21 * time_s + p[0]) + 0.025 * math.sin(0.9 * time_s + p[1])
        )
        dx = int((0.5 + 0.5 * math.sin(0.13 * time_s + p[2])) * (size - 1))
        dy = int((0.5 + 0.5 * math.sin(0.09 * time_s + p[3])) * (size - 1))
        sun = self._sun[dy : dy + size, dx : dx + size]
        strength = self._setting.sun * (0.6 + 0.4 * math.sin(0.31 * time_s + p[4]))
        # Trees beside the road: an irregular beat that stops with the car.
        beat = sum(
            math.sin(rate * driven_s + q)
            for rate, q in zip((1.1, 2.9, 5.3), self._trees, strict=True)
        )
        strength *= 1 - self._setting.flicker * (0.5 + beat / 6)
        gain = self._vignette * drift
        gain += gain * sun * strength
        picture = cv2.multiply(canvas, gain, dtype=cv2.CV_32F)
        picture = cv2.GaussianBlur(picture, (3, 3), self._setting.blur_px)
        offset = generator(*self._words, 16, frame).integers(0, _MARGIN, 2)
        oy, ox = int(offset[0]), int(offset[1])
        picture += self._noise[oy : oy + size, ox : ox + size]
        # Saturating conversion rounds and clips in one pass.
        return cv2.convertScaleAbs(np.maximum(picture, 0.0))
