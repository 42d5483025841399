"""Facts about this process, for reports, and how many threads it should use."""

from __future__ import annotations

import os
import sys
import threading

import psutil

from core.machine import proc_value

# A tenth of the time that a thread of the usual priority gets beside it.
_NICENESS = 10


def cores() -> int:
    """Logical CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Threads for the engines: the logical cores this process may use, at most four."""
    return min(4, cores())


def has_display() -> bool:
    """Whether windows have somewhere to open: on Linux a display server has to be named."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def give_way() -> None:
    """Let the calling thread run where others leave time, but never starve.

    Not lower: it holds Python's lock now and then, and while it waits for a core nobody else has
    the lock. Only Linux has a niceness for single threads; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nicer = min(19, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)
        os.setpriority(os.PRIO_PROCESS, thread, nicer)


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MB (10^6 bytes)."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    # Not getrusage on Linux: a new process inherits its parent's peak there.
    high_water = proc_value("/proc/self/status", "VmHWM")
    if high_water is not None:
        return int(high_water.removesuffix("kB")) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
