"""Draws the set of pictures in docs/screenshots: `python tests/screenshots.py [NAME …]`.

The scene with a teacher wants the file of a trained I3D (`--teacher FILE`) and is left out without:
none is bundled, because of its 50 MB. Each scene runs in a process of its own, because Qt takes its
scale when it starts. A quiet machine gives the truest figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
ASSETS = REPOSITORY / "assets"
CLIP = ASSETS / "demo" / "cabin.mp4"
TRUTH = ASSETS / "demo" / "cabin.csv"
_LARGEST_BYTES = 300_000
_PATIENCE_S = 120.0
# Fewer colours are taken until the file is small enough.
_COLOURS, _GREYS = (256, 128, 64), 24


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One picture: how large, in which theme, and what is done before it is taken."""

    play: Callable[[Stage], None]
    size: tuple[int, int] = (1600, 900)
    scale: int = 1
    theme: str = "dark"
    camera: bool = False
    teacher: bool = False


class Stage:
    """The real window on the bundled models, and ways to wait for what it shows."""

    def __init__(self, scene: Scene, folder: Path, teacher: Path | None) -> None:
        from app.application import make_application
        from app.main_window import MainWindow
        from app.options import WindowOptions
        from core.camera import LiveSource

        self.application = make_application()
        models = ASSETS / "models"
        self.window = MainWindow(
            WindowOptions(
                source=None,
                annotations=None,
                int8=models / "cabin_int8.safetensors",
                fp32=models / "cabin_fp32.safetensors",
                teacher=teacher if scene.teacher else None,
                settings_path=folder / "incab.ini",
            ),
            ClipCamera() if scene.camera else LiveSource,
        )
        self.window.settings.hint_seen = True
        self.window.appearance.choose(scene.theme)
        self.window.resize(*scene.size)
        self.window.show()
        self.window.start()
        self.until(lambda: not self.window.session.answers.loading_models)

    def until(self, true: Callable[[], bool]) -> None:
        """Let the window live until something is true."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while not true():
            if time.monotonic() > deadline_s:
                raise TimeoutError("the window did not come so far in time")
            self.application.processEvents()
            time.sleep(0.002)

    def rest(self, seconds: float) -> None:
        """Let the window live for a while."""
        end_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end_s)

    def watch(self, seconds: float) -> None:
        """Play the bundled clip with its truth until this moment of it."""
        from app.state import State

        window = self.window
        window.open(CLIP, TRUTH)
        self.until(
            lambda: (
                window.session.state is State.ENDED
                or (
                    (picture := window.widgets.video.picture) is not None
                    and picture.frame.time_s >= seconds
                )
            )
        )

    def open(self, *docks: str) -> None:
        """Show parts that are closed at first."""
        for name in docks:
            self.window.docks.all[name].toggle()

    def save(self, path: Path) -> None:
        """Take the picture, in few colours."""
        self.rest(0.3)
        self.window.session.refresh_numbers()
        self.application.processEvents()
        image = self.window.grab().toImage().convertToFormat(_format("Format_RGB888"))
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
        pixels = pixels[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
        for colours in _COLOURS:
            _indexed(pixels, image, colours).save(str(path), "PNG", 0)
            if path.stat().st_size <= _LARGEST_BYTES:
                break


class ClipCamera:
    """A camera that shows the bundled clip, and then nothing more."""

    seconds = 6.0

    def __init__(self) -> None:
        self.started_s: float | None = None
        self.opening_since_s = time.perf_counter()
        self._index = 0
        self._reader: cv2.VideoCapture | None = None

    def __call__(self, address: int | str) -> ClipCamera:
        self._reader = cv2.VideoCapture(str(CLIP))
        self._reader.set(cv2.CAP_PROP_POS_FRAMES, 900)
        return self

    def read(self, timeout_s: float) -> object:
        from core.video import Frame

        now_s = time.perf_counter()
        if self.started_s is None:
            self.started_s = now_s
        due_s = self.started_s + self._index / 30
        if due_s - self.started_s > self.seconds or self._reader is None:
            time.sleep(timeout_s)
            return None
        time.sleep(max(0.0, min(due_s - now_s, timeout_s)))
        good, image = self._reader.read()
        if not good:
            return None
        self._index += 1
        picture = np.ascontiguousarray(image[:, :, ::-1])
        return Frame(picture, due_s - self.started_s, self._index - 1)

    def close(self) -> None:
        """There is nothing to give back."""


# -- scenes ------------------------------------------------------------------------------------


def _replay(stage: Stage) -> None:
    stage.watch(25.0)


def _whole(stage: Stage) -> None:
    stage.open("classes")
    stage.watch(44.0)
    stage.window.session.toggle_play()
    stage.window.widgets.timeline.zoom_by(0.5)


def _welcome(stage: Stage) -> None:
    stage.window.hint.open()


def _camera_lost(stage: Stage) -> None:
    stage.window.open(0)
    said = stage.window.widgets.video.accessibleDescription
    stage.until(lambda: "3 s" in said())


def _uncertain(stage: Stage) -> None:
    stage.open("decisions")
    # Stricter than usual, so that a moment in between two activities is one of doubt.
    stage.window.docks.decisions.spins["leave_threshold"].setValue(80)
    stage.watch(28.4)
    panel = stage.window.widgets.panels["int8"]
    stage.until(lambda: panel.activity.text == "uncertain")
    stage.window.session.toggle_play()


def _alerts(stage: Stage) -> None:
    stage.open("alerts")
    rules = stage.window.docks.alerts
    rules.add.trigger()
    rules.rows[-1].activity.setCurrentIndex(rules.rows[-1].activity.findData("preparing_food"))
    rules.rows[-1].after.setValue(2.0)
    stage.watch(12.0)
    stage.until(lambda: rules.log.count() > 0)


def _compare(stage: Stage) -> None:
    stage.watch(8.0)
    stage.window.window_actions.compare.trigger()


def _teacher(stage: Stage) -> None:
    panel = stage.window.widgets.panels["teacher"]
    stage.until(lambda: "teacher" in stage.window.session.answers.engines)
    stage.watch(25.0)
    stage.until(lambda: panel.activity.text not in ("", "warming up"))


def _keys(stage: Stage) -> None:
    stage.watch(5.0)
    stage.window.cheat_sheet.toggle()


SCENES = {
    "dark": Scene(play=_replay),
    "light": Scene(play=_replay, theme="light"),
    "1280x720": Scene(play=_replay, size=(1280, 720)),
    "4k": Scene(play=_replay, size=(1920, 1080), scale=2),
    "replay_with_truth": Scene(play=_whole),
    "welcome": Scene(play=_welcome, size=(1280, 720)),
    "camera_lost": Scene(play=_camera_lost, size=(1280, 720), camera=True),
    "uncertain": Scene(play=_uncertain, size=(1280, 720)),
    "alerts": Scene(play=_alerts, size=(1280, 720), theme="light"),
    "compare": Scene(play=_compare, size=(1280, 720)),
    "teacher": Scene(play=_teacher, teacher=True),
    "keys": Scene(play=_keys, size=(1280, 720)),
}


# -- files -------------------------------------------------------------------------------------


def _format(name: str) -> object:
    from PySide6.QtGui import QImage

    return getattr(QImage.Format, name)


def _indexed(pixels: np.ndarray, image: object, colours: int) -> object:
    """The picture in its most frequent colours and some greys."""
    coarse = (pixels >> 3).astype(np.uint16)
    keys = (coarse[..., 0] << 10) | (coarse[..., 1] << 5) | coarse[..., 2]
    found, counts = np.unique(keys, return_counts=True)
    frequent = found[np.argsort(-counts)[: colours - _GREYS]]
    table = []
    for key in frequent:
        # The colour that is really there most often, so that flat areas stay exact.
        here = pixels[keys == key][:20_000]
        exact, times = np.unique(here, axis=0, return_counts=True)
        red, green, blue = (int(part) for part in exact[times.argmax()])
        table.append(0xFF000000 | red << 16 | green << 8 | blue)
    table += [0xFF000000 | level * 0x010101 for level in np.linspace(0, 255, _GREYS, dtype=int)]
    from PySide6.QtCore import Qt

    return image.convertToFormat(
        _format("Format_Indexed8"), table, Qt.ImageConversionFlag.ThresholdDither
    )


def draw(name: str, folder: Path, teacher: Path | None) -> None:
    """Draw one scene in this process."""
    with tempfile.TemporaryDirectory(prefix="incab-") as settings:
        stage = Stage(SCENES[name], Path(settings), teacher)
        try:
            SCENES[name].play(stage)
            stage.save(folder / f"{name}.png")
        finally:
            stage.window.close()


def main() -> int:
    """Draw all scenes, or those that are named."""
    parser = argparse.ArgumentParser(description="Draw the pictures of the window.")
    parser.add_argument("names", nargs="*", choices=[*SCENES, []], metavar="NAME")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "docs" / "screenshots")
    parser.add_argument("--teacher", type=Path, help="a trained I3D, for the scene with a teacher")
    parser.add_argument("--here", action="store_true", help="in this process; for one scene")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in given.names or SCENES:
        if SCENES[name].teacher and given.teacher is None:
            print(f"{name}: left out; --teacher names no file")
            continue
        if given.here:
            draw(name, given.folder, given.teacher)
            continue
        command = [sys.executable, __file__, name, "--here", "--folder", str(given.folder)]
        if given.teacher is not None:
            command += ["--teacher", str(given.teacher)]
        screen = {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(REPOSITORY)}
        scale = {"QT_SCALE_FACTOR": str(SCENES[name].scale)}
        subprocess.run(command, env=os.environ | screen | scale, check=True)
        size = (given.folder / f"{name}.png").stat().st_size
        print(f"{name}: {size / 1000:.0f} kB")
        if size > _LARGEST_BYTES:
            print(f"{name} is larger than {_LARGEST_BYTES / 1000:.0f} kB", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
