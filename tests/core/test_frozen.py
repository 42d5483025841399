from __future__ import annotations

import numpy as np
import pytest

from core.frozen import RepeatedPicture

RATE = 30


def noisy(count: int, level: int = 100, sigma: float = 1.0) -> list[np.ndarray]:
    """A scene in which nothing moves, as a sensor sees it."""
    random = np.random.default_rng(0)
    scene = np.full((48, 64, 3), level, float)
    return [
        np.clip(np.rint(scene + random.normal(0, sigma, scene.shape)), 0, 255).astype(np.uint8)
        for _ in range(count)
    ]


def longest_s(images: list[np.ndarray]) -> float:
    repeated = RepeatedPicture()
    return max(repeated.update(image, index / RATE) for index, image in enumerate(images))


def test_the_same_bytes_are_counted_from_their_first_picture() -> None:
    # A driver fills its buffers anew; equality is of bytes, not of objects.
    image = noisy(1)[0]
    assert longest_s([image.copy() for _ in range(91)]) == pytest.approx(3.0)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0])
def test_a_still_scene_of_a_noisy_camera_is_not_frozen(sigma: float) -> None:
    assert longest_s(noisy(90, sigma=sigma)) == 0


def test_one_pixel_is_enough_wherever_it_is() -> None:
    """Most of a well lit, strongly smoothed picture may be the same in the next."""
    images = [noisy(1)[0].copy() for _ in range(60)]
    for index, image in enumerate(images):
        image[17, 33, 1] = index
    assert longest_s(images) == 0


@pytest.mark.parametrize("black", [0, 16])
def test_a_covered_lens_is_not_frozen(black: int) -> None:
    assert longest_s([np.full((48, 64, 3), black, np.uint8)] * 90) == 0


def test_a_dark_picture_with_one_bright_spot_can_be_frozen() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[7, 7] = 200
    assert longest_s([image] * 90) > 2.9


def test_a_change_begins_anew() -> None:
    one, other = noisy(2)
    repeated = RepeatedPicture()
    for index in range(30):
        repeated.update(one, index / RATE)
    assert repeated.update(other, 1.0) == 0
    assert repeated.update(one, 1.1) == 0
    assert repeated.update(one, 1.2) == pytest.approx(0.1)


def test_a_silence_is_no_time_of_repeating() -> None:
    image = noisy(1)[0]
    repeated = RepeatedPicture()
    assert repeated.update(image, 0.0) == 0
    assert repeated.update(image, 0.5) == pytest.approx(0.5)
    assert repeated.update(image, 60.0) == pytest.approx(0.5)
    assert repeated.update(image, 60.5) == pytest.approx(1.0)


def test_another_size_is_another_picture() -> None:
    repeated = RepeatedPicture()
    repeated.update(np.full((40, 64, 3), 90, np.uint8), 0.0)
    assert repeated.update(np.full((48, 64, 3), 90, np.uint8), 0.5) == 0
