"""The practical roofline: what the densest 3-D convolutions reach on this CPU, now.

A network cannot run faster than its multiply-accumulates at that rate. The dense networks go
through the same OpenVINO engine as the models do: a few equal convolutions with many channels,
where nearly all time is multiplying.

Legend: T frames, H height, W width, C channels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import cv2
import numpy as np

from app.bench.process import Runner
from core.engines.openvino import OpenVinoEngine
from core.geometry import Geometry, Triple
from core.network import (
    PIXELS,
    FloatConv,
    FloatLinear,
    FloatNetwork,
    Int8Conv,
    Int8Linear,
    Int8Network,
    Network,
    Quantization,
)
from core.shapes import multiply_accumulates

Kind = Literal["int8", "fp32"]
_LAYERS = 3
_CLASSES = 2
# (C in and out, kernel, T×H×W of the clip): about 1 GMAC each, from many short to few long sums.
DENSE_SHAPES: tuple[tuple[int, Triple, Triple], ...] = (
    (64, (3, 3, 3), (8, 26, 26)),
    (128, (3, 3, 3), (8, 16, 16)),
    (256, (3, 3, 3), (8, 10, 10)),
    (128, (1, 3, 3), (4, 30, 30)),
    (256, (1, 3, 3), (4, 18, 18)),
    (256, (1, 1, 1), (4, 28, 28)),
    (512, (1, 1, 1), (2, 24, 24)),
)
_TRIAL_RUNS = 8


def dense_network(kind: Kind, channels: int, kernel: Triple) -> Network:
    """Equal convolutions, one after the other, with random weights."""
    random = np.random.default_rng(0)
    # Without padding: kernels skip what lies in it, and the rate would come out too high.
    geometry = Geometry((1, 1, 1), (0, 0, 0), 1)
    shape = (channels, channels, *kernel)
    if kind == "fp32":
        layers = tuple(
            FloatConv(
                f"dense{index}",
                np.float32(random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)),
                np.zeros(channels, np.float32),
                geometry,
            )
            for index in range(_LAYERS)
        )
        weight = np.ones((_CLASSES, channels), np.float32)
        return FloatNetwork(layers, FloatLinear("classifier", weight, np.zeros(2, np.float32)))
    scale = np.full(channels, 1e-3, np.float32)
    levels = [Quantization(0.02) for _ in range(_LAYERS)]
    int8_layers = tuple(
        Int8Conv(
            f"dense{index}",
            random.integers(-63, 64, shape, np.int8),
            scale,
            np.zeros(channels, np.int32),
            geometry,
            before,
            after,
        )
        for index, (before, after) in enumerate(zip([PIXELS, *levels], levels, strict=False))
    )
    weight = np.ones((_CLASSES, channels), np.int8)
    classifier = Int8Linear(
        "classifier", weight, scale[:_CLASSES], np.zeros(_CLASSES, np.int32), levels[-1]
    )
    return Int8Network(int8_layers, classifier)


@dataclass(frozen=True, slots=True)
class Dense:
    """The densest network of a kind: all shapes are tried, that with the most GMAC/s is timed."""

    warm_up_runs: ClassVar[int] = 10

    kind: Kind
    threads: int
    shapes: tuple[tuple[int, Triple, Triple], ...] = DENSE_SHAPES

    def make(self) -> Runner:
        """Try all shapes and keep the best."""
        cv2.setNumThreads(1)
        tried = [_DenseRunner(self, *shape) for shape in self.shapes]
        return max(tried, key=_DenseRunner.gmac_per_s)


class _DenseRunner:
    def __init__(self, dense: Dense, channels: int, kernel: Triple, size: Triple) -> None:
        network = dense_network(dense.kind, channels, kernel)
        shape = (*size, channels)
        self._pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self._engine = OpenVinoEngine(network, shape, dense.threads)
        self._macs = multiply_accumulates(network, shape)
        self._shape = (
            f"{_LAYERS} convolutions {'×'.join(map(str, kernel))}, {channels} channels, "
            f"clip {'×'.join(map(str, size))}"
        )

    def gmac_per_s(self) -> float:
        """By the median of a few runs."""
        times_s: list[float] = []
        for index in range(_TRIAL_RUNS):
            started_s = time.perf_counter()
            self.run(index)
            times_s.append(time.perf_counter() - started_s)
        return self._macs / float(np.median(times_s)) / 1e9

    def run(self, index: int) -> None:
        self._engine.logits(self._pixels)

    def facts(self) -> dict[str, Any]:
        return {"mmac": self._macs / 1e6, "shape": self._shape}
