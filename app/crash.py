"""What nobody foresaw: logged with its traceback, told in the window, and the window goes on."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from PySide6.QtCore import QObject, Signal

_log = logging.getLogger(__name__)


class CrashReporter(QObject):
    """Takes the place of Python's excepthooks between install() and uninstall()."""

    # Emitted from whatever thread failed; connected slots run in the UI thread.
    crashed = Signal(str)

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
        summary = str(error).splitlines()[0][:160] if str(error) else "no details"
        self.crashed.emit(
            f"Something unexpected went wrong ({kind.__name__}: {summary}). "
            "If the picture stands still, open the source again; the log holds the details."
        )

    def _report_of_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._report(args.exc_type, args.exc_value, args.exc_traceback)
