from __future__ import annotations

import hashlib

import numpy as np
import pytest

from core.clip import ClipSpec
from core.golden import GOLDEN_NAMES, golden_clip

SHAPE = ClipSpec().clip_shape


@pytest.mark.parametrize(
    ("name", "shape", "digest"),
    [
        ("ordinary", SHAPE, "53d1e6b6271e7d5227b5d349a5cb2d6fa56b5085f7643353bcdfcbdc1ff26e0d"),
        ("bright", SHAPE, "20fa38ca2f81a8e1f8a720fd86bc69569319e44d5043a95fb07770783020a637"),
        (
            "ordinary",
            (2, 20, 33, 1),
            "93123836782cdc4bd251b2e29659e6bf2217a7ec496956c8392c82594253a5e1",
        ),
        (
            "bright",
            (2, 20, 33, 1),
            "6999f8a2659e9b6b9d46bd02e0a8c018fdcbd3d30978d9c899576fae76e132fe",
        ),
    ],
)
def test_golden_inputs_never_change(
    name: str, shape: tuple[int, int, int, int], digest: str
) -> None:
    """Model files in the world hold the answers to exactly these bytes."""
    clip = golden_clip(name, shape)
    assert clip.shape == shape
    assert clip.dtype == np.uint8
    assert hashlib.sha256(np.ascontiguousarray(clip).tobytes()).hexdigest() == digest


def test_the_bright_one_is_bright_with_saturated_blocks() -> None:
    clip = golden_clip("bright", SHAPE)
    assert clip.min() == 192
    assert clip.max() == 255
    saturated = (clip == 255).mean()
    assert 0.45 < saturated < 0.6
    block = clip[0, :16, :16, 0]
    assert (block == 255).all() or block.min() < 255


def test_the_ordinary_one_has_all_kinds_of_brightness_and_coarse_structure() -> None:
    clip = golden_clip("ordinary", SHAPE).astype(int)
    assert clip.min() < 10
    assert clip.max() > 245
    neighbours = np.abs(np.diff(clip, axis=2)).mean()
    strangers = np.abs(clip[:, :, 100:] - clip[:, :, :-100]).mean()
    assert neighbours < 0.6 * strangers


def test_pixels_can_be_written_to() -> None:
    """Engines and torch may want memory of their own."""
    for name in GOLDEN_NAMES:
        assert golden_clip(name, (1, 4, 4, 1)).flags.writeable


def test_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no golden input 'dark'"):
        golden_clip("dark", (1, 4, 4, 1))
