"""What a log or report needs to say of this machine and this installation. No Qt."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from app.machine import cores, default_threads
from core.machine import cpu_isa, cpu_name

# Distribution names; torch is optional.
LIBRARIES = (
    "numpy",
    "opencv-python",
    "openvino",
    "PySide6-Essentials",
    "pyqtgraph",
    "safetensors",
    "torch",
)


def installed(distribution: str) -> str | None:
    """The version that is installed, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def facts() -> dict[str, str]:
    """Versions, system and processor, in the order in which a person reads them."""
    found = {name: installed(name) for name in LIBRARIES}
    return {
        "InCab": installed("incab") or "not installed",
        "Python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "CPU": f"{cpu_name()} ({cpu_isa() or 'instruction set unknown'})",
        "cores": f"{cores()} logical, models use {default_threads()} unless told otherwise",
        "libraries": ", ".join(f"{name} {number or 'missing'}" for name, number in found.items()),
        "Qt platform": os.environ.get("QT_QPA_PLATFORM", "the system's own"),
    }
