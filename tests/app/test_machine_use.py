from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.machine_use import MachineUse
from tests.app.test_tally import Clock

# Holds 100 MB, works for a moment, says so and waits to be ended.
BUSY = "b = b'x' * 100_000_000; sum(range(3_000_000)); print(); input()"


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def test_a_child_process_counts(busy: subprocess.Popen[str]) -> None:
    assert busy.stdout is not None
    clock = Clock()
    use = MachineUse(clock)
    busy.stdout.readline()
    clock.now_s += 1
    own_mb = use._process.memory_info().rss / 1e6
    assert use.memory_mb() > own_mb + 80
    assert use.cpu_percent() > 0
    before = len(use._cpu_s) - 1
    assert before >= 1
    busy.kill()
    busy.wait()
    clock.now_s += 2
    assert 0 <= use.cpu_percent() <= 100
    assert use.memory_mb() < own_mb + 80
    assert len(use._cpu_s) == before
