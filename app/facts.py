"""What a log or report needs to say of this machine and this installation. No Qt."""

from __future__ import annotations

import os
import platform
import sys

from app.machine import cores, default_threads
from core.machine import cpu_isa, cpu_name, installed_version

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


def facts() -> dict[str, str]:
    """Versions, system and processor, in the order in which a person reads them."""
    found = {name: installed_version(name) for name in LIBRARIES}
    return {
        "InCab": installed_version("incab") or "not installed",
        "Python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "CPU": f"{cpu_name()} ({cpu_isa() or 'instruction set unknown'})",
        "cores": f"{cores()} logical, models use {default_threads()} unless told otherwise",
        "libraries": ", ".join(f"{name} {number or 'missing'}" for name, number in found.items()),
        "Qt platform": os.environ.get("QT_QPA_PLATFORM", "the system's own"),
    }
