"""How often an engine names the same activity as the reference, on the clips of a real video.

The tests hold every engine to one step in each layer. This is the long form for finished models:
hundreds of clips as the application sees them, and every disagreement listed with its margin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.clip import Clip, ClipSpec, RollingClip
from core.engines import load_engine
from core.errors import DataError, EngineError
from core.modelfile import Model
from core.video import VideoFile

SCHEMA = "incab.agreement/1"
LEAST_AGREEMENT = 0.995


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One clip with two answers; margin: how far the reference's two largest logits are apart."""

    frame: int
    time_s: float
    reference: str
    engine: str
    margin: float
    margin_share: float
    """The margin as a share of the reference's spread (largest minus smallest logit)."""


class Answering(Protocol):
    """Anything that answers a clip as an engine does."""

    name: str

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        ...


class Comparison:
    """One engine beside the reference, clip by clip."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._labels = labels
        self.clips = 0
        self.largest_deviation = 0.0
        """Largest |logit - reference logit|, as a share of the reference's spread."""
        self.disagreements: list[Disagreement] = []

    @property
    def share(self) -> float:
        """Share of the clips with the same top-1."""
        return 1 - len(self.disagreements) / self.clips if self.clips else 0.0

    def add(self, clip: Clip, expected: NDArray[np.floating], got: NDArray[np.floating]) -> None:
        """Count one clip; K logits of the reference and of the engine.

        Raises:
            EngineError: an answer is not finite.
        """
        if not (np.isfinite(expected).all() and np.isfinite(got).all()):
            raise EngineError(
                f"An answer to the clip at {clip.time_s:.1f} s holds NaN or infinity; "
                "choose another engine or model."
            )
        self.clips += 1
        # In float64: the spread of two float32 may be more than a float32 can hold.
        expected, got = expected.astype(np.float64), got.astype(np.float64)
        spread = float(np.ptp(expected)) or 1.0
        off = float(np.abs(got - expected).max()) / spread
        self.largest_deviation = max(self.largest_deviation, off)
        wanted, named = int(expected.argmax()), int(got.argmax())
        if wanted == named:
            return
        second, first = np.sort(expected)[-2:]
        margin = float(first - second)
        self.disagreements.append(
            Disagreement(
                clip.frame_index,
                round(clip.time_s, 4),
                self._labels[wanted],
                self._labels[named],
                margin,
                margin / spread,
            )
        )

    def report(self) -> dict[str, Any]:
        """The part of incab.agreement/1 that is one engine's."""
        return {
            "clips": self.clips,
            "top1_agreement": self.share,
            "largest_deviation": self.largest_deviation,
            "disagreements": [
                {name: getattr(one, name) for name in Disagreement.__slots__}
                for one in self.disagreements
            ],
        }


def compare_with_reference(
    model: Model,
    engines: tuple[str, ...],
    video: Path,
    clips: int,
    threads: int,
    progress: Callable[[int], None],
    trained: Answering | None = None,
) -> dict[str, Comparison]:
    """Each engine's answers beside the reference's on `clips` clips spread over a video.

    `trained` is compared in the same way, for instance the network that the model was made of.

    Raises:
        SourceError: the video cannot be read.
        DataError: it has fewer clips.
        EngineError: an engine cannot run this model, or answers with NaN or infinity.
    """
    reference = load_engine(model, "reference")
    ready: dict[str, Answering] = {name: load_engine(model, name, threads) for name in engines}
    if trained is not None:
        ready[trained.name] = trained
    comparisons = {name: Comparison(model.labels) for name in ready}
    for done, clip in enumerate(spread_clips(video, model.clip, clips), start=1):
        expected = reference.logits(clip.pixels)
        for name, engine in ready.items():
            comparisons[name].add(clip, expected, engine.logits(clip.pixels))
        progress(done)
    return comparisons


def spread_clips(video: Path, spec: ClipSpec, count: int) -> Iterator[Clip]:
    """`count` clips evenly spread over all clips of a video, first and last included.

    The video is decoded twice: what a container says of its length is only an estimate.
    """
    total = sum(1 for _ in _ready(video, spec))
    if total < count:
        raise DataError(
            f"{video} has only {total} clips; ask for no more, or use a longer video."
            if total
            else f"{video} is too short for a single clip of {spec.frames} frames; "
            "use a longer video."
        )
    chosen = set(np.linspace(0, total - 1, count).round().astype(int).tolist())
    for position, rolling in enumerate(_ready(video, spec)):
        if position in chosen:
            clip = rolling.clip()
            assert clip is not None
            yield clip


def _ready(video: Path, spec: ClipSpec) -> Iterator[RollingClip]:
    rolling = RollingClip(spec)
    with VideoFile(video) as frames:
        for frame in frames:
            rolling.push(frame)
            if rolling.ready:
                yield rolling
