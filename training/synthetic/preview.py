"""A contact sheet of all activities, to be looked at by a person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from core.activities import ACTIVITIES
from core.errors import DataError
from training.synthetic.choreography import sample_span_s
from training.synthetic.people import generator, sample_person
from training.synthetic.schedule import Segment
from training.synthetic.session import SessionRenderer

_SHOTS, _COLUMNS = 5, 2
_FPS = 30.0
# Drawn larger, so that they look as they do in videos.
_RENDERED_PX, _SHOWN_PX, _TITLE_PX = 256, 160, 14


def write_contact_sheet(path: Path, seed: int, person: int, view: str, difficulty: float) -> None:
    """Write a PNG with a row of frames for each activity, in class order.

    Raises:
        DataError: the picture cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise DataError(f"The contact sheet {path} must end in .png.")
    cells = []
    for activity in ACTIVITIES:
        row = _strip(activity.name, seed, person, view, difficulty)
        title = np.full((_TITLE_PX, row.shape[1]), 255, np.uint8)
        cv2.putText(
            title, activity.name, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA
        )
        cells.append(np.vstack([title, row]))
    while len(cells) % _COLUMNS:
        cells.append(np.full_like(cells[0], 255))
    per_column = len(cells) // _COLUMNS
    sheet = np.hstack(
        [np.vstack(cells[c * per_column : (c + 1) * per_column]) for c in range(_COLUMNS)]
    )
    if not cv2.imwrite(str(path), sheet):
        raise DataError(f"Cannot write the contact sheet {path}; check that its folder exists.")


def _strip(activity: str, seed: int, person: int, view: str, difficulty: float) -> np.ndarray:
    """Frames spread over one instance of the activity, side by side."""
    rng = generator(seed, person, 19)
    span = round(sample_span_s(activity, sample_person(seed, person), rng) * _FPS)
    schedule: tuple[Segment, ...] = ((activity, 0, span),)
    renderer = SessionRenderer(
        seed,
        person,
        1,
        fps=_FPS,
        size=_RENDERED_PX,
        view=view,
        difficulty=difficulty,
        schedule=schedule,
    )
    shots = [renderer.frame(int(i)) for i in np.linspace(0.04, 0.98, _SHOTS) * (span - 1)]
    size = (_SHOWN_PX, _SHOWN_PX)
    return np.hstack([cv2.resize(shot, size, interpolation=cv2.INTER_AREA) for shot in shots])
