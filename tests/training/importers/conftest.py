from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from core.engines import load_engine
from core.modelfile import Model, load_model
from tests.training.importers.published import to_network
from training.__main__ import main

Numbers = Callable[[np.ndarray], np.ndarray]

DEMO = Path(__file__).resolve().parents[3] / "assets" / "demo" / "cabin.mp4"


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Model]:
    """`imported(content, *options)`: what torch.save writes, through the command and back."""

    def run(content: object, *options: str, legacy: bool = False) -> Model:
        path, out = tmp_path / "checkpoint.pth", tmp_path / "made" / "model.safetensors"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        assert main(["import", str(path), "--out", str(out), *options]) == 0
        return load_model(out)

    return run


@pytest.fixture
def same_logits() -> Callable[..., None]:
    """`same_logits(model, network, numbers, clip=None, engine="openvino")`: within 1e-4."""

    def check(
        model: Model,
        network: Callable[[torch.Tensor], torch.Tensor],
        numbers: Numbers,
        clip: np.ndarray | None = None,
        engine: str = "openvino",
    ) -> None:
        if clip is None:
            random = np.random.default_rng(7)
            clip = random.integers(0, 256, model.clip.clip_shape, np.uint8)
        with torch.no_grad():
            expected = network(to_network(clip, numbers))[0].numpy()
        got = load_engine(model, engine, 1).logits(clip)
        assert np.ptp(expected) > 0.1
        assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()

    return check


@pytest.fixture
def video(shared_clip, write_video, tmp_path: Path) -> Callable[[str], Path]:
    """The grey demonstration clip, one of many colours that is wider than high, or a recording."""

    def find(name: str) -> Path:
        if name == "demo":
            return DEMO
        if name != "coloured":
            return shared_clip(name)
        random = np.random.default_rng(2)
        coarse = random.integers(0, 256, (100, 5, 9, 3), np.uint8)
        images = [cv2.resize(image, (144, 80), interpolation=cv2.INTER_CUBIC) for image in coarse]
        return write_video(tmp_path / "coloured.mp4", images)

    return find
