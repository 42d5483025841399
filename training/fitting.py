"""From a recipe to a finished model file: what `fit` does once, and `reproduce` many times."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console

from core.errors import DataError
from core.modelfile import Model
from training.checkpoint import CHECKPOINT_FILE, MODEL_FILE, read_description
from training.config import Recipe
from training.exclusive import exclusive
from training.export import export_run
from training.loop import fit
from training.processes import ALONE, Processes
from training.progress import read_log
from training.run import Run
from training.store import Store


def fit_model(
    recipe: Recipe,
    store: Store,
    out: Path,
    console: Console,
    *,
    split: int = 0,
    start: Path | None = None,
    teacher: Path | None = None,
    resume: bool = False,
    threads: int,
    workers: int = 0,
    in_memory: bool = False,
    device: torch.device | None = None,
    processes: Processes = ALONE,
) -> Model | None:
    """Train to the last epoch and export; the model file, None in all processes but the first.

    With `resume` a run that was begun in `out` goes on, and one that was not begins; without it
    nothing that lies there is touched.

    Raises:
        BusyError: another process works there, or asks the same teacher.
        DataError: there is a run already, start, teacher or data do not fit, or training fails.
        KeyboardInterrupt: it was asked to stop, and has saved.
    """
    _check_begun(out, resume)
    run = Run(
        recipe,
        store,
        out,
        split=split,
        start=start,
        teacher=teacher,
        threads=threads,
        workers=workers,
        in_memory=in_memory,
        device=device,
        processes=processes,
    )
    # Not sooner: what cannot be leaves no folder behind.
    with exclusive(out, processes):
        if _check_begun(out, resume):
            run.resume()
        elif processes.is_first:
            for line in run.started_from:
                console.print(line, highlight=False, soft_wrap=True)
        fit(run, console)
        return export_run(run, threads) if processes.is_first else None


def _check_begun(out: Path, resume: bool) -> bool:
    """Whether there is a run to go on with; DataError where nobody asked for that."""
    begun = (out / CHECKPOINT_FILE).is_file()
    if begun and not resume:
        raise DataError(f"{out} holds a run already; add --resume or choose another --out.")
    return begun


def is_finished(out: Path) -> bool:
    """Whether a run has trained all its epochs and written its model file."""
    epochs = read_description(out).get("recipe", {}).get("epochs")
    return len(read_log(out)) == epochs and (out / MODEL_FILE).is_file()
