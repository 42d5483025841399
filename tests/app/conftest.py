"""The real window on tiny models, short videos and a fake camera."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QDeadlineTimer
from pytestqt.qtbot import QtBot

import app.inference
from app import model_runner, model_worker
from app.application import make_application
from app.inference import Inference
from app.main_window import MainWindow
from app.messages import Slot
from app.model_choice import ModelChoice
from app.options import WindowOptions
from app.session import Session
from app.sources import Address
from core import engine_choice
from core.engines.reference import ReferenceEngine
from core.errors import EngineError
from core.modelfile import load_model, save_model
from core.prober import Prober
from tests.app import inferences, sessions
from tests.app.doubles import (
    FakeCamera,
    FakeTrial,
    float_network,
    int8_network,
    tiny_model,
    write_video,
)
from tests.app.inferences import StartInference
from tests.app.rigs import STOPS_WITHIN_MS, MakeRig, Rig
from tests.app.sessions import MakeSession
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
def video(write_video: Callable[..., Path], tmp_path: Path) -> Path:
    """vp1/run1.ids_1.mp4: 30 frames of noise that grows brighter, 64×48 at 30 fps."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 40 + 7 * i, (48, 64, 3), np.uint8) for i in range(30)]
    (tmp_path / "vp1").mkdir()
    return write_video(tmp_path / "vp1" / "run1.ids_1.mp4", images)


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
    )


@pytest.fixture
def make_window(
    qtbot: QtBot, options: WindowOptions, camera: FakeCamera
) -> Iterator[Callable[..., MainWindow]]:
    """Makes the real window, started; all are closed in the end."""
    windows: list[MainWindow] = []

    def make(*, start: bool = True, loop: bool = False, **changes: object) -> MainWindow:
        window = MainWindow(replace(options, **changes), open_live=camera)
        windows.append(window)
        qtbot.addWidget(window)
        if loop:
            window.widgets.transport_actions.loop.setChecked(True)
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


@pytest.fixture
def make_session(
    qtbot: QtBot, camera: FakeCamera, models: dict[Slot, Path]
) -> Iterator[MakeSession]:
    """Makes sessions on both tiny models and the fake camera, ready; all are stopped in the end."""
    made: list[Session] = []

    def make(*, ready: bool = True) -> tuple[Session, sessions.Log]:
        session = Session(Inference(ModelChoice.of(models, "openvino"), 1), camera)
        made.append(session)
        log = sessions.Log(session)
        if ready:
            with qtbot.waitSignal(session.answers.models_idle, timeout=20_000):
                session.start()
        return session, log

    yield make
    for session in made:
        session.stop()
        assert session.late(QDeadlineTimer(20_000)) == []


@pytest.fixture
def start_inference(
    qtbot: QtBot, models: dict[Slot, Path], unruly: Unruly
) -> Iterator[StartInference]:
    """Starts the tiny models on unruly engines; all are stopped in the end."""
    made: list[Inference] = []

    def start(
        engine: str = "auto", paths: dict[Slot, Path] = models
    ) -> tuple[Inference, inferences.Log]:
        inference = Inference(ModelChoice.of(paths, engine), 1, "never")
        made.append(inference)
        log = inferences.Log(inference)
        with qtbot.waitSignal(inference.idle, timeout=20_000):
            inference.start()
        return inference, log

    yield start
    unruly.release.set()
    for inference in made:
        inference.stop()
        qtbot.waitUntil(partial(inference.wait, 100), timeout=20_000)


@pytest.fixture
def rig(qtbot: QtBot, camera: FakeCamera) -> Iterator[MakeRig]:
    """Makes source workers that look at the fake camera; all are stopped in the end."""
    rigs: list[Rig] = []

    def make(address: Address, **changes: object) -> Rig:
        rigs.append(Rig(address, camera, **changes))
        return rigs[-1]

    yield make
    for made in rigs:
        made.capture.stop()
        assert made.capture.wait(STOPS_WITHIN_MS)


@pytest.fixture
def dying_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine is the reference, and together they answer 15 clips, then die."""
    answered = itertools.count(1)

    class Dies(ReferenceEngine):
        def logits(self, pixels: np.ndarray) -> np.ndarray:
            if next(answered) > 15:
                raise EngineError("The engine died.")
            return super().logits(pixels)

    monkeypatch.setattr(engine_choice, "load_engine", lambda model, *given: Dies(model.network))
