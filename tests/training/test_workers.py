from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

import pytest

from core.errors import SourceError
from training.workers import work

Tell = Callable[[int], None]


# What the processes do; spawned ones find it by name.


def count(upto: int, tell: Tell) -> None:
    for number in range(upto):
        tell(number)


def misbehave(how: str, tell: Tell) -> None:
    tell(1)
    if how == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        signal.pause()
    if how == "error":
        raise SourceError("the film is torn")
    if how == "disk":
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("workers", [0, 2])
def test_every_task_is_done_and_heard(workers: int) -> None:
    heard: set[int] = set()
    outcomes = work(count, [(3,), (5,)], workers, lambda task, n: heard.add(task))
    ended = sorted((o.task, o.failure, o.crash) for o in outcomes)
    assert ended == [(0, None, None), (1, None, None)]
    assert heard == {0, 1}
    assert list(work(count, [], workers, lambda task, n: None)) == []


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="signals of another kind")
def test_a_crash_a_hang_and_an_error_cost_their_own_task_only() -> None:
    tasks = [("crash",), ("hang",), ("error",), ("well",)]
    quiet = lambda task, n: None  # noqa: E731
    outcomes = {o.task: o for o in work(misbehave, tasks, 2, quiet, stall_s=3)}
    assert outcomes[0].crash is not None
    assert "code -9" in outcomes[0].crash
    assert outcomes[1].crash == "nothing came for 3 s"
    assert outcomes[2].failure == "the film is torn"
    assert (outcomes[3].failure, outcomes[3].crash) == (None, None)


def test_without_processes_an_error_costs_its_own_task_only() -> None:
    outcomes = list(work(misbehave, [("error",), ("well",)], 0, lambda task, n: None))
    assert [o.failure for o in outcomes] == ["the film is torn", None]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_stops_all(workers: int) -> None:
    with pytest.raises(OSError, match="No space left") as raised:
        list(work(misbehave, [("disk",), ("hang",)], workers, lambda task, n: None))
    assert raised.value.errno == errno.ENOSPC
