from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import app.bench.measure
from app.bench.measure import bench
from app.commands.bench import Bench
from core.modelfile import load_model, save_model
from tests.app.bench.helpers import ENGINES


@pytest.fixture(scope="session")
def files(networks, write_video: Callable, tmp_path_factory) -> tuple[Path, Path, Path]:
    """Small twins, of which the fp32 one knows its accuracy, and a video of one second."""
    folder = tmp_path_factory.mktemp("bench")
    int8, fp32 = networks.save_twins(folder)
    measured = replace(load_model(fp32), metrics={"test": {"mean_per_class_accuracy": 0.625}})
    save_model(measured, fp32)
    save_model(replace(load_model(int8), parent=load_model(fp32).sha256), int8)
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(30)]
    return int8, fp32, write_video(folder / "clip.mp4", images)


@pytest.fixture(scope="session")
def report(files: tuple[Path, Path, Path]) -> dict:
    """The real thing in processes of its own: the one slow fixture here."""
    int8, fp32, clip = files
    options = Bench(int8=int8, fp32=fp32, clip=clip, runs=3, threads=1, quick=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.bench.measure, "ENGINE_NAMES", ENGINES)
        return json.loads(json.dumps(bench(options)))
