"""What two models say of the same clips: agreement, divergence, latency, rates, accuracy.

Legend: K classes.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clip import Clip
from core.engines import Engine
from core.errors import EngineError

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One model's answer to one clip; crosses threads."""

    frame_index: int
    time_s: float
    probabilities: F32
    latency_ms: float

    @property
    def best(self) -> int:
        """Index of the most probable class."""
        return int(self.probabilities.argmax())

    def top(self, count: int) -> list[tuple[int, float]]:
        """The `count` most probable classes as (index, probability), best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(index), float(self.probabilities[index])) for index in order]


def softmax(logits: F32) -> F32:
    """K logits to K probabilities."""
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    return (shifted / shifted.sum()).astype(np.float32)


def predict(engine: Engine, model_id: str, clip: Clip, temperature: float = 1.0) -> Prediction:
    """Run one model on one clip and time it (from pixels to logits).

    `temperature` calibrates: probabilities are softmax(logits / temperature), the order stays.

    Raises:
        EngineError: the engine failed or answered with NaN or infinity.
    """
    started = time.perf_counter()
    try:
        logits = engine.logits(clip.pixels)
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = str(error) or "no memory is left"
        raise EngineError(
            f"The {model_id} model failed in engine {engine.name}: {reason}"
        ) from error
    latency_ms = (time.perf_counter() - started) * 1000
    if not np.isfinite(logits).all():
        raise EngineError(
            f"The {model_id} model gave NaN or infinity in engine {engine.name}; choose another."
        )
    probabilities = softmax(logits / temperature)
    return Prediction(clip.frame_index, clip.time_s, probabilities, latency_ms)


@dataclass(frozen=True, slots=True)
class Latency:
    """Summary of inference times in milliseconds over `count` clips."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float

    @staticmethod
    def of(samples_ms: Sequence[float] | NDArray[np.float64]) -> Latency | None:
        """Summary of the samples, or None when there are none."""
        if len(samples_ms) == 0:
            return None
        p50, p95, p99 = (float(value) for value in np.percentile(samples_ms, (50, 95, 99)))
        return Latency(len(samples_ms), float(np.mean(samples_ms)), p50, p95, p99)


class RateMeter:
    """Events per second over the last two seconds; falls to zero when the stream stalls."""

    _WINDOW_S = 2.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times_s: deque[float] = deque()
        self._started_s: float | None = None

    def tick(self, events: int = 1) -> None:
        """So many events happened now."""
        if not events:
            return
        now_s = self._clock()
        if self._started_s is None:
            self._started_s = now_s
        self._times_s.extend([now_s] * events)
        self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        while self._times_s and self._times_s[0] <= now_s - self._WINDOW_S:
            self._times_s.popleft()

    def per_second(self) -> float:
        """The rate now; a young meter divides by its age, not by the whole window."""
        if self._started_s is None:
            return 0.0
        now_s = self._clock()
        self._forget(now_s)
        age_s = min(self._WINDOW_S, max(now_s - self._started_s, 0.25))
        return len(self._times_s) / age_s

    def reset(self) -> None:
        """Start anew, for another source."""
        self._times_s.clear()
        self._started_s = None


class Agreement:
    """How often two models name the same class, and how far their probabilities lie apart."""

    def __init__(self) -> None:
        self.clips = 0
        self._same = 0
        self._divergence = 0.0

    def count(self, same: bool, divergence: float) -> None:
        """One clip more, compared by `compare`."""
        self.clips += 1
        self._same += same
        self._divergence += divergence

    @property
    def share(self) -> float | None:
        """Share of clips with the same class, 0 to 1; None before the first."""
        return self._same / self.clips if self.clips else None

    @property
    def mean_kl_divergence(self) -> float | None:
        """Mean KL(fp32 || int8) in nats; None before the first clip."""
        return self._divergence / self.clips if self.clips else None


def compare(int8: Prediction, fp32: Prediction) -> tuple[bool, float]:
    """Whether two answers to the same clip name the same class, and KL(fp32 || int8) in nats.

    Raises:
        ValueError: they answer different clips.
    """
    if int8.frame_index != fp32.frame_index:
        raise ValueError("only answers to the same clip can be compared")
    return int8.best == fp32.best, kl_divergence(fp32.probabilities, int8.probabilities)


def kl_divergence(p: F32, q: F32) -> float:
    """KL(p || q) in nats of two distributions over the same K classes."""
    p64, q64 = p.astype(np.float64), q.astype(np.float64)
    tiny = np.finfo(np.float32).tiny
    return float(np.sum(p64 * (np.log(p64 + tiny) - np.log(q64 + tiny))))


class Accuracy:
    """Running top-1 and mean per-class accuracy (the paper's metric) against the truth."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._right: Counter[str] = Counter()

    def add(self, truth: str, answer: str) -> None:
        """One labelled clip."""
        self._seen[truth] += 1
        self._right[truth] += truth == answer

    @property
    def clips(self) -> int:
        """Labelled clips so far."""
        return self._seen.total()

    @property
    def top1(self) -> float | None:
        """Share of labelled clips named rightly; None before the first."""
        return self._right.total() / self.clips if self.clips else None

    @property
    def mean_per_class(self) -> float | None:
        """Mean over the classes seen of each class's share named rightly; None before the first."""
        if not self._seen:
            return None
        return sum(self._right[name] / seen for name, seen in self._seen.items()) / len(self._seen)

    def per_class(self) -> dict[str, float]:
        """Share named rightly for each class seen, by name."""
        return {name: self._right[name] / seen for name, seen in sorted(self._seen.items())}

    def clips_of(self, name: str) -> int:
        """Labelled clips of one class so far."""
        return self._seen[name]


def truth_of_clip(frame_labels: Sequence[str | None], frame_indices: Iterable[int]) -> str | None:
    """The activity that fills at least half of a clip's frames, else None.

    A label describes the last seconds, not the last frame: right after a change the clip still
    shows the activity before.
    """
    labels = [frame_labels[index] if index < len(frame_labels) else None for index in frame_indices]
    counts = Counter(label for label in labels if label is not None)
    if not counts:
        return None
    label, count = counts.most_common(1)[0]
    return label if 2 * count >= len(labels) else None
