"""One row of the bench: a model on an engine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from app.bench.clips import F32, U8, read_clips
from app.machine import peak_rss_mb
from core.engines import load_engine
from core.errors import EngineError
from core.modelfile import Model, load_model
from core.network import Int8Network

# The paper's way; not among core's engines because nobody should choose it.
FBGEMM = "fbgemm"


class _Logits(Protocol):
    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOnEngine:
    """Times one clip from pixels to logits.

    Attributes:
        model: the model file.
        engine: one of core's engines, or FBGEMM.
        threads: CPU threads.
        folder: where the clips and the reference's answers lie.
    """

    warm_up_runs: ClassVar[int] = 10

    model: Path
    engine: str
    threads: int
    folder: Path

    def make(self) -> _Row:
        """Load the model into its engine."""
        cv2.setNumThreads(1)
        model = load_model(self.model)
        clips, expected = read_clips(self.folder)
        started_s = time.perf_counter()
        engine = self._engine(model, expected)
        return _Row(engine, clips, expected, time.perf_counter() - started_s)

    def _engine(self, model: Model, expected: F32) -> _Logits:
        if self.engine != FBGEMM:
            return load_engine(model, self.engine, self.threads)
        from app.bench.fbgemm import FbgemmBaseline

        if not isinstance(model.network, Int8Network):
            raise EngineError("FBGEMM's quantized modules run int8 models only.")
        known = [expected, *model.golden.values()]
        logits_range = (min(float(x.min()) for x in known), max(float(x.max()) for x in known))
        return FbgemmBaseline(model.network, logits_range, self.threads)


class _Row:
    def __init__(self, engine: _Logits, clips: U8, expected: F32, load_s: float) -> None:
        self._engine, self._clips, self._expected = engine, clips, expected
        self._load_s = load_s

    def run(self, index: int) -> None:
        self._engine.logits(self._clips[index % len(self._clips)])

    def facts(self) -> dict[str, Any]:
        peak_mb = peak_rss_mb()
        answers = np.stack(
            [self._engine.logits(clip) for clip in self._clips[: len(self._expected)]]
        )
        return {
            "load_s": round(self._load_s, 3),
            "peak_rss_mb": round(peak_mb, 1),
            "agreement": agreement(answers, self._expected),
        }


def agreement(answers: F32, expected: F32) -> dict[str, Any]:
    """How far N×K logits are from the reference's.

    `largest_deviation` is the largest |logit - reference| as a share of that clip's spread of
    reference logits (max - min).
    """
    spread = np.maximum(np.ptp(expected, axis=1), np.finfo(np.float32).tiny)
    deviation = np.abs(answers - expected).max(axis=1) / spread
    return {
        "clips": len(expected),
        "top1": float(np.mean(answers.argmax(axis=1) == expected.argmax(axis=1))),
        "largest_deviation": round(float(deviation.max()), 5),
    }
