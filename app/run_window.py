"""The window as a program: from the command line to the exit code."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys

from app.application import make_application
from app.crash import CrashReporter
from app.main_window import MainWindow
from app.options import WindowOptions


def run_window(options: WindowOptions) -> int:
    """Show the window until it is closed; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    application = make_application()
    reporter = CrashReporter()
    reporter.install()
    window = MainWindow(options)
    reporter.crashed.connect(window.widgets.banner.show_problem)
    # The session's timers let Python look at signals often enough.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, frame: window.close())
    window.show()
    window.start()
    status = application.exec()
    reporter.uninstall()
    if not window.ended_cleanly or multiprocessing.active_children():
        # A thread or a camera's driver is stuck; waiting for it would keep the process alive.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)
    return status
