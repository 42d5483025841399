"""Small Drive&Act roots made by hand, and a store tiny enough to train on in a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from tests.training.roots import HandMadeRoot, Scene, make_scene
from training.config import Recipe
from training.export import export_run
from training.loop import fit
from training.prepare import prepare
from training.run import Run
from training.store import Store

TINY = Recipe(
    width_multiplier=0.125,
    resize=36,
    crop=32,
    epochs=2,
    batch_size=4,
    learning_rate=0.05,
    nesterov=True,
    decay_all=False,
    largest_gradient_norm=5.0,
    schedule="one-cycle",
    dropout=0.2,
    freeze_batch_norm_epoch=1,
    freeze_observers_epoch=1,
    flip_probability=0.0,
)


@pytest.fixture(scope="session")
def scene() -> Scene:
    """Makes frames that all differ."""
    return make_scene


@pytest.fixture
def hand_made_root(tmp_path: Path) -> Callable[..., HandMadeRoot]:
    def make(view: str = "inner_mirror", name: str = "driveact") -> HandMadeRoot:
        return HandMadeRoot(tmp_path / name, view)

    return make


@pytest.fixture
def quiet() -> Console:
    return Console(quiet=True)


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """A recipe for 32-pixel clips; a run takes a few seconds."""
    return TINY


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Five people, two activities that brightness tells apart; 12 train, 4 val and 4 test clips."""
    root = HandMadeRoot(tmp_path_factory.mktemp("tiny") / "root")
    activities = ("eating", "writing")
    for person in range(1, 6):
        run = f"vp{person}/run1"
        images: list[NDArray[np.uint8]] = []
        for number in range(4):
            activity = activities[number % 2]
            root.chunk(run, len(images), len(images) + 20, activity)
            bright = activity == "writing"
            base = make_scene(20, (64, 64), colour=False, seed=person)
            images += [image // 2 + (100 if bright else 0) for image in base]
        root.video(run, images)
    root.annotate()
    root.split(0, ("vp1", "vp2", "vp3"), ("vp4",), ("vp5",))
    root.split(1, ("vp3", "vp4", "vp5"), ("vp1",), ("vp2",))
    return prepare(root.path, root.path.with_name("store"), report=lambda line: None)


@pytest.fixture(scope="session")
def finished(tiny_store: Store, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished float run with its model file; nobody changes it."""
    recipe = replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps")
    run = Run(recipe, tiny_store, tmp_path_factory.mktemp("f") / "a", threads=1)
    fit(run, Console(quiet=True))
    export_run(run, 1)
    return run.out


@pytest.fixture
def start(finished: Path, tmp_path: Path) -> Path:
    """A finished float run of the test's own."""
    return shutil.copytree(finished, tmp_path / "start")


@pytest.fixture(autouse=True)
def _one_thread():
    """What a run sets for the whole process is undone. One thread, for the machine is shared."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    cv2_threads = cv2.getNumThreads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    cv2.setNumThreads(cv2_threads)
    torch.set_rng_state(state)
