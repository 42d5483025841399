"""Which models run, on which engines, and what is told of one that fails. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.messages import EngineReport, Slot
from core.clip import ClipSpec
from core.engine_choice import AUTOMATIC


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model file and an engine for each slot, in the order in which they answer a clip.

    Attributes:
        paths: the model files.
        engines: a name of core.engines.ENGINE_NAMES or "auto"; a slot that is missing is "auto".
    """

    paths: Mapping[Slot, Path]
    engines: Mapping[Slot, str]

    @staticmethod
    def of(paths: Mapping[Slot, Path], engine: str = AUTOMATIC) -> ModelChoice:
        """The same engine for all."""
        return ModelChoice(dict(paths), dict.fromkeys(paths, engine))

    def engine_of(self, slot: Slot) -> str:
        """The engine that was asked for."""
        return self.engines.get(slot, AUTOMATIC)


@dataclass(frozen=True, slots=True)
class Beside:
    """The students that a teacher answers beside: it has to fit them, and to give way to them."""

    spec: ClipSpec
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The model runs, for the first time or again."""

    report: EngineReport


@dataclass(frozen=True, slots=True)
class Fault:
    """The engine failed and something is done about it: it is tried again, or the next one is.

    Attributes:
        sentence: what happened.
        retry_in_s: when the same engine is tried again; None when another takes its place now.
    """

    sentence: str
    retry_in_s: float | None


@dataclass(frozen=True, slots=True)
class Failed:
    """No engine is left, or the file cannot be used: the model stays silent until it is retried."""

    sentence: str


ModelEvent = Ready | Fault | Failed


@dataclass(frozen=True, slots=True)
class Stall:
    """Clips are waiting, and nobody answers them; told once a second for as long as it lasts.

    Attributes:
        slot: the model that keeps all of its thread waiting.
        waiting_for: what is done with it, to follow "waiting for".
        seconds: since when no clip was dealt with.
    """

    slot: Slot
    waiting_for: str
    seconds: int
