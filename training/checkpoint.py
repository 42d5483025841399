"""What a run keeps on disk: weights and checkpoints that are whole or not there, and its recipe."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import DataError, reason_of
from core.files import replacing
from training.config import settings_of

CHECKPOINT_FILE, BEST_FILE, DESCRIPTION_FILE = "checkpoint.pt", "best.pt", "recipe.json"
MODEL_FILE = "model.safetensors"


def save(state: object, path: Path) -> None:
    """Write `state`; the file changes only when all of it is on the disk.

    Raises:
        DataError: it cannot be written, for instance because the disk is full; what the file held
            before is still there.
    """
    # In memory first: torch hides the system's reason when it writes itself.
    content = io.BytesIO()
    torch.save(state, content)
    try:
        with replacing(path) as partial:
            partial.write_bytes(content.getbuffer())
    except OSError as error:
        raise DataError(
            f"Cannot write {path} ({error.strerror}); what was saved before is kept: make room, "
            "then go on with --resume."
        ) from error


def load(path: Path) -> Any:
    """Read what `save` wrote, onto the CPU.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"{path} is damaged ({reason_of(error)}); train that run again.") from error


def load_weights(run: Path, model: nn.Module) -> None:
    """Take over the best weights of an earlier float run.

    Raises:
        DataError: there are none, or they belong to another network.
    """
    _check_trained(run)
    path = run / BEST_FILE
    state = load(path)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = reason_of(error, line=-1).strip()
        raise DataError(f"{path} does not fit this network: {reason}") from error


def _check_trained(run: Path) -> None:
    if not (run / BEST_FILE).is_file():
        raise DataError(f"{run} holds no finished epoch (no {BEST_FILE}); train it first.")


def read_description(run: Path) -> dict[str, Any]:
    """What recipe.json says of a run; empty where there is none."""
    try:
        described = json.loads((run / DESCRIPTION_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return described if isinstance(described, dict) else {}


def description_of_trained(run: Path) -> dict[str, Any]:
    """What recipe.json says of a run whose weights are to be used.

    Raises:
        DataError: there are no weights, or nothing says whom they were trained on.
    """
    _check_trained(run)
    described = read_description(run)
    if not described:
        raise DataError(
            f"{run} has no readable {DESCRIPTION_FILE}, which says whom it was trained on; "
            "train it again."
        )
    return described


def weights_sha256(trained: Path | None) -> str | None:
    """SHA-256 of a run's best weights, or of a model file."""
    if trained is None:
        return None
    path = trained if trained.is_file() else trained / BEST_FILE
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_description(run: Path, description: Mapping[str, Any]) -> None:
    """Write recipe.json."""
    with replacing(run / DESCRIPTION_FILE) as partial:
        partial.write_text(json.dumps(description, indent=2))


def check_same_run(run: Path, now: Mapping[str, Any]) -> None:
    """A run continued with other settings or people would be recorded as what it never was.

    The number of processes may change as long as each step's clips are cut into the same pieces.
    Epochs may be added where the learning rate does not depend on how many there are.

    Raises:
        DataError: something else is not what the run was begun with; all of it is named.
    """
    before = read_description(run)
    # As JSON has them: tuples are lists there.
    now = json.loads(json.dumps(now))
    ours = now["recipe"]
    changed = [
        name
        for name, value in (settings_of(before).items() if "recipe" in before else ())
        if name not in ("epochs", "accumulate") and name in ours and ours[name] != value
    ]
    given = ("split", "data", "data_fingerprint", "bfloat16", "start_sha256", "teacher_sha256")
    for name in given:
        if name in before and before[name] != now[name]:
            changed.append(name.removesuffix("_sha256"))
    for name in ("start", "teacher"):
        # Where weights lie says nothing once it is known which they are: folders may be moved.
        known = f"{name}_sha256" in before
        if not known and _resolved(before.get(name)) != _resolved(now[name]):
            changed.append(name)
    if before and _pieces(before) != _pieces(now):
        changed.append("accumulate or number of processes")
    if changed:
        raise DataError(
            f"{run} was begun with another {', '.join(changed)}; "
            "repeat the command it was begun with, or choose another --out."
        )
    epochs = before.get("recipe", {}).get("epochs", ours["epochs"])
    if ours["epochs"] < epochs or (ours["epochs"] > epochs and ours["schedule"] != "steps"):
        raise DataError(
            f"{run} was begun with {epochs} epochs; a run can be resumed with more epochs only, "
            'and only with schedule "steps": keep them, or choose another --out.'
        )


def _resolved(path: str | None) -> Path | None:
    return Path(path).resolve() if path else None


def _pieces(description: Mapping[str, Any]) -> int:
    return description["recipe"].get("accumulate", 1) * description.get("processes", 1)
