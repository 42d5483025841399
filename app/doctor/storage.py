"""Whether there is room, and whether InCab may write where it wants to remember things."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from app.doctor.finding import Finding
from app.log import LOG_FOLDER, log_folder
from app.settings import written_folders
from core.prober import CACHE_FOLDER, cache_path

# A session of eight hours takes about this; everything else takes a few MB.
FEW_MB = 500
_TOO_FEW_MB = 20


def examine_folders() -> list[Finding]:
    """The folders of cache, log, settings, recordings and pictures."""
    chosen = written_folders()
    another = "choose another in the window's menu."
    return [
        _examine("Cache folder", cache_path().parent, f"set ${CACHE_FOLDER} to a folder that can."),
        _examine("Log folder", log_folder(), f"set ${LOG_FOLDER} to a folder that can."),
        _examine("Settings folder", chosen.settings, "nothing will be remembered."),
        _examine("Recordings folder", chosen.recordings, another, needed_mb=FEW_MB),
        _examine("Pictures folder", chosen.pictures, another),
    ]


def _examine(subject: str, folder: Path, remedy: str, needed_mb: float = 0) -> Finding:
    try:
        # The window makes a folder when it needs one; the doctor only asks whether it could.
        there = next((one for one in (folder, *folder.parents) if one.exists()), None)
        if there is None:
            # On Windows a drive may be gone as a whole.
            raise OSError(f"there is no {folder.anchor}")
        with tempfile.TemporaryFile(dir=there):
            pass
        free_mb = shutil.disk_usage(there).free / 1e6
    except OSError as error:
        return Finding(
            subject, "bad", f"{folder} cannot be written to ({error.strerror or error}); {remedy}"
        )
    where = f"{folder}, {free_mb / 1000:.1f} GB free"
    if free_mb < _TOO_FEW_MB:
        return Finding(subject, "bad", f"{where}: the disk is full; make room.")
    if free_mb < needed_mb:
        return Finding(subject, "note", f"{where}: too little for a long recording.")
    return Finding(subject, "good", f"{where}.")
