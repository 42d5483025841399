"""`incab-train`: make data, train the student and its int8 twin, measure them."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import Progress
from tyro.conf import Positional

from core.errors import DataError, InCabError

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, kw_only=True)
class Synthesize:
    """Render a synthetic cabin in the Drive&Act layout: videos and annotations of many people.

    Example: incab-train synthesize data/cabin --people 15 --minutes 4
    """

    out: Positional[Path]
    """Folder to fill; an interrupted run continues where it stopped."""
    people: int = 15
    """How many people; train, validation and test people never overlap."""
    minutes: float = 4.0
    """Length of each person's session."""
    seed: int = 0
    """Same seed, same pixels."""
    views: tuple[str, ...] = ("inner_mirror",)
    """Cameras to render."""
    fps: float = 30.0
    """Frames per second."""
    preview: Path | None = None
    """Write a contact sheet of every activity to this PNG instead of videos."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if not self.views:
            raise ValueError("name at least one view")

    def run(self, console: Console) -> None:
        from training.synthetic.preview import write_contact_sheet
        from training.synthetic.synthesize import synthesize

        if self.preview is not None:
            write_contact_sheet(self.preview, self.seed, 1, self.views[0])
            console.print(f"Wrote {self.preview}")
            return
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("Rendering", total=None)
            synthesize(
                self.out,
                people=self.people,
                minutes=self.minutes,
                seed=self.seed,
                views=self.views,
                fps=self.fps,
                report=lambda done, total: progress.update(task, completed=done, total=total),
            )
        console.print(f"Wrote {self.out}")


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Decode a Drive&Act root (or a synthetic cabin) once into a store for training.

    Example: incab-train prepare data/cabin data/cabin-store
    """

    root: Positional[Path]
    """The dataset as unpacked, with activities_3s/ inside."""
    out: Positional[Path]
    """Folder of the store; an interrupted run continues."""
    view: str = "inner_mirror"
    """Camera to prepare."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self, console: Console) -> None:
        from training.store import prepare

        store = prepare(
            self.root,
            self.out,
            view=self.view,
            report=lambda line: console.print(line, highlight=False, soft_wrap=True),
        )
        console.print(f"{len(store.chunks)} chunks ready in {self.out}", soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Train by a recipe: a file, or the name of one that InCab brings along.

    Example: incab-train fit cabin_fp32 --data data/cabin-store --out runs/fp32
    """

    recipe: Positional[str]
    """A .toml file or the name of a bundled recipe."""
    data: Path
    """A prepared store."""
    out: Path
    """Folder of the run."""
    split: int = 0
    """Which split of the people."""
    start: Path | None = None
    """Run whose student to start from; its int8 twin is made from exactly that student."""
    resume: bool = False
    """Go on after the last finished epoch of --out."""
    threads: int = 2
    """CPU threads."""
    in_memory: bool = False
    """Keep the frames in main memory; worth it when the store is larger than the disk cache."""
    epochs: Annotated[int | None, tyro.conf.arg(help="Override the recipe's epochs.")] = None
    seed: Annotated[int | None, tyro.conf.arg(help="Override the recipe's seed.")] = None
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError("threads must be at least 1")

    def run(self, console: Console) -> None:
        from training.config import read_recipe
        from training.export import export_run
        from training.loop import Run, keep_freed_memory
        from training.store import open_store

        keep_freed_memory()
        recipe = read_recipe(find_recipe(self.recipe))
        overrides = {"epochs": self.epochs, "seed": self.seed}
        try:
            recipe = replace(recipe, **{k: v for k, v in overrides.items() if v is not None})
        except ValueError as error:
            raise DataError(f"{error}.") from error
        if (self.out / "checkpoint.pt").is_file() and not self.resume:
            raise DataError(
                f"{self.out} holds a run already; add --resume or choose another --out."
            )
        run = Run(
            recipe,
            open_store(self.data),
            self.out,
            split=self.split,
            start=self.start,
            threads=self.threads,
            in_memory=self.in_memory,
        )
        if self.resume:
            run.resume()
        run.fit(console)
        model = export_run(run, self.threads)
        figures = ", ".join(
            f"{name} mean per-class {values['mean_per_class_accuracy']:.1%}"
            for name, values in model.metrics.items()
        )
        console.print(f"Wrote {model.path} ({model.file_mb:.2f} MB, {figures})", soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure model files on the chunks of a store.

    Example: incab-train evaluate fp32.safetensors int8.safetensors --data data/cabin-store
    """

    models: Positional[tuple[Path, ...]]
    """Model files, shown side by side."""
    data: Path
    """A prepared store."""
    split: int = 0
    """Which split of the people."""
    subset: str = "test"
    """train, val or test."""
    engine: str = "openvino"
    """Engine that runs the models."""
    threads: int = 2
    """CPU threads."""
    json: bool = False
    """Print JSON (schema incab.evaluate/1) instead of a table."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("name at least one model file")
        if self.threads < 1:
            raise ValueError("threads must be at least 1")

    def run(self, console: Console) -> None:
        from core.engines import load_engine
        from core.modelfile import load_model
        from training.evaluate import evaluate_model
        from training.store import open_store

        store = open_store(self.data)
        positions = store.subset(self.split, self.subset)
        results = {}
        for path in self.models:
            model = load_model(path)
            engine = load_engine(model, self.engine, self.threads)
            results[str(path)], _ = evaluate_model(model, engine, store, positions)
        if self.json:
            print(json.dumps({"schema": "incab.evaluate/1", "models": results}, indent=2))
            return
        from training.tables import accuracy_table

        console.print(accuracy_table(results))


COMMANDS = Synthesize | Prepare | Fit | Evaluate


def find_recipe(name: str) -> Path:
    """A recipe file by path, or a bundled one by name.

    Raises:
        DataError: neither exists; the bundled names are listed.
    """
    path = Path(name)
    if path.suffix == ".toml":
        return path
    bundled = RECIPES / f"{name}.toml"
    if not bundled.is_file():
        names = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
        raise DataError(f"There is no recipe {name!r}; bundled are {names}, or give a .toml file.")
    return bundled


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        command = tyro.cli(COMMANDS, args=arguments, prog="incab-train", description=__doc__)
    except SystemExit as exit_request:
        return EXIT_USAGE if exit_request.code else EXIT_DONE
    # File names and rows of a CSV may look like markup.
    console = Console(stderr=isinstance(command, Evaluate) and command.json, markup=False)
    try:
        command.run(console)
    except KeyboardInterrupt:
        print("Stopped; the same command (fit: with --resume) goes on from here.", file=sys.stderr)
        return EXIT_FAILED
    except (InCabError, OSError) as error:
        if command.debug:
            traceback.print_exc()
        print(f"incab-train: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
