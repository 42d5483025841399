"""`incab-train evaluate`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure model files on the chunks of a store: accuracy, per class too, and calibration.

    Several models are compared with the first class by class, as in the paper's Table III.

    Example: incab-train evaluate fp32.safetensors int8.safetensors --data data/cabin-store
    """

    models: Positional[tuple[Path, ...]]
    """Model files, shown side by side."""
    data: Path
    """A prepared store."""
    split: int = 0
    """Which split of the people."""
    subset: str = "test"
    """train, val or test; or all, for data that the models have nothing to do with."""
    draws: int = 0
    """Score this many seeded random draws of 16 frames instead of the one evenly spread clip."""
    confusion: Path | None = None
    """Folder for a confusion matrix of each model, as CSV and as PNG."""
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
        if self.draws < 0:
            raise ValueError("draws must not be negative")

    def run(self, console: Console) -> None:
        import cv2

        from core.engines import load_engine
        from core.modelfile import load_model
        from training.evaluate import Pace, check_measurable, evaluate_model, targets_of
        from training.people import check_apart
        from training.store import EVERYONE, open_store
        from training.tables import accuracy_table, display_names

        store = open_store(self.data)
        positions = store.subset(self.split, self.subset)
        results = {}
        names = display_names(self.models)
        models = {path: load_model(path) for path in self.models}
        # The engines have the threads; clips are prepared in one beside them.
        cv2.setNumThreads(1)
        engines = {
            path: load_engine(model, self.engine, self.threads) for path, model in models.items()
        }
        # All that can be refused is refused before the first of them takes its minutes.
        for path, model in models.items():
            check_measurable(model, store, positions)
            if self.subset != "train":
                check_apart(model.training, path, store, self.split, (self.subset,))
        if self.confusion is not None:
            self.confusion.mkdir(parents=True, exist_ok=True)
        for path, model in models.items():
            engine, pace = engines[path], Pace()
            results[str(path)], logits = evaluate_model(
                model, engine, store, positions, self.draws, pace
            )
            if not self.json:
                said = f"{names[path]} on {engine.name}: {pace}"
                console.print(said, highlight=False, soft_wrap=True)
            if self.confusion is not None:
                from training.confusion import write_confusion

                answers = logits.argmax(axis=1)
                targets = targets_of(store, positions, self.draws)
                where = self.subset
                if where != EVERYONE:
                    where = f"split {self.split} {where}"
                # Folders that tell two files apart tell them apart here as well.
                stem = self.confusion / "-".join(Path(names[path]).with_suffix("").parts)
                for written in write_confusion(targets, answers, store.labels, stem, where):
                    console.print(f"Wrote {written}", soft_wrap=True)
        if self.json:
            print(json.dumps({"schema": "incab.evaluate/1", "models": results}, indent=2))
            return
        shown = {names[path]: results[str(path)] for path in models}
        temperatures = {names[path]: model.temperature for path, model in models.items()}
        console.print(accuracy_table(shown, temperatures))
