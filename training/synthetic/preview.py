"""A contact sheet of all activities, to be looked at by a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from core.activities import ACTIVITIES
from core.errors import DataError
from training.synthetic.choreography import sample_span_s
from training.synthetic.people import generator, sample_person
from training.synthetic.schedule import Segment
from training.synthetic.session import SessionRenderer

_TITLE_PX = 14


def activity_strip(
    activity: str,
    seed: int,
    person: int,
    view: str = "inner_mirror",
    shots: int = 5,
    size: int = 256,
    fps: float = 30.0,
    difficulty: float = 1.0,
) -> list[np.ndarray]:
    """`shots` frames uint8 [size, size] spread over one instance of the activity."""
    rng = generator(seed, person, 19)
    span = round(sample_span_s(activity, sample_person(seed, person), rng) * fps)
    schedule: tuple[Segment, ...] = ((activity, 0, span),)
    renderer = SessionRenderer(
        seed, person, 1, fps=fps, size=size, view=view, difficulty=difficulty, schedule=schedule
    )
    return [renderer.frame(int(i)) for i in np.linspace(0.04, 0.98, shots) * (span - 1)]


def write_contact_sheet(
    path: Path | str,
    seed: int = 0,
    person: int = 1,
    view: str = "inner_mirror",
    *,
    activities: Sequence[str] | None = None,
    shots: int = 5,
    size: int = 160,
    columns: int = 2,
    difficulty: float = 1.0,
) -> None:
    """Write a PNG with a row of frames for each activity, in class order.

    Raises:
        DataError: the picture cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise DataError(f"The contact sheet {path} must end in .png.")
    chosen = [a for a in ACTIVITIES if activities is None or a.name in activities]
    cells = []
    for activity in chosen:
        strip = activity_strip(activity.name, seed, person, view, shots, difficulty=difficulty)
        row = np.hstack([cv2.resize(f, (size, size), interpolation=cv2.INTER_AREA) for f in strip])
        title = np.full((_TITLE_PX, row.shape[1]), 255, np.uint8)
        cv2.putText(
            title, activity.name, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA
        )
        cells.append(np.vstack([title, row]))
    while len(cells) % columns:
        cells.append(np.full_like(cells[0], 255))
    per_column = len(cells) // columns
    sheet = np.hstack(
        [np.vstack(cells[c * per_column : (c + 1) * per_column]) for c in range(columns)]
    )
    if not cv2.imwrite(str(path), sheet):
        raise DataError(f"Cannot write the contact sheet {path}; check that its folder exists.")
