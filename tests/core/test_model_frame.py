"""What the model sees of a picture: squashed, cut, and in its channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.clip import ClipSpec, centre_crop, model_frame, squash


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def test_a_picture_of_the_right_size_is_only_cut() -> None:
    image = noise(256, 256)
    np.testing.assert_array_equal(model_frame(image, ClipSpec()), image[16:240, 16:240])


@pytest.mark.parametrize("channels", ["rgb", "bgr", "grey"])
@pytest.mark.parametrize("image_channels", [1, 3])
def test_the_model_frame_is_a_copy_of_its_own(channels: str, image_channels: int) -> None:
    """Even where there is nothing to cut: the source's picture must be free to go."""
    spec = ClipSpec(resize=32, crop=32, channels=channels)
    image = noise(32, 32, image_channels)
    seen = model_frame(image, spec)
    assert seen.shape == spec.clip_shape[1:]
    assert seen.dtype == np.uint8
    assert seen.flags.c_contiguous
    assert seen.flags.writeable
    assert not np.shares_memory(seen, image)


@settings(max_examples=40)
@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.sampled_from(["rgb", "bgr", "grey"]),
    st.integers(0, 2**32 - 1),
)
def test_a_grey_picture_equals_one_with_three_equal_channels(
    height: int, width: int, channels: str, seed: int
) -> None:
    spec = ClipSpec(channels=channels)
    grey = noise(height, width, 1, seed)
    colour = np.repeat(grey, 3, axis=2)
    np.testing.assert_array_equal(squash(grey, spec), squash(colour, spec))
    np.testing.assert_array_equal(model_frame(grey, spec), model_frame(colour, spec))


def test_squash_gives_one_channel_the_answer_of_three_equal_ones() -> None:
    random = np.random.default_rng(0)
    for size in (36, 100, 128, 200, 256, 300):
        for channels in ("rgb", "bgr", "grey"):
            spec = ClipSpec(resize=size, crop=8, channels=channels)
            grey = random.integers(0, 256, (256, 256, 1), np.uint8)
            assert np.array_equal(squash(grey, spec), squash(grey.repeat(3, 2), spec)), size


def test_bgr_is_rgb_backwards() -> None:
    image = noise(300, 500)
    rgb, bgr = (model_frame(image, ClipSpec(channels=order)) for order in ("rgb", "bgr"))
    np.testing.assert_array_equal(bgr, rgb[:, :, ::-1])
    assert not np.array_equal(bgr, rgb)


@pytest.mark.parametrize(
    ("colour", "luma"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)]
)
def test_grey_weighs_red_green_and_blue_as_bt_601(colour: tuple[int, int, int], luma: int) -> None:
    image = np.full((40, 50, 3), colour, np.uint8)
    assert (model_frame(image, ClipSpec(channels="grey")) == luma).all()


def test_shrinking_averages() -> None:
    image = noise(1024, 768)
    means = image.reshape(256, 4, 256, 3, 3).mean(axis=(1, 3))
    assert np.abs(squash(image, ClipSpec()) - means).max() <= 0.5


@settings(max_examples=40)
@given(st.integers(1, 700), st.integers(1, 700), hnp.arrays(np.uint8, 3))
def test_one_colour_stays_that_colour_at_any_size(
    height: int, width: int, colour: np.ndarray
) -> None:
    image = np.broadcast_to(colour, (height, width, 3)).copy()
    assert (model_frame(image, ClipSpec()) == colour).all()


def test_squashing_keeps_up_up_and_left_left() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    image[:45, :80] = (200, 100, 50)
    seen = squash(image, ClipSpec())
    assert (seen[:120, :120] == (200, 100, 50)).all()
    assert not seen[136:].any()
    assert not seen[:, 136:].any()


def test_an_odd_rest_is_cut_the_same_everywhere() -> None:
    spec = ClipSpec(frames=2, resize=8, crop=5)
    images = noise(8, 8)[np.newaxis].repeat(2, axis=0)
    assert centre_crop(images, spec).shape == (2, 5, 5, 3)
    np.testing.assert_array_equal(centre_crop(images, spec)[0], images[0, 1:6, 1:6])
    np.testing.assert_array_equal(centre_crop(images, spec)[1], model_frame(images[1], spec))


@pytest.mark.parametrize(("height", "width"), [(48, 80), (80, 48), (64, 64), (20, 33)])
def test_keeping_the_aspect_cuts_the_longer_side(height: int, width: int) -> None:
    spec = ClipSpec(resize=32, crop=24, keep_aspect=True)
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    expected = model_frame(square, replace(spec, keep_aspect=False))
    assert np.array_equal(model_frame(image, spec), expected)
