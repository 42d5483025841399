"""Facts about this machine and process, for reports."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import psutil

# From the most capable down; the first one present names what int8 kernels can use.
_ISA_BY_FLAG = (
    ("amx_int8", "AMX"),
    ("avx512_vnni", "AVX512-VNNI"),
    ("avx_vnni", "AVX2-VNNI"),
    ("avx512f", "AVX512"),
    ("avx2", "AVX2"),
    ("asimddp", "NEON-DOT"),
    ("asimd", "NEON"),
)


def cpu_name() -> str:
    """The processor as the system names it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_isa() -> str | None:
    """The widest instruction set useful for int8 that this CPU reports; None where unknown."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features") or "").split()
    return next((name for flag, name in _ISA_BY_FLAG if flag in flags), None)


def _cpuinfo(key: str) -> str | None:
    return _proc_value("/proc/cpuinfo", key)


def _proc_value(path: str, key: str) -> str | None:
    """The first value of `key` in one of Linux's "key: value" files."""
    try:
        text = Path(path).read_text()
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def default_threads() -> int:
    """Threads for the engines: the cores this process may use, at most four."""
    if hasattr(os, "sched_getaffinity"):
        return min(4, len(os.sched_getaffinity(0)))
    return min(4, os.cpu_count() or 2)


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MB (10^6 bytes)."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    # Not getrusage on Linux: a new process inherits its parent's peak there.
    high_water = _proc_value("/proc/self/status", "VmHWM")
    if high_water is not None:
        return int(high_water.removesuffix("kB")) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
