"""Every command of one program, one after the other in this process, on inputs as small as can be.

python -m tests.robustness.offline_commands incab|incab-train FOLDER

The folder holds what tests/robustness/test_no_network.py put there. Prints a line of JSON: how
each command ended, how long it took, and every address that Python code wanted to reach.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from unittest import mock

Main = Callable[[list[str]], int]

# What Python code does with a socket that is not yet one of this machine's own kind.
_EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind")
_NAME_EVENTS = ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request")

INCAB = ("replay", "sessions list", "sessions show", "sessions export", "demo", "doctor", "bench",
         "window")  # fmt: skip
INCAB_TRAIN = ("synthesize", "inspect", "prepare", "bench-store", "fit", "quantize", "evaluate",
               "agree", "export onnx", "export openvino", "import", "reproduce",
               "report")  # fmt: skip


def listen(reached: list[str]) -> None:
    """From now on note what Python code wants of the network; cannot be undone."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        # Addresses of Unix sockets are paths.
        if event in _EVENTS and isinstance(arguments[-1], tuple):
            reached.append(f"{event} {arguments[-1]}")
        elif event in _NAME_EVENTS:
            reached.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)


def incab(folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """The commands of the application."""
    from app import resources

    resources.INT8_MODEL, resources.FP32_MODEL = (
        folder / "int8.safetensors",
        folder / "fp32.safetensors",
    )
    resources.DEMO_CLIP, resources.DEMO_ANNOTATIONS = folder / "drive.mp4", folder / "drive.csv"
    # Their options take the models from `resources` when they are imported.
    import app.__main__ as program
    from app.commands import demo

    demo._PICTURE_AFTER_S = 0.5
    # The window and the demo end their process, and with it what is to be told here.
    mock.patch.object(program, "end_at_once", _end).start()
    video, session = str(folder / "drive.mp4"), str(folder / "drive.sqlite")
    lines = {
        "replay": ["replay", video, "--out", session],
        "sessions list": ["sessions", "list", str(folder)],
        "sessions show": ["sessions", "show", session],
        "sessions export": ["sessions", "export", session, "--out", str(folder / "drive.json")],
        "demo": ["demo", "--picture", str(folder / "demo.png")],
        "doctor": ["doctor"],
        "bench": ["bench", "--quick"],
    }
    for name in INCAB:
        if name == "window":
            yield name, lambda: _window(program.main, video)
        else:
            yield name, lambda name=name: _status(program.main, lines[name])


class _Ended(Exception):
    """Instead of the end of the process."""


def _end(status: int) -> NoReturn:
    raise _Ended(status)


def _status(main: Main, line: list[str]) -> int:
    try:
        return main(line)
    except _Ended as ended:
        return ended.args[0]


def _window(main: Main, video: str) -> int:
    from PySide6.QtCore import QTimer

    from app import run_window
    from app.main_window import MainWindow

    class ClosedAtTheFirstAnswer(MainWindow):
        def start(self) -> None:
            self.session.answers.answered.connect(lambda _: self.close())
            # Should none come, that is for the test to notice.
            QTimer.singleShot(60_000, self.close)
            self.session.problem.connect(lambda _: self.close())
            super().start()

    mock.patch.object(run_window, "MainWindow", ClosedAtTheFirstAnswer).start()
    return _status(main, [video])


def incab_train(folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """The commands of the training package."""
    import pytest
    import torch

    from tests.training.conftest import TINY
    from tests.training.reproduce.test_reproduce import use_tiny_rows
    from training import hardware
    from training.__main__ import main

    hardware.keep_freed_memory = lambda: None
    # The rows of the tables as runs of a second.
    use_tiny_rows(TINY, pytest.MonkeyPatch())
    cabin, data, run = (str(folder / name) for name in ("cabin", "store", "run"))
    int8, fp32 = (str(folder / f"{name}.safetensors") for name in ("int8", "fp32"))
    recipe = folder / "tiny.toml"
    recipe.write_text(
        "width_multiplier = 0.125\nresize = 36\ncrop = 32\nepochs = 1\nclips_per_epoch = 4\n"
        "batch_size = 4\n"
    )
    from core.activities import ACTIVITY_NAMES
    from tests.training.importers.published import MobileNet, randomise

    checkpoint, labels = folder / "published.pth", folder / "labels.txt"
    labels.write_text("\n".join(ACTIVITY_NAMES))
    torch.save(randomise(MobileNet(len(ACTIVITY_NAMES), 0.125)).state_dict(), checkpoint)
    threads = ["--threads", "1"]
    small = ["--people", "3", "--minutes", "0.1", "--fps", "5", "--workers", "1"]
    made = ["--labels", str(labels), "--out", str(folder / "imported.safetensors")]
    trained = str(folder / "run" / "model.safetensors")
    lines = {
        "synthesize": ["synthesize", cabin, *small],
        "inspect": ["inspect", cabin],
        "prepare": ["prepare", cabin, data, "--workers", "1"],
        "bench-store": ["bench-store", cabin, data, "--clips", "2"],
        "fit": ["fit", str(recipe), "--data", data, "--out", run, "--workers", "1", *threads],
        "quantize": ["quantize", run, "--data", data, "--out", str(folder / "ptq.safetensors"),
                     "--clips", "2", *threads],
        "evaluate": ["evaluate", trained, "--data", data, *threads],
        "agree": ["agree", int8, fp32, "--video", str(folder / "drive.mp4"), "--clips", "1",
                  *threads],
        "export onnx": ["export", int8, "--format", "onnx", "--out", str(folder / "a.onnx"),
                        *threads],
        "export openvino": ["export", int8, "--format", "openvino", "--out",
                            str(folder / "a.xml"), *threads],
        "import": ["import", str(checkpoint), *made],
        "reproduce": ["reproduce", "--data", data, "--out", str(folder / "paper"), "--splits", "0",
                      "--tables", "2", *threads],
        "report": ["report", str(folder / "paper")],
    }  # fmt: skip
    for name in INCAB_TRAIN:
        yield name, lambda name=name: main(lines[name])


def run(program: str, folder: Path) -> dict[str, object]:
    """Run them all; what became of them."""
    reached: list[str] = []
    listen(reached)
    ends: dict[str, dict[str, object]] = {}
    for name, command in (incab if program == "incab" else incab_train)(folder):
        said = io.StringIO()
        began_s = time.monotonic()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = command()
        ends[name] = {"code": code, "seconds": round(time.monotonic() - began_s, 1),
                      "said": said.getvalue()[-400:]}  # fmt: skip
    return {"ends": ends, "reached": reached}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]))))
