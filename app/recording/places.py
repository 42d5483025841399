"""Where recordings and pictures of the window go, and how they are named."""

from __future__ import annotations

import itertools
import re
from datetime import datetime
from pathlib import Path

from platformdirs import user_documents_path, user_pictures_path

SESSION_ENDING = ".sqlite"
_LONGEST_NAME = 60


def default_recordings_folder() -> Path:
    """The person's documents: a session is data, not a film."""
    return user_documents_path() / "InCab"


def default_pictures_folder() -> Path:
    """Where pictures of the window go."""
    return user_pictures_path() / "InCab"


def free_name(folder: Path, title: str, ending: str, now: datetime | None = None) -> Path:
    """A name that is not taken yet, by date and source: 2026-03-01_14-05-09_drive.sqlite."""
    now = now or datetime.now()
    plain = re.sub(r"[^\w.-]+", "_", title.removesuffix(Path(title).suffix)).strip("._")
    stem = f"{now:%Y-%m-%d_%H-%M-%S}_{plain[:_LONGEST_NAME] or 'session'}"
    for number in itertools.count(1):
        path = folder / f"{stem}{'' if number == 1 else f'_{number}'}{ending}"
        if not path.exists():
            return path
    raise AssertionError
