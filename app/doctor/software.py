"""Python and the libraries: there, and loadable on this machine. No Qt in this process."""

from __future__ import annotations

import platform
import sys

from app.doctor.finding import Finding, run_child
from core.machine import installed_version

OLDEST_PYTHON = (3, 11)
_LONGEST_IMPORT_S = 60.0

# Distribution and what loads it; without these InCab does not work.
_NEEDED = (
    ("numpy", "numpy"),
    ("opencv-python", "cv2"),
    ("openvino", "openvino"),
    ("PySide6-Essentials", "PySide6.QtWidgets"),
    ("pyqtgraph", "pyqtgraph"),
    ("safetensors", "safetensors.numpy"),
)
_OPTIONAL = ("torch", "torch")

# By itself OpenVINO would report its usage over the network; see core/engines/__init__.py.
_NO_REPORTER = "import sys; sys.modules['openvino_telemetry'] = None"


def examine_python() -> Finding:
    """Whether this Python is new enough."""
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info < OLDEST_PYTHON:
        return Finding(
            "Python",
            "bad",
            f"Python {platform.python_version()} is too old; install {oldest} or newer.",
        )
    return Finding("Python", "good", f"{platform.python_version()}, {sys.executable}.")


def examine_libraries() -> list[Finding]:
    """Load each library in a process of its own: a missing system library shows only then."""
    findings = [_examine(*names) for names in _NEEDED]
    bad = [finding for finding in findings if finding.verdict == "bad"]
    if not bad:
        names = ", ".join(f"{name} {installed_version(name)}" for name, _ in _NEEDED)
        bad = [Finding("Libraries", "good", f"{names}.")]
    return [*bad, _examine_torch()]


def _examine(distribution: str, module: str) -> Finding:
    number = installed_version(distribution)
    if number is None:
        return Finding(
            distribution, "bad", f"It is not installed; run `pip install {distribution}`."
        )
    well, said = run_child(f"{_NO_REPORTER}; import {module}", _LONGEST_IMPORT_S)
    if well:
        return Finding(distribution, "good", f"{number}.")
    return Finding(
        distribution,
        "bad",
        f"Version {number} cannot be loaded ({said}); install what is named there, "
        f"or `pip install --force-reinstall {distribution}`.",
    )


def _examine_torch() -> Finding:
    distribution, module = _OPTIONAL
    if installed_version(distribution) is None:
        sentence = "Not installed, and not needed to watch; training and its engines need it."
        return Finding("PyTorch", "note", sentence)
    found = _examine(distribution, module)
    verdict = "note" if found.verdict == "bad" else "good"
    return Finding("PyTorch", verdict, found.sentence)
