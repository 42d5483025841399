"""What a person sees of a run, and what it leaves to be read later."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from core.errors import DataError
from core.files import replacing

LOG_FILE = "log.jsonl"
_LINE_EVERY_STEPS = 20


class EpochProgress:
    """An epoch as a bar on a terminal, or as a line now and then in a log."""

    def __init__(
        self,
        console: Console,
        epoch: int,
        epochs: int,
        step: int,
        steps: int,
        still_to_come: float,
    ) -> None:
        """`still_to_come`: how many epochs as long as this one what follows it amounts to."""
        self.console = console
        self.epoch = epoch
        self._still_to_come = still_to_come
        self.first_step, self.steps = step, steps
        self._started_s = time.perf_counter()
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed}/{task.total} {task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=steps, completed=step, epoch=f"{epoch}/{epochs}")

    def __enter__(self) -> EpochProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def advance(self, step: int, clips_per_step: int, figures: Mapping[str, float]) -> None:
        """`step` steps of the epoch are done; `figures` are means over them."""
        elapsed_s = time.perf_counter() - self._started_s
        step_s = elapsed_s / max(step - self.first_step, 1)
        left_s = step_s * ((1 + self._still_to_come) * self.steps - step)
        said = ", ".join(
            (
                *_losses(figures),
                f"train {figures['train_top1']:.1%}",
                f"{clips_per_step / step_s:.1f} clips/s",
                f"{duration(left_s)} left",
            )
        )
        self._bar.update(self._task, completed=step, description=said)
        if step % _LINE_EVERY_STEPS == 0 and not self.console.is_terminal:
            self.console.print(
                f"epoch {self.epoch} step {step}/{self.steps} {said}",
                highlight=False,
                soft_wrap=True,
            )


def _losses(figures: Mapping[str, float]) -> list[str]:
    """The loss, with its parts before weighting where there are several."""
    parts = [
        f"{name} {figures[name]:.3f}" for name in ("hard", "soft", "unfamiliar") if name in figures
    ]
    return [f"loss {figures['loss']:.3f}" + (f" ({', '.join(parts)})" if parts else "")]


def duration(seconds: float) -> str:
    """Seconds for people: "40 s", "12 min", "3 h 05 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def summary(entry: Mapping[str, Any]) -> str:
    """One epoch's entry of the log as a line."""
    parts = [
        f"epoch {entry['epoch']}: {_losses(entry)[0]}",
        f"train {entry['train_top1']:.1%}",
        f"{entry['clips_per_s']:.1f} clips/s",
        f"waiting {entry['waiting_share']:.0%}",
    ]
    if "val" in entry:
        parts.append(f"val mean per-class {entry['val']['mean_per_class_accuracy']:.1%}")
        parts.append(f"top-1 {entry['val']['top1']:.1%}")
    return ", ".join(parts)


def memory_advice(entry: Mapping[str, Any], frame_bytes: int) -> str:
    """What to do about an epoch that waited for frames, and what it costs."""
    return (
        f"Waiting for clips took {entry['waiting_share']:.0%} of the time. --in-memory keeps the "
        f"training frames in main memory ({frame_bytes / 1e9:.1f} GB); a run that is stopped with "
        "Ctrl-C can go on with it."
    )


def read_log(run: Path) -> list[dict[str, Any]]:
    """The epochs that a run has finished; none where there is no log.

    Raises:
        DataError: it is damaged.
    """
    path = run / LOG_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line]
    except OSError:
        return []
    except ValueError as error:
        raise DataError(
            f"{path} is damaged ({error}); delete it, and going on with that run writes it anew."
        ) from error


class RunLog:
    """log.jsonl, one line for each epoch, and the same for TensorBoard where that is installed."""

    def __init__(self, run: Path, entries: Sequence[Mapping[str, Any]] = ()) -> None:
        self.path = run / LOG_FILE
        self._board = None
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            # What a stopped run wrote of epochs that are now trained again disappears.
            self._board = SummaryWriter(str(run / "tensorboard"), purge_step=len(entries))
        if entries:
            # A run killed between its checkpoint and its log lacks the last line.
            self._rewrite(entries)

    def write(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write all entries; the last one is new."""
        self._rewrite(entries)
        if self._board is not None:
            new = dict(entries[-1])
            figures = new | {f"val/{name}": value for name, value in new.pop("val", {}).items()}
            for name, value in figures.items():
                if name not in ("epoch", "val"):
                    self._board.add_scalar(name, value, new["epoch"])
            self._board.flush()

    def _rewrite(self, entries: Sequence[Mapping[str, Any]]) -> None:
        with replacing(self.path) as partial:
            partial.write_text("".join(json.dumps(entry) + "\n" for entry in entries))

    def close(self) -> None:
        if self._board is not None:
            self._board.close()
