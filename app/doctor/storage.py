"""Whether there is room, and whether InCab may write where it wants to remember things."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from app.doctor.finding import Finding
from app.log import LOG_FOLDER, log_folder
from core.prober import CACHE_FOLDER, cache_path

# A session of eight hours takes about this; the cache and the log take a few MB.
FEW_MB = 500
_TOO_FEW_MB = 20


def examine_folders() -> list[Finding]:
    """The folders of the cache and of the log."""
    return [
        _examine("Cache folder", cache_path().parent, CACHE_FOLDER),
        _examine("Log folder", log_folder(), LOG_FOLDER),
    ]


def _examine(subject: str, folder: Path, variable: str) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free_mb = shutil.disk_usage(folder).free / 1e6
    except OSError as error:
        return Finding(
            subject,
            "bad",
            f"{folder} cannot be written to ({error.strerror or error}); set ${variable} to a "
            "folder that can.",
        )
    where = f"{folder}, {free_mb / 1000:.1f} GB free"
    if free_mb < _TOO_FEW_MB:
        return Finding(subject, "bad", f"{where}: the disk is full; make room.")
    if free_mb < FEW_MB:
        return Finding(subject, "note", f"{where}: too little for a long recording.")
    return Finding(subject, "good", f"{where}.")
