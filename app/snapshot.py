"""A picture of the real window at work, for machines without a screen."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEventLoop, Qt, QTimer

from app.application import make_application
from app.machine import has_display
from app.main_window import MainWindow
from app.messages import Picture
from app.options import WindowOptions
from app.png import write_png
from app.sources import parse_source, title_of_source
from app.state import State
from core.errors import SourceError

_SIZE = (1600, 900)
_LONGEST_LOADING_S = 60.0
# Beyond the clip's own time, for machines that are slow or busy.
_GRACE_S = 30.0
# The last clips are answered and painted in this time.
_SETTLING_S = 0.3


def render_snapshot(options: WindowOptions, path: Path, seconds: float) -> None:
    """Play `options.source` for `seconds` of its own time and write the window to `path` as PNG.

    Raises:
        InCabError: the source or both models cannot be used; nothing is written then.
    """
    if options.source is None:
        raise SourceError("No source was named; give a video file to draw the window with.")
    address = parse_source(options.source)
    if not has_display():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    make_application()
    with tempfile.TemporaryDirectory(prefix="incab-") as folder:
        settings = Path(folder) / "incab.ini"
        window = MainWindow(replace(options, settings_path=settings))
        window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        window.resize(*_SIZE)
        problems: list[str] = []
        window.session.problem.connect(problems.append)
        window.show()
        try:
            _load(window)
            window.open(address, options.annotations)
            _play(window, seconds)
            _run(QEventLoop(), _SETTLING_S)
            if window.session.source is None:
                raise SourceError(
                    problems[-1] if problems else f"{title_of_source(address)} did not play."
                )
            window.session.refresh_numbers()
            write_png(window.grab(), path)
        finally:
            window.close()


def _load(window: MainWindow) -> None:
    loop = QEventLoop()
    window.session.answers.models_idle.connect(loop.quit)
    window.session.start()
    _run(loop, _LONGEST_LOADING_S)


def _play(window: MainWindow, seconds: float) -> None:
    """Return when `seconds` of the clip were shown, or when it ended or failed before."""
    loop = QEventLoop()
    session = window.session

    def on_picture(picture: Picture) -> None:
        if picture.frame.time_s >= seconds:
            loop.quit()

    def on_state(state: State) -> None:
        if state in (State.ENDED, State.FAILED):
            loop.quit()

    session.picture.connect(on_picture)
    session.state_changed.connect(on_state)
    _run(loop, seconds + _GRACE_S)


def _run(loop: QEventLoop, longest_s: float) -> None:
    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(loop.quit)
    timer.start(round(1000 * longest_s))
    loop.exec()
