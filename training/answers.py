"""A teacher's answers to D fixed draws of every training chunk, computed once and kept.

I3D costs ten times what the student costs; asked anew about every clip of every epoch it would take
most of the time. Clip n of a chunk depends on the chunk, n and the recipe's draws_seed only, so
teacher and student see the same frames, crop and flip although the teacher answered long ago.

    <teacher's run>/answers-<12 hex>.safetensors   (a teacher that is a file: in the student's run)

The name is the beginning of a fingerprint of everything that the answers depend on: the teacher's
weights, data, split, what a clip is and how it is drawn, number and seed of the draws, and a sample
of the drawn pixels themselves, so that another version of a library cannot pass unnoticed.

Legend: N chunks, D draws, K classes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from core.errors import DataError
from core.files import replacing
from training.dataset import ChunkDataset
from training.hardware import as_input
from training.processes import Processes
from training.progress import duration

_FORMAT = 1
_SAVE_EVERY_S = 30.0
_SAMPLED_CLIPS = 4


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the answers to these questions lie."""

    path: Path
    fingerprint: str


def answers_place(folder: Path, data: ChunkDataset, asked: Mapping[str, Any]) -> _Place:
    """File in `folder` and fingerprint of the answers to `data`'s stored draws.

    `asked` says whose answers they are: the teacher's weights and precision, data and split.
    """
    assert data.augmentation is not None
    pixels = hashlib.sha256()
    step = max(len(data) // _SAMPLED_CLIPS, 1)
    for item in range(0, len(data), step):
        pixels.update(data.stored_clip(item, item % data.stored_draws).numpy().tobytes())
    everything = {
        "format": _FORMAT,
        **asked,
        "positions": data.positions,
        "clip": asdict(data.spec),
        "augmentation": asdict(data.augmentation),
        "draws": data.stored_draws,
        "draws_seed": data.draws_seed,
        "pixels": pixels.hexdigest(),
    }
    fingerprint = hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
    return _Place(folder / f"answers-{fingerprint[:12]}.safetensors", fingerprint)


@torch.no_grad()
def stored_answers(
    teacher: nn.Module,
    data: ChunkDataset,
    place: _Place,
    *,
    batch_size: int,
    device: torch.device,
    processes: Processes,
    stopping: Callable[[], bool],
    console: Console,
) -> Tensor:
    """N×D×K float32 logits of the teacher for all stored draws, read or computed.

    What is computed is saved every half minute; a later call goes on from there. Several processes
    share the work.

    Raises:
        DataError: the file is damaged, or cannot be written.
        KeyboardInterrupt: `stopping` said so, and what there is has been saved.
    """
    draws, classes = data.stored_draws, len(data.store.labels)
    total = len(data) * draws
    answers = torch.zeros(total, classes)
    # The first process's file counts: others may not see its disk.
    kept = processes.everybodys(_read(place, total, classes) if processes.is_first else None)[0]
    first = done = len(kept)
    answers[:done] = kept
    started_s = saved_s = time.perf_counter()
    while done < total:
        after = min(done + batch_size * processes.count, total)
        mine = range(done + processes.rank, after, processes.count)
        block = torch.zeros(after - done, classes, device=device)
        if mine:
            clips = torch.stack([data.stored_clip(*divmod(row, draws)) for row in mine])
            block[processes.rank :: processes.count] = teacher(as_input(clips, device)).float()
        answers[done:after] = processes.total(block).cpu()
        done, now_s = after, time.perf_counter()
        stop = stopping()
        if processes.is_first and (stop or done == total or now_s - saved_s > _SAVE_EVERY_S):
            saved_s = now_s
            _write(place, answers[:done])
            clips_per_s = (done - first) / (now_s - started_s)
            console.print(
                f"teacher's answers {done}/{total}, {clips_per_s:.1f} clips/s, "
                f"{duration((total - done) / clips_per_s)} left",
                highlight=False,
                soft_wrap=True,
            )
        if stop and done < total:
            raise KeyboardInterrupt
    if not answers.isfinite().all():
        raise DataError(f"{place.path} holds answers that are no numbers; train the teacher again.")
    return answers.reshape(len(data), draws, classes)


def answers_known(folder: Path) -> int:
    """How many answers lie in the folder of a teacher's run, as far as can be read."""
    counts = [0]
    for path in folder.glob("answers-*.safetensors"):
        try:
            with safe_open(path, framework="pt") as file:
                counts.append(file.get_slice("logits").get_shape()[0])
        except (SafetensorError, OSError):
            continue
    return max(counts)


def _read(place: _Place, total: int, classes: int) -> Tensor:
    """The rows that are already known; none where there is no file."""
    if not place.path.is_file():
        return torch.zeros(0, classes)
    try:
        with safe_open(place.path, framework="pt") as file:
            said, rows = file.metadata() or {}, file.get_tensor("logits")
    except (SafetensorError, OSError) as error:
        raise DataError(f"{place.path} is damaged ({error}); delete it and go on.") from error
    whole = (
        said == {"fingerprint": place.fingerprint, "sha256": _sha256(rows)}
        and rows.dtype == torch.float32
        and rows.dim() == 2
        and len(rows) <= total
        and rows.shape[1] == classes
    )
    if not whole:
        raise DataError(
            f"{place.path} is damaged (its contents are not what was written); delete it and go on."
        )
    return rows


def _write(place: _Place, rows: Tensor) -> None:
    rows = rows.contiguous()
    said = {"fingerprint": place.fingerprint, "sha256": _sha256(rows)}
    try:
        with replacing(place.path) as partial:
            partial.write_bytes(save({"logits": rows}, said))
    except OSError as error:
        raise DataError(
            f"Cannot write {place.path} ({error.strerror}); make room, then go on with --resume."
        ) from error


def _sha256(rows: Tensor) -> str:
    return hashlib.sha256(rows.contiguous().numpy().tobytes()).hexdigest()
