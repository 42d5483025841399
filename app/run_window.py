"""The window as a program: from the command line to the exit code."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.application import make_application
from app.collector import Collector
from app.crash import CrashReporter
from app.crash_report import report_of_last_crash
from app.ending import EndNow
from app.main_window import MainWindow
from app.options import WindowOptions
from app.recording.opening import looks_like_session
from app.recording.review import load_review
from app.session_log import SessionLog
from app.sources import parse_source
from core.errors import SourceError


def run_window(options: WindowOptions) -> NoReturn:
    """Show the window until it is closed and all is shut down.

    Raises:
        EndNow: then, with the exit code.
        SourceError: the window cannot be opened on the source that was named.
    """
    make_application()
    reporter = CrashReporter()
    reporter.install()
    try:
        raise EndNow(_show(options, reporter))
    finally:
        reporter.uninstall()


def _make_window(options: WindowOptions) -> MainWindow:
    """A window on the source that was named, or on a recording."""
    recording = _recording(options.source)
    if recording is not None:
        return MainWindow(options, review=load_review(recording, options.video))
    if options.video is not None:
        raise SourceError("--video names the video of a recording; give a recording as SOURCE.")
    return MainWindow(options)


def _recording(source: str | None) -> Path | None:
    # What is no source at all is told by the window.
    with suppress(SourceError):
        address = parse_source(source) if source is not None else None
        if isinstance(address, Path) and looks_like_session(address):
            return address
    return None


def close_on_signals(window: MainWindow) -> None:
    """Let SIGINT and SIGTERM close the window; its timers let Python look at them often enough."""

    def close_soon(number: int, frame: object) -> None:
        # Not here: Python calls this in the middle of anything, with locks held for which the
        # threads wait that closing waits for.
        QTimer.singleShot(0, window, window.close)

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, close_soon)


def _show(options: WindowOptions, reporter: CrashReporter) -> int:
    window = _make_window(options)
    SessionLog(window.session, window)
    banner = window.widgets.banner
    reporter.crashed.connect(lambda sentence: banner.show_problem(sentence, lasting=True))
    close_on_signals(window)
    window.show()
    if (report := report_of_last_crash()) is not None:
        banner.show_problem(
            f"InCab crashed the last time it ran; a report to copy is in {report}.", lasting=True
        )
    collector = Collector(window)
    collector.start()
    window.start()
    try:
        return QApplication.exec()
    finally:
        collector.stop()
