"""Whether a window can be opened: Qt tries it in a process of its own, because it aborts if not."""

from __future__ import annotations

import os
import sys

from app.doctor.finding import Finding, last_line, run_child
from app.machine import has_display

_LONGEST_S = 30.0

_OPEN = """
from app.application import make_application
application = make_application()
screen = application.primaryScreen()
size = screen.size()
scale = screen.devicePixelRatio()
print(f"{application.platformName()}, {size.width()}×{size.height()}, scale {scale:g}")
"""


def examine_display() -> Finding:
    """Which platform Qt uses and how large the screen is."""
    well, said = run_child(_OPEN, _LONGEST_S, _complaint)
    asked = os.environ.get("QT_QPA_PLATFORM")
    if well and asked in ("offscreen", "minimal"):
        return Finding(
            "Display",
            "note",
            f"Qt draws to memory because QT_QPA_PLATFORM is {asked}; no window will be seen.",
        )
    if well:
        return Finding("Display", "good", f"Qt works: {said}.")
    if not (has_display() or asked):
        return Finding(
            "Display",
            "note",
            "There is no display here: `incab replay` and `incab bench` work, the window does not.",
        )
    advice = "install the system libraries that it names"
    if sys.platform == "linux":
        advice += " (often libxcb-cursor0, libxkbcommon-x11-0, libegl1), or check DISPLAY"
    return Finding("Display", "bad", f"Qt cannot open a window ({said}); {advice}.")


def _complaint(text: str) -> str:
    """What Qt's platform plugin said; at the end there is only a list of all plugins."""
    said = [line.strip() for line in text.splitlines() if line.startswith("qt.qpa.")]
    return said[0][:300] if said else last_line(text)
