"""A recording answers for the frames that it holds, and after a jump for those between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from app.messages import ClipOffer
from app.recording.lookup import Lookup
from app.recording.reader import read_session
from app.recording.recorded_models import RecordedModels
from core.clip import Clip
from tests.app.recording.doubles import LABELS, clip, write_session


def test_after_a_jump_the_label_before_still_holds(qtbot: QtBot, tmp_path: Path) -> None:
    path = write_session(tmp_path / "s.sqlite", [clip(5, 1, 2), clip(9, 2, 2)])
    with read_session(path) as session:
        models = RecordedModels(Lookup(session))
        assert models.spec is not None
        pixels = np.zeros(models.spec.clip_shape, np.uint8)

        def asked(frame: int, generation: int) -> list[str]:
            offered = Clip(pixels, (frame,), frame / 30)
            models.offer(ClipOffer(offered, generation, 0.0, models.spec))
            return [LABELS[a.recorded.decisions["int8"].class_index] for a in models.take_answers()]

        assert asked(4, 1) == []
        # Played on: only frames that were answered speak.
        assert [asked(frame, 1) for frame in (5, 6, 7)] == [["drinking"], [], []]
        # Stepped or sought to while paused: each is a jump.
        assert [asked(frame, 2 + frame) for frame in (7, 8, 9)] == [
            ["drinking"],
            ["drinking"],
            ["eating"],
        ]
        # Long after the last clip nothing holds.
        assert asked(9 + 300, 50) == []
