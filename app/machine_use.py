"""What this program takes of the machine, with its child processes: a camera is read in one."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

import psutil

_SHORTEST_CPU_TIME_S = 0.3
# psutil looks at every process of the machine to find the children: some 20 µs for each.
_BETWEEN_LOOKS_S = 2.0


class MachineUse:
    """Processor share and memory of this process and all below it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._children: list[psutil.Process] = []
        self._look_again_s = clock()
        self._cpu_s = self._cpu_times_s()
        self._cpu_percent, self._measured_s = 0.0, clock()

    def cpu_percent(self) -> float:
        """Share of all logical cores since the last measurement, 0 to 100."""
        elapsed_s = self._clock() - self._measured_s
        # The system counts in hundredths; over a shorter time the answer before still holds.
        if elapsed_s >= _SHORTEST_CPU_TIME_S:
            before, self._cpu_s = self._cpu_s, self._cpu_times_s()
            # A process counts from when it is seen until it ends.
            spent_s = sum(now - before.get(process, now) for process, now in self._cpu_s.items())
            self._cpu_percent = 100 * spent_s / elapsed_s / (os.cpu_count() or 1)
            self._measured_s = self._clock()
        return self._cpu_percent

    def memory_mb(self) -> float:
        """Resident memory in MB (10^6 bytes); pages that processes share count in each."""
        total = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total / 1e6

    def _processes(self) -> list[psutil.Process]:
        now_s = self._clock()
        if now_s >= self._look_again_s:
            self._look_again_s = now_s + _BETWEEN_LOOKS_S
            with contextlib.suppress(psutil.Error):
                self._children = self._process.children(recursive=True)
        return [self._process, *self._children]

    def _cpu_times_s(self) -> dict[psutil.Process, float]:
        times_s: dict[psutil.Process, float] = {}
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                times_s[process] = times.user + times.system
        return times_s
