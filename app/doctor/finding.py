"""What an examination found, and how it looks at things that may crash. No Qt."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.probe import signal_name

# good: as it should be; note: worth knowing, nothing is missing; bad: something will not work.
Verdict = Literal["good", "note", "bad"]

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and in a sentence what is the matter and what to do."""

    subject: str
    verdict: Verdict
    sentence: str


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = text.strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def run_child(
    code: str, timeout_s: float, complaint_of: Callable[[str], str] = last_line
) -> tuple[bool, str]:
    """Run Python code in a process of its own, which may crash there.

    Returns whether it ended well, and either the last line that it printed or its complaint, which
    `complaint_of` finds in what it wrote to the error stream.
    """
    seen = os.pathsep.join(entry or str(Path.cwd()) for entry in [*sys.path, str(_ROOT)])
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=os.environ | {"PYTHONPATH": seen, "PYTHONIOENCODING": "utf-8"},
            timeout=timeout_s,
            check=False,
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {timeout_s:.0f} s"
    except OSError as error:
        return False, f"no process can be started: {error}"
    if done.returncode == 0:
        return True, last_line(done.stdout)
    complaint = complaint_of(done.stderr)
    if done.returncode < 0:
        complaint = f"it crashed ({signal_name(-done.returncode)}) {complaint}".strip()
    return False, complaint or f"exit status {done.returncode}"
