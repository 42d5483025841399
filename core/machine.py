"""Facts about this machine, as the system reports them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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


def installed_version(package: str) -> str | None:
    """The version of a Python package that is installed here; None where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpuinfo(key: str) -> str | None:
    return proc_value("/proc/cpuinfo", key)


def proc_value(path: str, key: str) -> str | None:
    """The first value of `key` in one of Linux's "key: value" files; None where there is none."""
    try:
        text = Path(path).read_text()
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None
