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
    path = folder / f"{stem}{ending}"
    return following_name(path) if path.exists() else path


def following_name(path: Path) -> Path:
    """The next name after `path` that is not taken: drive_2.sqlite, drive_3.sqlite."""
    for number in itertools.count(2):
        following = path.with_name(f"{path.stem}_{number}{path.suffix}")
        if not following.exists():
            return following
    raise AssertionError
