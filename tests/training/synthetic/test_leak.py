"""The one-frame classifier sees a cue where there is one, and guesses where there is none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from training.synthetic import leak
from training.synthetic.leak import Leak, leak_table


def test_only_the_order_of_frames_tells_which_way() -> None:
    """A bright block wanders to the right (1) or to the left (0)."""
    pixels = np.zeros((32, 2, 80, 80), np.uint8)
    labels = np.arange(32) % 2
    for clip, label, y in zip(pixels, labels, np.arange(32) % 40 + 10, strict=True):
        for frame, x in zip(clip, (15, 50) if label else (50, 15), strict=True):
            frame[y : y + 20, x : x + 15] = 250
    single, repeated = pixels.reshape(-1, 1, 80, 80), labels.repeat(2)
    assert leak._accuracy(pixels, labels, pixels, labels) > 0.9
    assert leak._accuracy(single, repeated, single, repeated) == pytest.approx(0.5, abs=0.2)
    # And where there is a cue in the frame itself, it is found.
    assert leak._accuracy(pixels[:, :1], labels, pixels[:, :1], labels) > 0.9


def test_clips_are_drawn_from_the_planned_runs() -> None:
    clips = leak._render(0, 1, 1, 1.0, frozenset(("opening_laptop", "closing_laptop")))
    for own in clips.values():
        assert own
        assert all(clip.shape == (8, 80, 80) and clip.dtype == np.uint8 for clip in own)
        assert all((clip[0] != clip[-1]).any() for clip in own)


def test_the_table_names_each_pair() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(leak_table([Leak(("eating", "drinking"), 0.52, 0.9, 40)]))
    said = console.export_text()
    assert all(word in said for word in ("eating / drinking", "52%", "90%", "40"))
