"""How the process ends once everything in it that can be ended has been. No Qt.

A thread inside native code, or a camera's driver, may never come back; an interpreter that ends in
the usual way would wait for it, and Qt would abort. And taking Qt and OpenVINO apart piece by piece
takes a second or two on a busy machine, for memory that the system takes back anyway. So the window
shuts down in order (threads, source, recording, settings, log) and then the process ends at once.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


class EndNow(Exception):
    """All is shut down; the process shall end at once with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__("the process ends")
        self.status = status


def end_at_once(status: int) -> NoReturn:
    """End the process now, with nothing left unsaid."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.flush()
    os._exit(status)
