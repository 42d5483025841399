"""What the window does: decode, RollingClip, engine; against the published way from the frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.clip import RollingClip
from core.modelfile import Model
from core.video import VideoFile
from tests.training.importers.published import (
    MobileNet,
    minus_means,
    published_clip,
    randomise,
    signed,
)


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
