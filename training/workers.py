"""Work in processes of its own, one process a task: a crash or a hang costs that task only."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import cv2

from core.errors import InCabError

# A process that reports nothing for this long hangs: the longest honest silence is the disk
# taking in the last gigabytes of a long run.
STALL_S = 600.0
# Windows waits for 63 things at once, and its pools need two of them.
MOST_PROCESSES = 61 if sys.platform == "win32" else sys.maxsize
# Before its first word a process imports its modules, perhaps from a slow disk.
_START_S = 120.0
_TELL_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended: well, with the sentence of its error, or (`crash`) without a word."""

    task: int
    failure: str | None = None
    crash: str | None = None
    result: Any = None


@dataclass(slots=True)
class _Job:
    task: int
    process: SpawnProcess
    connection: Connection
    heard_s: float
    patience_s: float


def work(
    do: Callable[..., object],
    tasks: Sequence[tuple[Any, ...]],
    workers: int,
    progress: Callable[[int, int], None],
    stall_s: float = STALL_S,
) -> Generator[Outcome]:
    """Run `do(*task, tell)` for each task, at most `workers` at once; outcomes as they come.

    `tell(n)` reaches `progress(task number, n)` a few times a second. An InCabError of a task is
    its failure, and so are a crash and a hang; the others go on. The processes end with the
    iterator, and when this process is killed, with their next `tell`.

    Raises:
        OSError: a task could not read or write; nothing is left running.
    """
    if not workers:
        yield from _here(do, tasks, progress)
        return
    # Spawned, not forked: the caller may hold a GPU, threads or a window.
    context = multiprocessing.get_context("spawn")
    workers = min(workers, MOST_PROCESSES)
    waiting = list(enumerate(tasks))[::-1]
    jobs: dict[Connection, _Job] = {}
    try:
        while waiting or jobs:
            while waiting and len(jobs) < workers:
                number, task = waiting.pop()
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_serve, args=(do, task, sender), daemon=True)
                process.start()
                sender.close()
                patience_s = max(_START_S, stall_s)
                jobs[receiver] = _Job(number, process, receiver, time.monotonic(), patience_s)
            ready = set(wait(list(jobs), timeout=min(1.0, stall_s)))
            for connection, job in list(jobs.items()):
                if connection in ready:
                    job.heard_s, job.patience_s = time.monotonic(), stall_s
                    outcome = _hear(job, progress)
                elif time.monotonic() - job.heard_s > job.patience_s:
                    outcome = Outcome(job.task, crash=f"nothing came for {stall_s:.0f} s")
                else:
                    continue
                if outcome is not None:
                    del jobs[connection]
                    _end(job)
                    yield outcome
    finally:
        for job in jobs.values():
            _end(job)


def _here(
    do: Callable[..., object],
    tasks: Sequence[tuple[Any, ...]],
    progress: Callable[[int, int], None],
) -> Generator[Outcome]:
    for number, task in enumerate(tasks):
        try:
            result = do(*task, lambda count, number=number: progress(number, count))
        except InCabError as error:
            yield Outcome(number, failure=str(error))
        else:
            yield Outcome(number, result=result)


def _hear(job: _Job, progress: Callable[[int, int], None]) -> Outcome | None:
    """One message of a job; None while it goes on."""
    try:
        message = job.connection.recv()
    except (EOFError, OSError):
        job.process.join(5)
        return Outcome(job.task, crash=f"its process ended with code {job.process.exitcode}")
    if isinstance(message, OSError):
        raise message
    if isinstance(message, int):
        progress(job.task, message)
        return None
    failure, result = message
    return Outcome(job.task, failure=failure, result=result)


def _end(job: _Job) -> None:
    # What it had to say has been heard, or does not matter any more.
    job.process.kill()
    job.process.join()
    job.process.close()
    job.connection.close()


def _serve(work: Callable[..., object], task: tuple[Any, ...], connection: Connection) -> None:
    # Ctrl-C reaches the whole group of processes; the caller decides what becomes of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The processes already fill the processors; threads of cv2 would only get in their way.
    cv2.setNumThreads(1)
    told_s = 0.0

    def tell(count: int) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= _TELL_EVERY_S:
            told_s = time.monotonic()
            connection.send(count)

    try:
        connection.send(0)
        message: object
        try:
            message = (None, work(*task, tell))
        except InCabError as error:
            message = (str(error), None)
        except BrokenPipeError:
            raise
        except OSError as error:
            message = error
        connection.send(message)
    except BrokenPipeError:
        # Whoever asked for this is gone.
        return
