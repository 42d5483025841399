"""The models as the session sees them: one worker that answers, and now and then its successor.

A choice of models is made ready by a worker of its own while the present one goes on answering;
it takes over when it runs. A worker inside an engine that hangs is abandoned, the engine barred,
and another worker started in its place.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from PySide6.QtCore import QDeadlineTimer, QObject, QTimer

from app.answering import Answering
from app.machine import default_threads
from app.messages import Answer, ClipOffer, Models, Slot
from app.model_choice import Beside, Failed, Fault, ModelChoice, ModelEvent, Ready, Stall
from app.model_watch import StepWatch
from app.model_worker import ModelWorker, Step
from core.clip import ClipSpec
from core.probe import ProbeMode

_log = logging.getLogger(__name__)

_WATCH_MS = 250
# Longer than this without an answer and the label on the screen is out of date, whatever it is that
# the worker does meanwhile.
STALL_S = 3.0
# A teacher gives way to everything else, and its panel says how old its label is.
TEACHER_STALL_S = 10.0

# Threads inside native code that never returned. They live as long as the process does, and a
# QThread that is destroyed while it runs takes the process down.
_abandoned: list[ModelWorker] = []


class _Candidate:
    """A worker that shall take over, and what it has said so far."""

    def __init__(self, worker: ModelWorker) -> None:
        self.worker = worker
        self.models: Models | None = None
        self.events: list[tuple[Slot, ModelEvent]] = []

    @property
    def running(self) -> int:
        """How many of its models run."""
        last = dict(self.events)
        return sum(isinstance(event, Ready) for event in last.values())

    @property
    def problem(self) -> str | None:
        """Why not all of its models run; None when they do."""
        sentences = [event.sentence for _, event in self.events if isinstance(event, Failed)]
        return " ".join(dict.fromkeys(sentences)) or None


class Inference(Answering):
    """Answers clips with the models of one choice, until it is told to stop."""

    def __init__(
        self,
        choice: ModelChoice,
        threads: int | None = None,
        probe: ProbeMode = "once",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("incab-models")
        self.choice = choice
        self.spec: ClipSpec | None = None
        self.labels: tuple[str, ...] = ()
        # Whom the models of the next choice have to fit and give way to.
        self.beside: Beside | None = None
        self._threads = threads or default_threads()
        self._probe: ProbeMode = probe
        self._stopping = False
        self._lock = threading.Lock()
        self._newest: ClipOffer | None = None
        self._skipped_before = 0
        self._current = self._make_worker(choice)
        self._replacement = False
        self._candidate: _Candidate | None = None
        self._retired: list[ModelWorker] = []
        self._running: set[Slot] = set()
        self._failed: set[Slot] = set()
        self._watches: dict[ModelWorker, StepWatch] = {}
        # Before the models were ready once no label was shown that could be out of date.
        self._ready_once = False
        self._waiting = StepWatch()
        self._stalled_s = 0
        self._timer = QTimer(self, interval=_WATCH_MS)
        self._timer.timeout.connect(self._watch)

    # -- called from the UI thread -------------------------------------------------------------

    def start(self) -> None:
        """Begin to load the models."""
        self._current.start()
        self._timer.start()

    def change(self, choice: ModelChoice) -> None:
        """Make other models ready and let them take over; one that was under way is given up."""
        if self._stopping:
            return
        if self._candidate is not None:
            self._retire(self._candidate.worker)
        worker = self._make_worker(choice)
        self._candidate = _Candidate(worker)
        self.changing.emit(choice)
        worker.start()

    def take_answers(self) -> list[Answer]:
        """All answers since the last call, oldest first."""
        return self._current.box.take_answers()

    @property
    def skipped(self) -> int:
        """Clips that were replaced by a newer one before the models had time, since the start."""
        return self._skipped_before + self._current.box.skipped

    def stop(self) -> None:
        """Ask every thread to end; wait() tells whether they did."""
        self._stopping = True
        self._timer.stop()
        for worker in self._workers():
            worker.stop()

    def wait(self, deadline: QDeadlineTimer) -> bool:
        """Whether all threads end in time; one that was abandoned is not waited for."""
        ended = [worker.wait(deadline) for worker in self._workers()]
        return all(ended) and not any(worker.isRunning() for worker in _abandoned)

    # -- called from the source's thread -------------------------------------------------------

    def offer(self, offer: ClipOffer) -> None:
        """Leave the newest clip for the models; returns at once."""
        with self._lock:
            self._newest = offer
            self._current.box.offer(offer)

    # -- workers -------------------------------------------------------------------------------

    def _make_worker(
        self, choice: ModelChoice, barred: Mapping[Slot, Mapping[str, str]] | None = None
    ) -> ModelWorker:
        worker = ModelWorker(choice, self._threads, self._probe, barred, self.beside)
        worker.described.connect(self._on_described)
        worker.trying.connect(self._on_trying)
        worker.told.connect(self._on_told)
        worker.idle.connect(self._on_idle)
        worker.ended.connect(self._on_ended)
        return worker

    def _workers(self) -> list[ModelWorker]:
        candidate = [self._candidate.worker] if self._candidate is not None else []
        return [*self._retired, *candidate, self._current]

    def _retire(self, worker: ModelWorker) -> None:
        worker.stop()
        if worker.isRunning():
            # Kept, because a running QThread must not be destroyed.
            self._retired.append(worker)
        else:
            self._watches.pop(worker, None)

    def _put_in_place(self, worker: ModelWorker) -> None:
        """From now on this worker gets the clips, the newest one first of all."""
        with self._lock:
            self._skipped_before += self._current.box.skipped
            self._current = worker
            if self._newest is not None:
                worker.box.offer(self._newest)

    def _take_over(self, candidate: _Candidate) -> None:
        old = self._current
        self._put_in_place(candidate.worker)
        self._candidate = None
        self._retire(old)
        self._replacement = False
        self.choice = candidate.worker.choice
        self._failed.clear()
        self._running.clear()
        assert candidate.models is not None
        self._describe(candidate.worker, candidate.models)
        for slot, event in candidate.events:
            self._pass_on(slot, event)
        self._say_idle()

    def _describe(self, worker: ModelWorker, models: Models) -> None:
        self.spec, self.labels = worker.spec, worker.labels
        self.described.emit(models)

    def _pass_on(self, slot: Slot, event: ModelEvent) -> None:
        if isinstance(event, Ready):
            self._running.add(slot)
            self._failed.discard(slot)
            self.ready.emit(slot, event.report)
            return
        self._running.discard(slot)
        if isinstance(event, Fault):
            self.faulted.emit(slot, event)
        else:
            self._failed.add(slot)
            self.failed.emit(slot, event.sentence)

    # -- what workers say ----------------------------------------------------------------------

    def _on_described(self, worker: ModelWorker, models: Models) -> None:
        if self._candidate is not None and worker is self._candidate.worker:
            self._candidate.models = models
        elif self._speaks(worker) and not self._replacement:
            self._describe(worker, models)

    def _on_trying(self, worker: ModelWorker, engine: str) -> None:
        if not (self._stopping or self._is_old(worker)):
            self.trying.emit(engine)

    def _on_told(self, worker: ModelWorker, slot: Slot, event: ModelEvent) -> None:
        if self._candidate is not None and worker is self._candidate.worker:
            self._candidate.events.append((slot, event))
        elif self._speaks(worker):
            self._pass_on(slot, event)

    def _on_idle(self, worker: ModelWorker) -> None:
        if self._speaks(worker):
            self._say_idle()
        elif self._stopping:
            return
        elif self._candidate is not None and worker is self._candidate.worker:
            self._judge(self._candidate)

    def _judge(self, candidate: _Candidate) -> None:
        problem = candidate.problem
        if problem is None or candidate.running > len(self._running):
            self._take_over(candidate)
        else:
            self._refuse(problem)
        self.changing.emit(None)

    def _refuse(self, sentence: str) -> None:
        assert self._candidate is not None
        self._retire(self._candidate.worker)
        self._candidate = None
        self.refused.emit(sentence)

    def _on_ended(self, worker: ModelWorker) -> None:
        self._watches.pop(worker, None)
        if worker in _abandoned:
            _log.warning("an engine that hung has come back; its thread has ended")
            _abandoned.remove(worker)
        if worker in self._retired:
            self._retired.remove(worker)
        if self._stopping or self._is_old(worker):
            return
        unexpected = "The model stopped unexpectedly; the log holds the details."
        if worker is not self._current:
            if self._candidate is not None:
                self._refuse(self._candidate.problem or unexpected)
                self.changing.emit(None)
            return
        for slot in worker.choice.paths:
            if slot not in self._failed:
                self._pass_on(slot, Failed(unexpected))
        self._say_idle()

    def _say_idle(self) -> None:
        self._ready_once = True
        self.idle.emit()

    def _speaks(self, worker: ModelWorker) -> bool:
        """Whether the window shall hear of what this worker said."""
        return worker is self._current and not self._stopping

    def _is_old(self, worker: ModelWorker) -> bool:
        candidate = self._candidate.worker if self._candidate is not None else None
        return worker is not self._current and worker is not candidate

    # -- four times a second -------------------------------------------------------------------

    def _watch(self) -> None:
        now_s = time.monotonic()
        for worker in self._workers():
            step = worker.step
            inside_s = self._watches.setdefault(worker, StepWatch()).look(step, now_s)
            if step is not None and inside_s > step.limit_s:
                self._replace(worker, step, inside_s)
        self._tell_stall(now_s)

    def _tell_stall(self, now_s: float) -> None:
        worker = self._current
        waited_s = self._waiting.look(worker.box.owed if self._ready_once else None, now_s)
        patience_s = STALL_S if self.beside is None else TEACHER_STALL_S
        stalled_s = int(waited_s) if waited_s >= patience_s else 0
        # There is none between two steps, nor when the worker has ended, which was told.
        step = worker.step
        if not stalled_s:
            self._stalled_s = 0
        elif stalled_s != self._stalled_s and step is not None:
            self._stalled_s = stalled_s
            self.stalled.emit(Stall(step.slot, step.waiting_for, stalled_s))

    def _replace(self, worker: ModelWorker, step: Step, inside_s: float) -> None:
        """Leave a worker whose engine hangs to itself, and go on without that engine."""
        sentence = (
            f"Engine {step.engine} hangs: {step.doing} took more than {inside_s:.0f} s "
            f"with the {step.slot} model."
        )
        _log.error("%s", sentence)
        owed = worker.box.owed
        worker.stop()
        _abandoned.append(worker)
        self._watches.pop(worker, None)
        if self._is_old(worker):
            self._retired.remove(worker)
            return
        barred = worker.barred()
        barred.setdefault(step.slot, {})[step.engine] = sentence
        successor = self._make_worker(worker.choice, barred)
        if worker is self._current:
            # The same wait goes on.
            successor.box.owe(owed)
            # The models stay the same, so nothing needs to be described again.
            self._replacement = self.spec is not None
            self._put_in_place(successor)
            self._running.clear()
            self._failed.clear()
            self.faulted.emit(step.slot, Fault(sentence, None))
        else:
            self._candidate = _Candidate(successor)
        successor.start()
