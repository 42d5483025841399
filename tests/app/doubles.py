"""Tiny networks whose answers are known, videos whose frames are known, a camera made of Python.

The networks look at 4 frames of 32×32 over 0.3 s and tell bright pictures from dark ones.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from core.clip import ClipSpec
from core.engines import load_engine
from core.errors import EngineError, SourceError
from core.geometry import Geometry
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model
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
from core.probe import ProbeResult
from core.video import Frame

SPEC = ClipSpec(frames=4, span_s=0.3, resize=36, crop=32)
DARK, BRIGHT = "sitting_still", "drinking"
LABELS = (DARK, BRIGHT, "eating", "putting_laptop_into_backpack", "writing", "reading_magazine")
FPS = 30.0

_POINT = Geometry((1, 1, 1), (0, 0, 0), 1)
_HALVING = Geometry((1, 2, 2), (0, 0, 0), 1)
_LEVELS = Quantization(1 / 255)
# With mean brightness m the logits are 0 for DARK, 40 m - 10 for BRIGHT, -20 for the others.
_SLOPE, _OFFSET, _NEVER = 20.0, -10.0, -20.0


def float_network() -> FloatNetwork:
    """Tells dark from bright in float32."""
    weight = np.zeros((len(LABELS), 2), np.float32)
    weight[1] = _SLOPE
    bias = np.array([0, _OFFSET, *[_NEVER] * 4], np.float32)
    zero = np.zeros(2, np.float32)
    return FloatNetwork(
        (
            FloatConv("mean", np.full((2, 3, 1, 1, 1), 1 / 3, np.float32), zero, _HALVING),
            FloatConv("same", np.full((2, 2, 1, 1, 1), 1 / 2, np.float32), zero, _POINT),
        ),
        FloatLinear("classifier", weight, bias),
    )


def int8_network() -> Int8Network:
    """Tells dark from bright in integers."""

    def conv(name: str, inputs: int, geometry: Geometry, taken: Quantization) -> Int8Conv:
        shape = (2, inputs, 1, 1, 1)
        scale = np.full(2, 1 / inputs / 60, np.float32)
        levels = np.full(shape, 60, np.int8)
        return Int8Conv(name, levels, scale, np.zeros(2, np.int32), geometry, taken, _LEVELS)

    weight = np.zeros((len(LABELS), 2), np.int8)
    weight[1] = 60
    scale = np.ones(len(LABELS), np.float32)
    scale[1] = _SLOPE / 60
    bias = np.array([0, _OFFSET, *[_NEVER] * 4]) / (_LEVELS.scale * scale)
    return Int8Network(
        (conv("mean", 3, _HALVING, PIXELS), conv("same", 2, _POINT, _LEVELS)),
        Int8Linear("classifier", weight, scale, np.round(bias).astype(np.int32), _LEVELS),
    )


def tiny_model(network: Network, spec: ClipSpec = SPEC) -> Model:
    """A model around a network, with golden answers by the integer reference."""
    model = Model(network=network, clip=spec, labels=LABELS, architecture={"name": "tiny"})
    engine = load_engine(model, "reference")
    golden = {name: engine.logits(golden_clip(name, spec.clip_shape)) for name in GOLDEN_NAMES}
    return replace(model, golden=golden)


def write_video(path: Path, levels: list[int], size: tuple[int, int] = (64, 48)) -> Path:
    """One grey picture for each level."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    assert writer.isOpened()
    for level in levels:
        writer.write(np.full((size[1], size[0], 3), level, np.uint8))
    writer.release()
    return path


class FakeCamera:
    """Gives what the test feeds: a grey level is a picture, a string ends it with that reason."""

    def __init__(self) -> None:
        self.feed: queue.Queue[int | str] = queue.Queue()
        self.closed = False
        self.opened = 0
        self.started_s: float | None = None
        self.opening_since_s: float | None = None
        self._index = 0

    def __call__(self, address: int | str) -> FakeCamera:
        self.opened += 1
        self.closed = False
        self.started_s, self._index = None, 0
        self.opening_since_s = time.perf_counter()
        return self

    def read(self, timeout_s: float) -> Frame | None:
        try:
            fed = self.feed.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(fed, str):
            raise SourceError(fed)
        now_s = time.perf_counter()
        if self.started_s is None:
            self.started_s = now_s
        image = np.full((48, 64, 3), fed, np.uint8)
        frame = Frame(image, now_s - self.started_s, self._index)
        self._index += 1
        return frame

    def close(self) -> None:
        self.closed = True


class FakeTrial:
    """Stands for the child process in which engines are tried.

    `latencies_ms` are by model file name; engines in `crashing` crash. While `gate` is closed a
    trial lasts, until it is stopped.
    """

    def __init__(self, latencies_ms: Mapping[str, float], crashing: tuple[str, ...] = ()) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.latencies_ms = latencies_ms
        self.crashing = crashing

    def __call__(
        self,
        model_paths: Sequence[Path],
        engine: str,
        threads: int,
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> list[ProbeResult]:
        while not self.gate.wait(0.01):
            if stopped():
                raise EngineError("The trial was stopped.")
        if engine in self.crashing:
            crash = f"Engine {engine} crashes on this CPU (illegal instruction)."
            return [ProbeResult(engine=engine, problem=crash) for _ in model_paths]
        return [
            ProbeResult(engine=engine, latency_ms=self.latencies_ms[path.name])
            for path in model_paths
        ]
