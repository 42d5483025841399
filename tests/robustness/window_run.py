"""Runs the real window for a while on Qt's offscreen platform, and measures meanwhile."""

from __future__ import annotations

import os
import tempfile
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import psutil
from PySide6.QtCore import QEventLoop, Qt, QTimer

from app import resources
from app.application import make_application
from app.main_window import MainWindow
from app.messages import Numbers, Picture, Shown
from app.options import WindowOptions
from core.video import VideoFile

HEARTBEAT_MS = 10
_SAMPLE_MS = 500
_LONGEST_LOADING_S = 120.0


@dataclass(slots=True)
class Sample:
    """The process at one moment."""

    time_s: float
    memory_mb: float
    threads: int
    handles: int
    label_age_ms: float | None


@dataclass
class Record:
    """What was measured between the first answer and the end.

    Attributes:
        gaps_ms: time between two beats of a timer that wants to fire every HEARTBEAT_MS.
        samples: the process, twice a second.
        captured: frames that entered the clip buffer since the file was opened.
        expected: frames of the file that should have, by the loops and the frame shown last.
        fps: frames that entered it per second of the measurement.
        answers: clips that were answered, by slot.
        skipped: clips for which the models had no time.
        seconds: how long it lasted.
        problems: sentences that the window showed.
    """

    # Plain numbers side by side: a list of them would itself grow by 2 MB in ten minutes.
    gaps_ms: array[float] = field(default_factory=lambda: array("f"))
    samples: list[Sample] = field(default_factory=list)
    captured: int = 0
    expected: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    problems: list[str] = field(default_factory=list)
    ended_cleanly: bool = False

    def gap_ms(self, percentile: float) -> float:
        """A percentile of the time between two heartbeats."""
        return float(np.percentile(self.gaps_ms, percentile))

    def memory_slope_mb(self, after_s: float) -> float:
        """Growth of memory in MB in ten minutes: a line through the samples after a warm-up."""
        kept = [(s.time_s, s.memory_mb) for s in self.samples if s.time_s >= after_s]
        times_s, memory_mb = np.array(kept).T
        return float(np.polyfit(times_s, memory_mb, 1)[0] * 600)


class _Meter:
    """Listens to a window from its first answer on."""

    def __init__(self, window: MainWindow, frames: int) -> None:
        self.record = Record()
        self._window = window
        self._frames = frames
        self._process = psutil.Process()
        self._began_s = 0.0
        self._beat_s: float | None = None
        self._label_age_ms: float | None = None
        self._loops = 0
        self._captured_before = 0
        self._last_index = -1
        session = window.session
        session.picture.connect(self._on_picture)
        session.answers.answered.connect(self._on_answer)
        session.numbers.connect(self._on_numbers)
        session.problem.connect(self.record.problems.append)
        self._beat = QTimer(window, interval=HEARTBEAT_MS)
        self._beat.setTimerType(Qt.TimerType.PreciseTimer)
        self._beat.timeout.connect(self._on_beat)
        self._sampler = QTimer(window, interval=_SAMPLE_MS)
        self._sampler.timeout.connect(self._sample)

    def begin(self) -> None:
        self._began_s = time.monotonic()
        self._captured_before = self._captured()
        self.record.answers.clear()
        self._beat.start()
        self._sampler.start()

    def end(self) -> None:
        self._beat.stop()
        self._sampler.stop()
        self.record.seconds = time.monotonic() - self._began_s
        self.record.fps = (self._captured() - self._captured_before) / self.record.seconds

    def _captured(self) -> int:
        capture = self._window.session._deck.current
        assert capture is not None
        return capture.captured

    def count_frames(self) -> None:
        """Compare what was captured with what the file holds; the source has to stand still."""
        self.record.captured = self._captured()
        self.record.expected = self._loops * self._frames + self._last_index + 1

    def _on_beat(self) -> None:
        now_s = time.perf_counter()
        if self._beat_s is not None:
            self.record.gaps_ms.append((now_s - self._beat_s) * 1000)
        self._beat_s = now_s

    def _sample(self) -> None:
        handles = 0
        with suppress(AttributeError, psutil.Error):
            handles = self._process.num_fds()
        self.record.samples.append(
            Sample(
                time.monotonic() - self._began_s,
                self._process.memory_info().rss / 1e6,
                self._process.num_threads(),
                handles,
                self._label_age_ms,
            )
        )

    def _on_picture(self, picture: Picture) -> None:
        if picture.frame.index < self._last_index:
            self._loops += 1
        self._last_index = picture.frame.index

    def _on_answer(self, shown: Shown) -> None:
        for slot in shown.answer.predictions:
            self.record.answers[slot] = self.record.answers.get(slot, 0) + 1

    def _on_numbers(self, numbers: Numbers) -> None:
        self._label_age_ms = numbers.label_age_ms
        self.record.skipped = numbers.skipped


def run_window_for(
    seconds: float,
    video: Path = resources.DEMO_CLIP,
    *,
    at_first_answer: Callable[[MainWindow], None] = lambda window: None,
) -> Record:
    """Play a video in a loop with both bundled models; measured from the first answer on.

    Args:
        seconds: how long.
        video: the file.
        at_first_answer: called before measuring begins.
    """
    make_application()
    with VideoFile(video) as file:
        frames = sum(1 for _ in file)
    with tempfile.TemporaryDirectory(prefix="incab-") as folder:
        window = MainWindow(
            WindowOptions(
                source=str(video),
                annotations=None,
                int8=resources.INT8_MODEL,
                fp32=resources.FP32_MODEL,
                settings_path=Path(folder) / "incab.ini",
            )
        )
        window.widgets.transport_actions.loop.setChecked(True)
        window.show()
        meter = _Meter(window, frames)
        window.start()
        _until_first_answer(window)
        at_first_answer(window)
        meter.begin()
        _wait(seconds)
        meter.end()
        window.session.toggle_play()
        # What was decoded before the pause is shown and counted.
        _wait(0.5)
        meter.count_frames()
        window.close()
        meter.record.ended_cleanly = window.ended_cleanly
        return meter.record


def _until_first_answer(window: MainWindow) -> None:
    loop = QEventLoop()
    window.session.answers.answered.connect(loop.quit)
    QTimer.singleShot(round(1000 * _LONGEST_LOADING_S), loop.quit)
    loop.exec()
    window.session.answers.answered.disconnect(loop.quit)


def _wait(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()
