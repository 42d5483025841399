"""`incab-train agree`: do the fast engines name what the reference names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from tyro.conf import Positional

from core.errors import DataError, EngineError

if TYPE_CHECKING:
    from core.modelfile import Model
    from training.agreement import Comparison
    from training.trained_network import TrainedNetwork


@dataclass(frozen=True, kw_only=True)
class Agree:
    """Compare engines with the exact reference on the clips of a video.

    Fails where an engine names the same activity on less than 99.5 % of them. Slow: the reference
    takes about a second for each clip.

    Example: incab-train agree int8.safetensors --video assets/demo/cabin.mp4 --engine onednn
    """

    models: Positional[tuple[Path, ...]]
    """Model files."""
    video: Path
    """The video that the clips are taken from."""
    clips: int = 500
    """How many clips, evenly spread over the video."""
    engine: tuple[str, ...] = ("openvino",)
    """Engines to compare with the reference."""
    run_folder: Path | None = None
    """A training run: its best epoch, fake-quantized where it was trained so, is compared too."""
    threads: int = 2
    """CPU threads."""
    json: bool = False
    """Print JSON (schema incab.agreement/1) instead of lines."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("name at least one model file")
        if not self.engine and self.run_folder is None:
            raise ValueError("name at least one engine, or a run folder")
        if self.run_folder is not None and len(self.models) > 1:
            raise ValueError("a run folder goes with the one model that was made of it")
        if self.clips < 1 or self.threads < 1:
            raise ValueError("clips and threads must be at least 1")

    def run(self, console: Console) -> None:
        from core.modelfile import load_model
        from training.agreement import LEAST_AGREEMENT, SCHEMA, compare_with_reference

        loaded = {path: load_model(path) for path in self.models}
        trained = self._trained(loaded[self.models[0]])
        results = {}
        with Progress(console=console, disable=not console.is_terminal) as bar:
            for path, model in loaded.items():
                task = bar.add_task(path.name, total=self.clips)
                results[str(path)] = compare_with_reference(
                    model,
                    self.engine,
                    self.video,
                    self.clips,
                    self.threads,
                    lambda done, task=task: bar.update(task, completed=done),
                    trained,
                )
        if self.json:
            models = {
                file: {name: one.report() for name, one in by_engine.items()}
                for file, by_engine in results.items()
            }
            report = {"schema": SCHEMA, "video": str(self.video), "models": models}
            print(json.dumps(report, indent=2))
        for file, by_engine in results.items():
            for name, comparison in by_engine.items():
                for line in () if self.json else lines(Path(file).name, name, comparison):
                    console.print(line, highlight=False, soft_wrap=True)
        worst = min(one.share for by_engine in results.values() for one in by_engine.values())
        if worst < LEAST_AGREEMENT:
            raise EngineError(
                f"An engine names the reference's activity on only {worst:.2%} of the clips; "
                f"at least {LEAST_AGREEMENT:.1%} are asked for."
            )

    def _trained(self, model: Model) -> TrainedNetwork | None:
        if self.run_folder is None:
            return None
        import torch

        from training.trained_network import TrainedNetwork

        torch.set_num_threads(self.threads)
        trained = TrainedNetwork(self.run_folder, len(model.labels))
        if trained.clip != model.clip:
            raise DataError(
                f"{self.run_folder} was trained on {trained.clip.channels} clips of "
                f"{trained.clip.crop} pixels and {self.models[0]} wants {model.clip.channels} ones "
                f"of {model.clip.crop}; give the model file that was made of this run."
            )
        return trained


def lines(file: str, engine: str, comparison: Comparison) -> Iterator[str]:
    """One engine's figures for people, then every disagreement."""
    yield (
        f"{file} on {engine}: same activity on {comparison.share:.2%} of {comparison.clips} clips, "
        f"logits at most {comparison.largest_deviation:.2%} of their spread off"
    )
    for one in comparison.disagreements:
        yield (
            f"  frame {one.frame} ({one.time_s:.2f} s): {one.engine} instead of {one.reference}, "
            f"margin {one.margin:.4f} ({one.margin_share:.2%} of the spread)"
        )
