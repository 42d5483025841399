"""Where weights come from: data, software versions, and the very code that made them."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from training.frames import read_record
from training.store import Store

_CHECKOUT = Path(__file__).resolve().parents[1]


def versions() -> dict[str, str]:
    """What results may depend on, by name."""
    return {
        "incab": version("incab"),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "openvino": version("openvino"),
        "python": platform.python_version(),
    }


def git_commit(folder: Path = _CHECKOUT) -> str | None:
    """The checkout's commit, with "-dirty" behind it when files differ; None outside of one."""
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


COMMIT = git_commit()
"""The code that this process runs: as it was when it began, whatever is committed since."""


def data_fingerprint(store: Store) -> str:
    """SHA-256 over labels, chunks, splits, times, and the checksums of all frames of a store.

    A store of an InCab that kept no checksums counts with the shape of its frames instead.
    """
    digest = hashlib.sha256()
    chunks = [astuple(chunk) for chunk in store.chunks]
    digest.update(json.dumps([store.labels, chunks, store.splits], sort_keys=True).encode())
    for file_id in sorted({chunk.file_id for chunk in store.chunks}):
        record = read_record(store.folder, file_id)
        if record is None:
            digest.update(json.dumps([file_id, store.frames(file_id).shape]).encode())
            digest.update(store.times_s(file_id).tobytes())
        else:
            digest.update(json.dumps([file_id, record.sha256, record.times_sha256]).encode())
    return digest.hexdigest()
