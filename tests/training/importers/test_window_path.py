"""What the window does: decode, RollingClip, engine; against the published way from the frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.clip import RollingClip
from core.modelfile import Model
from core.video import VideoFile
from tests.training.importers.published import MobileNet, minus_means, randomise, signed

DEMO = Path(__file__).resolve().parents[3] / "assets" / "demo" / "cabin.mp4"


def rolled(path: Path, model: Model, frames: int = 130) -> tuple[np.ndarray, list[np.ndarray]]:
    """The clip that ends with a frame, and the frames it is made of as they were decoded."""
    rolling, images = RollingClip(model.clip), {}
    with VideoFile(path) as video:
        for frame in video:
            rolling.push(frame)
            images[frame.index] = frame.image
            if frame.index >= frames and rolling.ready:
                break
    clip = rolling.clip()
    assert clip is not None
    return clip.pixels, [images[index] for index in clip.frame_indices]


def published_clip(images: list[np.ndarray], size: int, crop: int, square: bool) -> np.ndarray:
    """Frames in OpenCV's order, resized and cut as the published code does."""
    made = []
    for image in images:
        height, width = image.shape[:2]
        if square:
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            image = image[top : top + side, left : left + side]
        shrinks = min(image.shape[:2]) >= size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        if image.shape[:2] != (size, size):
            image = cv2.resize(image, (size, size), interpolation=how)
        start = (size - crop) // 2
        made.append(image[start : start + crop, start : start + crop, ::-1])
    return np.stack(made)


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


@pytest.mark.parametrize("name", ["demo", "coloured", "carphone.mp4", "webcam_gesture.mkv"])
def test_a_kinetics_student_in_front_of_a_real_clip(
    name: str, video: Callable[[str], Path], imported, same_logits
) -> None:
    network = randomise(MobileNet(600, 0.25))
    model = imported({"state_dict": network.state_dict()})
    pixels, images = rolled(video(name), model, frames=60)
    expected = published_clip(images, 112, 112, square=True)
    assert len(images) == 16
    assert np.array_equal(pixels, expected)
    same_logits(model, network, minus_means, expected)


@pytest.mark.parametrize("name", ["demo", "coloured", "carphone.mp4"])
def test_the_papers_student_in_front_of_a_real_clip(
    name: str, video: Callable[[str], Path], imported, same_logits
) -> None:
    network = randomise(MobileNet(34, 0.25))
    model = imported({"student_model_state_dict": network.state_dict()})
    pixels, images = rolled(video(name), model)
    expected = published_clip(images, 256, 224, square=False)
    assert np.array_equal(pixels, expected)
    same_logits(model, network, signed, expected)
