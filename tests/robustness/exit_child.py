"""The real window, brought into one state and then closed; to be timed from outside.

python -m tests.robustness.exit_child STATE [close|wait]

It prints a line of JSON when the state is reached. With "close" it then closes its window; with
"wait" it goes on, and somebody else ends it.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import sys
import threading
from collections.abc import Callable

import psutil
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QMessageBox  # noqa: F401  loaded now, not while it is timed

from app import model_worker, resources, run_window
from app.__main__ import main
from app.main_window import MainWindow
from app.model_choice import ModelChoice
from app.model_runner import ModelRunner
from app.state import State
from core.engines.reference import ReferenceEngine
from tests.robustness import exit_recording
from tests.robustness.unruly_engines import Manners

_POLL_MS = 10
_CLIP = str(resources.DEMO_CLIP)

manners = Manners()


class Seen:
    """What the window has told so far."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.names: set[str] = set()
        session = window.session
        for name in (
            "engine_tried",
            "model_faulted",
            "model_failed",
            "models_idle",
            "models_changing",
            "answered",
        ):
            told = getattr(session.answers, name)
            told.connect(lambda *_, name=name: self.names.add(name))
        session.picture.connect(lambda _: self.names.add("picture"))

    def state(self, state: State) -> bool:
        return self.window.session.state is state

    def once(self, name: str, do: Callable[[], None]) -> None:
        """Do something when it is first asked for."""
        if name not in self.names:
            self.names.add(name)
            do()


def _silent_server() -> str:
    """A stream's address where somebody listens and never says a word."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(server,), daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}/stream"


def _accept(server: socket.socket) -> None:
    kept = []
    while True:
        kept.append(server.accept())


def _paused(seen: Seen) -> bool:
    if "answered" in seen.names:
        seen.once("pause", seen.window.session.toggle_play)
    return seen.state(State.PAUSED)


def _hanging(seen: Seen) -> bool:
    if "answered" in seen.names:
        manners.hangs = True
    return manners.stuck.is_set()


def _abandoned(seen: Seen) -> bool:
    model_worker.ANSWER_LIMIT_S = 1.0
    return _hanging(seen) and "model_faulted" in seen.names


def _raising(seen: Seen) -> bool:
    if "answered" in seen.names:
        manners.raises = True
    return "model_faulted" in seen.names


def _worker_raising(seen: Seen) -> bool:
    if "answered" in seen.names:
        ModelRunner.answer = _raise  # type: ignore[method-assign]
    return "model_failed" in seen.names


def _raise(*_: object) -> None:
    raise RuntimeError("a defect in the worker itself")


def _swapping(seen: Seen) -> bool:
    if "answered" in seen.names:
        window = seen.window
        paths = {"int8": window.options.fp32, "fp32": window.options.int8}
        seen.once("swap", lambda: window.session.answers.set_models(ModelChoice.of(paths)))
    return "models_changing" in seen.names


def _loading_hangs(seen: Seen) -> bool:
    manners.hangs_at_load = True
    return manners.stuck.is_set()


def _reference_answers(seen: Seen) -> bool:
    """Inside a long computation of numpy, which cannot be interrupted either."""
    return _busy.is_set()


_busy = threading.Event()


def _watch_reference() -> None:
    logits = ReferenceEngine.logits

    def watched(self: ReferenceEngine, pixels: object) -> object:
        _busy.set()
        return logits(self, pixels)  # type: ignore[arg-type]

    ReferenceEngine.logits = watched  # type: ignore[method-assign,assignment]


# Name: the command line, and whether the state is reached.
STATES: dict[str, tuple[Callable[[], list[str]], Callable[[Seen], bool]]] = {
    "loading": (list, lambda seen: True),
    "no source": (list, lambda seen: "models_idle" in seen.names),
    "probing": (lambda: [_CLIP, "--probe", "again"], lambda seen: "engine_tried" in seen.names),
    "opening a dead stream": (
        lambda: [_silent_server()],
        lambda seen: seen.state(State.OPENING) and multiprocessing.active_children() != [],
    ),
    "warming up": (
        lambda: [_CLIP],
        lambda seen: "picture" in seen.names and "answered" not in seen.names,
    ),
    "inference": (lambda: [_CLIP], lambda seen: "answered" in seen.names),
    "a slow engine": (lambda: [_CLIP, "--engine", "reference"], _reference_answers),
    "paused": (lambda: [_CLIP], _paused),
    "ended": (lambda: ["SHORT"], lambda seen: seen.state(State.ENDED)),
    "failed": (lambda: ["/nowhere.mp4"], lambda seen: seen.state(State.FAILED)),
    "swapping": (lambda: [_CLIP], _swapping),
    "an engine hangs": (lambda: [_CLIP], _hanging),
    "an engine was abandoned": (lambda: [_CLIP], _abandoned),
    "loading hangs": (lambda: [_CLIP], _loading_hangs),
    "an engine raises": (lambda: [_CLIP], _raising),
    "the worker raises": (lambda: [_CLIP], _worker_raising),
    **exit_recording.STATES,
}


def _drive(window: MainWindow, reached: Callable[[Seen], bool], closing: bool) -> None:
    seen = Seen(window)
    timer = QTimer(window, interval=_POLL_MS)

    def look() -> None:
        if not reached(seen):
            return
        timer.stop()
        children = [child.pid for child in psutil.Process().children(recursive=True)]
        print(json.dumps({"reached": True, "children": children}), flush=True)
        if closing:
            window.close()

    timer.timeout.connect(look)
    timer.start()


def run(state: str, closing: bool, short_video: str | None) -> int:
    """Bring the window into a state; returns its exit code."""
    make_arguments, reached = STATES[state]
    manners.install()
    if state == "a slow engine":
        _watch_reference()

    class Driven(MainWindow):
        def start(self) -> None:
            _drive(self, reached, closing)
            if state == "loading hangs":
                manners.hangs_at_load = True
            super().start()

    run_window.MainWindow = Driven  # type: ignore[misc]
    arguments = [short_video or "" if a == "SHORT" else a for a in make_arguments()]
    return main(arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2] == "close", (sys.argv[3:] or [None])[0]))
