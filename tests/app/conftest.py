"""The real window on tiny models, short videos and a fake camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import app.inference
from app import model_runner, model_worker
from app.application import make_application
from app.main_window import MainWindow
from app.messages import Slot
from app.options import WindowOptions
from core import engine_choice
from core.modelfile import load_model, save_model
from core.prober import Prober
from tests.app.doubles import (
    FakeCamera,
    FakeTrial,
    float_network,
    int8_network,
    tiny_model,
    write_video,
)
from tests.app.unruly import Unruly


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Slot, Path]:
    """An fp32 model file and that of its int8 twin."""
    folder = tmp_path_factory.mktemp("models")
    paths: dict[Slot, Path] = {
        "int8": folder / "int8.safetensors",
        "fp32": folder / "fp32.safetensors",
    }
    save_model(tiny_model(float_network()), paths["fp32"])
    parent = load_model(paths["fp32"]).sha256
    save_model(replace(tiny_model(int8_network()), parent=parent), paths["int8"])
    return paths


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with long.mp4 (dark, then bright), brief.mp4 and blink.mp4 (shorter than a clip)."""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "long.mp4", [20] * 300 + [220] * 300)
    write_video(folder / "brief.mp4", [20] * 20 + [220] * 20)
    write_video(folder / "blink.mp4", [120] * 4)
    return folder


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera()


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTrial:
    """Engines are tried by this instead of a child, and nothing is known of them yet."""
    made = FakeTrial({"int8.safetensors": 2.0, "fp32.safetensors": 6.0})
    new = partial(Prober, path=tmp_path / "probe.json", trial=made)
    monkeypatch.setattr(model_worker, "Prober", new)
    return made


@pytest.fixture(scope="session")
def qapp() -> object:
    """The application as the product makes it."""
    return make_application()


@pytest.fixture
def options(models: dict[Slot, Path], tmp_path: Path) -> WindowOptions:
    return WindowOptions(
        source=None,
        annotations=None,
        int8=models["int8"],
        fp32=models["fp32"],
        settings_path=tmp_path / "incab.ini",
        threads=1,
        loop=False,
    )


@pytest.fixture
def make_window(
    qtbot: QtBot, options: WindowOptions, camera: FakeCamera
) -> Iterator[Callable[..., MainWindow]]:
    """Makes the real window, started; all are closed in the end."""
    windows: list[MainWindow] = []

    def make(*, start: bool = True, **changes: object) -> MainWindow:
        window = MainWindow(replace(options, **changes), open_live=camera)
        windows.append(window)
        qtbot.addWidget(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        if start:
            window.start()
        return window

    yield make
    for window in windows:
        window.close()
        assert window.ended_cleanly


@pytest.fixture
def unruly(monkeypatch: pytest.MonkeyPatch) -> Iterator[Unruly]:
    made = Unruly()
    monkeypatch.setattr(engine_choice, "load_engine", made.load)
    monkeypatch.setattr(model_runner, "RETRY_AFTER_S", (0.02, 0.02))
    # A busy machine must not look like an engine that hangs.
    monkeypatch.setattr(model_worker, "ANSWER_LIMIT_S", 2.5)
    monkeypatch.setattr(app.inference, "STALL_S", 0.3)
    yield made
    made.release.set()
