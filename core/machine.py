"""Facts about this machine, as the system reports them."""

from __future__ import annotations

import platform
import subprocess
import sys
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
    return _cpuinfo("model name") or _brand() or platform.processor() or platform.machine()


def _brand() -> str | None:
    """What macOS and Windows call it; all that Python tells there is "arm" or a row of numbers."""
    try:
        if sys.platform == "darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
            return done.stdout.strip()
        if sys.platform == "win32":
            import winreg

            where = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, where) as processor:
                return str(winreg.QueryValueEx(processor, "ProcessorNameString")[0]).strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return None


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
