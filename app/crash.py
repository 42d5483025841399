"""What nobody foresaw: logged, reported in a file, told in the window, and the window goes on."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from PySide6.QtCore import QObject, Signal

from app.crash_report import write_report
from app.log import without_secrets

_log = logging.getLogger(__name__)

# A defect that comes sixty times a second is reported once.
_MOST_REPORTS = 5


class CrashReporter(QObject):
    """Takes the place of Python's excepthooks between install() and uninstall()."""

    # Emitted from whatever thread failed; connected slots run in the UI thread.
    crashed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._reports = 0

    def install(self) -> None:
        """From now on report instead of printing."""
        self._previous = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._report
        threading.excepthook = self._report_of_thread

    def uninstall(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._previous

    def _report(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._previous[0](kind, error, trace)
            return
        _log.critical("unexpected error", exc_info=(kind, error, trace))
        path = None
        if self._reports < _MOST_REPORTS:
            self._reports += 1
            path = write_report(kind, error, trace)
        report = f"a report to copy is in {path}" if path else "the log holds the details"
        summary = without_secrets(str(error)).splitlines()[0][:160] if str(error) else "no details"
        self.crashed.emit(
            f"Something unexpected went wrong ({kind.__name__}: {summary}). "
            f"If the picture stands still, open the source again; {report}."
        )

    def _report_of_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._report(args.exc_type, args.exc_value, args.exc_traceback)
