"""Timing in turns: every subject waits in a process of its own while another one is timed.

Its peak memory, its thread pools and any crash are then its own, and yet all medians come from
the same minutes: with the blocks A B C C B A … a machine that slows down, or is disturbed for a
while, slows all of them alike and spoils no ratio.
"""

from __future__ import annotations

import math
import multiprocessing
import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, ClassVar, Protocol

import numpy as np

from core.comparison import Latency
from core.errors import EngineError, InCabError, reason_of
from core.probe import signal_name

ROUNDS = 10
# Before each block as many runs as it has, for at most this long: caches, thread pools and the
# clock rate were another subject's.
_LONGEST_WARM_UP_S = 0.2
# Thread pools spin for a moment before they sleep; the next block does not begin before that.
_PAUSE_S = 0.05
# Far beyond any honest loading or run; only a hung engine takes longer.
_LONGEST_ANSWER_S = 600.0
_LONGEST_RUN_S = 30.0
_LONGEST_END_S = 5.0


class Runner(Protocol):
    """Something to time, made in its own process."""

    def run(self, index: int) -> None:
        """Do once what is timed; `index` counts the runs."""
        ...

    def facts(self) -> dict[str, Any]:
        """What else is worth reporting, asked after the timing."""
        ...


class Subject(Protocol):
    """What travels to the process: a small picklable description that can make its runner."""

    warm_up_runs: ClassVar[int]

    def make(self) -> Runner:
        """Load and compile everything.

        Raises:
            EngineError: it cannot run here.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one subject in milliseconds, round by round, and its facts."""

    rounds_ms: tuple[tuple[float, ...], ...]
    facts: dict[str, Any]

    @property
    def latency(self) -> Latency:
        """Mean and percentiles over all rounds."""
        latency = Latency.of([sample for block in self.rounds_ms for sample in block])
        assert latency is not None
        return latency

    @property
    def round_p50_ms(self) -> list[float]:
        """The median of each round: how steady the machine was."""
        return [float(np.median(block)) for block in self.rounds_ms]


class SubjectProcess:
    """One subject, loaded and warm in a fresh process.

    Raises:
        EngineError: it refuses, crashes or hangs, here and in every method.
    """

    def __init__(self, name: str, subject: Subject) -> None:
        self._name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(subject, theirs), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._answer(_LONGEST_ANSWER_S)
        except BaseException:
            self.close()
            raise

    def time(self, runs: int) -> list[float]:
        """One block; milliseconds of each run."""
        return self._ask(("time", runs), _LONGEST_ANSWER_S + runs * _LONGEST_RUN_S)

    def finish(self) -> dict[str, Any]:
        """The subject's facts."""
        return self._ask(("facts", 0), _LONGEST_ANSWER_S)

    def close(self) -> None:
        """End the process, whatever it is doing: it holds nothing that needs an orderly end."""
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()

    def _ask(self, request: tuple[str, int], longest_s: float) -> Any:
        try:
            self._pipe.send(request)
        except OSError:
            raise self._ended() from None
        return self._answer(longest_s)

    def _answer(self, longest_s: float) -> Any:
        try:
            if not self._pipe.poll(longest_s):
                self._process.kill()
                raise EngineError(f"{self._name} did not answer for {longest_s:.0f} s.")
            failure, answer = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise self._ended() from None
        if failure is not None:
            raise EngineError(failure)
        return answer

    def _ended(self) -> EngineError:
        self._process.join(_LONGEST_END_S)
        code = self._process.exitcode
        how = f"by {signal_name(-code)}" if code and code < 0 else f"with status {code}"
        return EngineError(f"{self._name} ended its process {how}.")


def _serve(subject: Subject, pipe: Connection) -> None:
    """What the process does: load, then answer until the pipe is closed."""
    # Ctrl-C reaches the whole group; the parent ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        runner = subject.make()
        _warm_up(runner, subject.warm_up_runs, math.inf)
        pipe.send((None, None))
        while True:
            request, runs = pipe.recv()
            if request == "time":
                _warm_up(runner, runs, _LONGEST_WARM_UP_S)
                pipe.send((None, _time(runner, runs)))
            else:
                pipe.send((None, runner.facts()))
    except (EOFError, ConnectionError):
        return
    except InCabError as error:
        pipe.send((str(error), None))
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        pipe.send((f"failed: {reason_of(error, line=-1)}.", None))


def _warm_up(runner: Runner, runs: int, longest_s: float) -> None:
    started_s = time.perf_counter()
    for index in range(runs):
        runner.run(index)
        if time.perf_counter() - started_s > longest_s:
            return


def _time(runner: Runner, runs: int) -> list[float]:
    samples_ms: list[float] = []
    for index in range(runs):
        started_s = time.perf_counter()
        runner.run(index)
        samples_ms.append((time.perf_counter() - started_s) * 1000)
    return samples_ms


def time_in_turns(
    subjects: Sequence[tuple[str, Subject]], runs: int, progress: Callable[[str], None]
) -> tuple[dict[str, Timing], dict[str, str]]:
    """Time all subjects `runs` times each, in blocks that take turns.

    Returns:
        The timing of each name, and for names that failed the reason.
    """
    failures: dict[str, str] = {}
    blocks: dict[str, list[tuple[float, ...]]] = {}
    facts: dict[str, dict[str, Any]] = {}
    processes: dict[str, SubjectProcess] = {}
    with ExitStack() as stack:
        for name, subject in subjects:
            progress(f"loading {name}")
            with _noted(failures, name):
                processes[name] = SubjectProcess(name, subject)
                stack.callback(processes[name].close)
                blocks[name] = []
        sizes = block_sizes(runs)
        for number, size in enumerate(sizes):
            names = [name for name in processes if name not in failures]
            for name in names if number % 2 == 0 else reversed(names):
                progress(f"round {number + 1} of {len(sizes)}: {name}")
                time.sleep(_PAUSE_S)
                with _noted(failures, name):
                    blocks[name].append(tuple(processes[name].time(size)))
        for name in [name for name in processes if name not in failures]:
            progress(f"checking {name}")
            with _noted(failures, name):
                facts[name] = processes[name].finish()
    timings = {name: Timing(tuple(blocks[name]), facts[name]) for name in facts}
    return timings, failures


@contextmanager
def _noted(failures: dict[str, str], name: str) -> Generator[None]:
    """An EngineError inside becomes the reason why a name failed."""
    try:
        yield
    except EngineError as error:
        failures[name] = str(error)


def block_sizes(runs: int) -> list[int]:
    """Runs of each round: ten about equal blocks, fewer when there are fewer runs."""
    rounds = min(ROUNDS, runs)
    return [runs // rounds + (number < runs % rounds) for number in range(rounds)]
