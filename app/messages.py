"""What crosses threads, and what the session tells the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.sources import Address
from core.clip import Clip, ClipSpec
from core.comparison import Latency, Prediction
from core.decisions import Decision
from core.probe import ProbeResult
from core.video import Frame

# Where a model can be shown: the int8 student, its fp32 twin, and the teacher, if there is one.
Slot = Literal["int8", "fp32", "teacher"]
SLOTS: tuple[Slot, ...] = ("int8", "fp32", "teacher")
# The pair that is compared, and answers every clip together; the teacher comes along as it can.
STUDENTS: tuple[Slot, Slot] = ("int8", "fp32")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source that delivers: size of its pictures and, for a file, its length and truth."""

    address: Address
    title: str
    width: int
    height: int
    fps: float | None = None
    duration_s: float | None = None
    truth: tuple[str | None, ...] | None = field(default=None, repr=False)
    problem: str | None = None
    annotations: Path | None = None

    @property
    def live(self) -> bool:
        """Whether it is a camera or stream, which has no end and cannot be started again."""
        return self.duration_s is None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The newest frame for painting, and how full the clip buffer was with it.

    `display` is the frame's image at no more than the size it is painted in. A new `generation`
    begins whenever the clip buffer was cleared. `captured_s` is on `perf_counter`'s clock.
    """

    frame: Frame
    display: NDArray[np.uint8]
    generation: int
    captured_s: float
    filled: int
    needed: int


@dataclass(frozen=True, slots=True, eq=False)
class ClipOffer:
    """A full clip on its way to the models, cut as `spec` says."""

    clip: Clip
    generation: int
    captured_s: float
    spec: ClipSpec


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What stands in a recording of one clip beside the predictions: its labels and its truth."""

    decisions: Mapping[Slot, Decision]
    truth: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the models said of one clip; a model that failed is missing.

    `recorded` is None unless it comes from a recording, whose labels are shown as they were.
    """

    offer: ClipOffer
    predictions: Mapping[Slot, Prediction]
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What is known of a model before it runs."""

    slot: Slot
    kind: str
    labels: tuple[str, ...]
    file_name: str
    file_bytes: int
    sha256: str = ""

    @property
    def file_mb(self) -> float:
        """Size of the file in megabytes."""
        return self.file_bytes / 1e6

    @property
    def title(self) -> str:
        """How its panel is headed."""
        return f"{self.kind.upper()} {'teacher' if self.slot == 'teacher' else 'student'}"


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Which engine runs a model, how it did when tried, and what was left out before it."""

    probed: ProbeResult
    left_out: tuple[ProbeResult, ...] = ()


_ENGINE_TITLES = {"openvino": "OpenVINO", "onednn": "PyTorch oneDNN", "eager": "PyTorch eager"}


def engine_title(engine: str) -> str:
    """What people call an engine."""
    return _ENGINE_TITLES.get(engine, engine)


@dataclass(frozen=True, slots=True)
class Models:
    """The models as their files describe them; one whose file cannot be used is missing.

    `teacher_spec` is what the teacher wants to see, whose pictures may have another size.
    `only_teacher` says that the students are still the same.
    """

    models: Mapping[Slot, ModelDescription]
    span_s: float | None
    twins: bool
    teacher_spec: ClipSpec | None = None
    only_teacher: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One answer as the window shows it: raw predictions and the steady labels."""

    answer: Answer
    decisions: Mapping[Slot, Decision]
    truth: str | None


@dataclass(frozen=True, slots=True)
class ModelNumbers:
    """One model's figures; None where nothing was measured.

    `latency` is that of the last minute, and so are `recent_ms`, its single times, oldest first.
    """

    fps: float
    latency: Latency | None
    accuracy: float | None
    labelled_clips: int
    recent_ms: tuple[float, ...] = field(default=(), repr=False)

    @property
    def could_do_fps(self) -> float | None:
        """Derived: how many clips would fit into a second at the median latency."""
        return 1000 / self.latency.p50 if self.latency and self.latency.p50 > 0 else None


@dataclass(frozen=True, slots=True)
class Compared:
    """How the two models compare over a time; None where nothing was measured in it."""

    clips: int = 0
    agreement: float | None = None
    kl_divergence: float | None = None
    speed_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class TeacherNumbers:
    """How the teacher keeps up with the students, and how often each of them agrees with it.

    `age_ms` is None while its label is not of now. `skipped` counts the clips since its first
    answer that the students answered and it did not. `agreement` is over the clips that both did.
    """

    age_ms: float | None
    skipped: int
    agreement: Mapping[Slot, float]


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """One activity: its labelled clips so far and each model's share named rightly."""

    name: str
    clips: Mapping[Slot, int]
    accuracy: Mapping[Slot, float]


@dataclass(frozen=True, slots=True)
class Numbers:
    """All figures of the window, refreshed twice a second.

    `gaps` counts how often a camera or stream was interrupted; None for a file. The session is
    the time since this source or these models were chosen.
    """

    capture_fps: float
    shown_fps: float
    inferred_fps: float
    skipped: int
    label_age_ms: float | None
    cpu_percent: float
    memory_mb: float
    models: Mapping[Slot, ModelNumbers]
    session: Compared
    last_minute: Compared
    size_ratio: float | None
    gaps: int | None = None
    teacher: TeacherNumbers | None = None
