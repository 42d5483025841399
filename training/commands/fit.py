"""`incab-train fit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from tyro.conf import Positional

from core.errors import DataError
from training.commands.checks import check_computing
from training.commands.overrides import given_in, overrides
from training.config import find_recipe, read_recipe

Overrides = overrides()


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Train by a recipe: a file, or the name of one that InCab brings along.

    Ctrl-C finishes the step and saves; --resume goes on. For several GPUs or machines start it with
    torchrun; a step's clips are then shared among the processes.

    Example: incab-train fit kd --profile quick --data data/store --out runs/kd --teacher runs/i3d
    """

    recipe: Positional[str]
    """A .toml file or the name of a bundled recipe."""
    data: Path
    """A prepared store."""
    out: Path
    """Folder of the run."""
    profile: str | None = None
    """Take the values of this profile of the recipe, such as quick."""
    split: int = 0
    """Which split of the people."""
    start: Path | None = None
    """Run or model file to start from, an imported one for instance; an int8 twin is made from
    exactly that network when it is fp32 and no float epochs come first (quantize-from-epoch 0)."""
    teacher: Path | None = None
    """Run or fp32 model file to learn from (with beta above 0); an int8 twin learns from the start
    if left out."""
    resume: bool = False
    """Go on where --out was last saved."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    threads: int = 2
    """CPU threads."""
    workers: int = 0
    """Processes that prepare clips beside training instead of one thread; worth it with a GPU."""
    in_memory: bool = False
    """Keep the frames in main memory; worth it when a run says that it waits."""
    override: Annotated[Overrides, tyro.conf.OmitArgPrefixes] = field(default_factory=Overrides)
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        check_computing(self.threads, self.workers, self.in_memory)

    @property
    def can_resume(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        from training.checkpoint import CHECKPOINT_FILE

        return (self.out / CHECKPOINT_FILE).is_file()

    def run(self, console: Console) -> None:
        from training.export import written_in_words
        from training.hardware import find_device, keep_freed_memory
        from training.processes import joined, local_rank
        from training.store import open_store

        keep_freed_memory()
        recipe = read_recipe(find_recipe(self.recipe), given_in(self.override), self.profile)
        if self.resume and not self.can_resume:
            raise DataError(f"{self.out} holds no checkpoint to resume; leave out --resume.")
        store = open_store(self.data)
        device = find_device(self.device, local_rank())
        with joined(device) as processes:
            from training.fitting import fit_model

            model = fit_model(
                recipe,
                store,
                self.out,
                console,
                split=self.split,
                start=self.start,
                teacher=self.teacher,
                resume=self.resume,
                threads=self.threads,
                workers=self.workers,
                in_memory=self.in_memory,
                device=device,
                processes=processes,
            )
        if model is None:
            return
        console.print(written_in_words(model), soft_wrap=True)
