"""Train what is missing, then measure everything on the test people."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from core.engines.reference import ReferenceEngine
from core.modelfile import save_model
from training.checkpoint import MODEL_FILE, weights_sha256
from training.config import Recipe
from training.exclusive import BusyError, exclusive
from training.experiments import recipe_of
from training.fitting import fit_model, is_finished
from training.interruption import StopRequest
from training.post_training import quantize_after_training
from training.reproduce.measure import measure
from training.reproduce.pace import Trials
from training.reproduce.plan import Task, plan
from training.reproduce.predictions import PREDICTIONS_FILE, load_predictions
from training.reproduce.record import Settings, check_finished, extended_record, write_record
from training.reproduce.remaining import Left, is_there, remaining, said
from training.store import Store

# How often it is looked whether another process is done, and how soon Ctrl-C is heard meanwhile.
_WAIT_STEPS, _WAIT_STEP_S = 20, 0.5
# Two calls that are started together write what they are about one after the other.
_PATIENCE_S = 30.0


class Reproduction:
    """All runs of some tables in one folder; what is finished is never done again.

    Without `write` it only looks: the folder stays as it is.

    Raises:
        DataError: the store lacks a split, or the folder was begun as something else.
    """

    def __init__(self, store: Store, out: Path, settings: Settings, write: bool = True) -> None:
        self.store, self.out, self.settings = store, out, settings
        record = extended_record(out, store, settings)
        self.fingerprint: str = record["data_fingerprint"]
        # What earlier calls asked for belongs to it as well.
        self.tasks = plan(record["splits"], record["seeds"], record["tables"])
        self.recipes: dict[Task, Recipe] = {
            task: recipe_of(
                task.experiment, settings.profile, {**settings.overrides, "seed": task.seed}
            )
            for task in self.tasks
            if task.is_training
        }
        if write:
            # Not sooner: what cannot be leaves no folder behind. Read anew, for another call may
            # have added to it.
            with exclusive(out, patience_s=_PATIENCE_S):
                write_record(out, extended_record(out, store, settings))
        self._trials = Trials(len(store.labels), settings.device, settings.threads)
        self._train_clips = {split: len(store.subset(split, "train")) for split in record["splits"]}

    def left(self) -> list[Left]:
        """What every model still costs."""
        pace = self._trials.clips_per_s
        return remaining(self.tasks, self.recipes, self._train_clips, self.out, pace)

    def train(self, console: Console) -> None:
        """Make every model that is not there, in order, until all are.

        What another process is at is left to it; where nothing else is to be done, it is waited
        for.

        Raises:
            DataError: a finished run is not the one that is wanted now, or training fails.
            KeyboardInterrupt: it was asked to stop, and has saved.
        """
        for task in self.tasks:
            # Before hours of training are spent beside it.
            self._check(task)
        with StopRequest() as stop:
            waits, checked = False, set[Task]()
            while True:
                made = False
                for task in self.tasks:
                    made |= self._make(task, console)
                    if stop.asked:
                        raise KeyboardInterrupt
                    if task not in checked and is_there(task, self.out):
                        # Once more: its teacher may have been trained only now.
                        self._check(task)
                        checked.add(task)
                if all(is_there(task, self.out) for task in self.tasks):
                    break
                if not made and not waits:
                    console.print("Another process trains the rest; waiting for it.")
                waits = not made
                if waits:
                    _wait(stop)

    def _make(self, task: Task, console: Console) -> bool:
        """Make a model that can be made now; whether anything was done."""
        if is_there(task, self.out) or (task.needs and not is_there(task.needs, self.out)):
            return False
        try:
            with exclusive(task.folder(self.out)):
                if is_there(task, self.out):
                    return False
                if task.needs is not None:
                    # Its answers may just be asked for; a run takes seconds to find that out.
                    with exclusive(task.needs.folder(self.out)):
                        pass
                number = self.tasks.index(task) + 1
                console.print(f"[{number} of {len(self.tasks)}] {task.title}", highlight=False)
                if task.is_training:
                    self._fit(task, console)
                else:
                    self._quantize(task)
        except BusyError:
            return False
        console.print(said(self.left()), highlight=False, soft_wrap=True)
        return True

    def measure(self, console: Console) -> None:
        """Ask the test people about every model that they have not been asked about.

        Raises:
            BusyError: another process does.
            DataError: see `training.reproduce.measure`.
            KeyboardInterrupt: it was asked to stop; what is measured stays.
        """
        tasks = [task for task in self.tasks if task.measured]
        timed: set[str] = set()
        with exclusive(self.out), StopRequest() as stop:
            for number, task in enumerate(tasks, 1):
                first, path = task.name not in timed, task.folder(self.out) / PREDICTIONS_FILE
                timed.add(task.name)
                if self._is_measured(task, path, first):
                    continue
                console.print(
                    f"[{number} of {len(tasks)}] test people: {task.title}", highlight=False
                )
                measure(
                    task,
                    self.store,
                    self.out,
                    quantized=task.is_training and self.recipes[task].quantize,
                    fingerprint=self.fingerprint,
                    timed=first,
                )
                if stop.asked:
                    raise KeyboardInterrupt

    def _check(self, task: Task) -> None:
        if task.is_training and is_finished(task.folder(self.out)):
            check_finished(task, self.out, self.recipes[task], self.fingerprint)

    def _is_measured(self, task: Task, path: Path, timed: bool) -> bool:
        if not path.is_file():
            return False
        about = load_predictions(path).about
        same = about["model_sha256"] == weights_sha256(task.folder(self.out) / MODEL_FILE)
        untimed = about["latency"] is None and about["engine"] != ReferenceEngine.name
        return same and not (timed and untimed)

    def _fit(self, task: Task, console: Console) -> None:
        settings = self.settings
        fit_model(
            self.recipes[task],
            self.store,
            task.folder(self.out),
            split=task.split,
            teacher=task.needs.folder(self.out) if task.needs else None,
            threads=settings.threads,
            workers=settings.workers,
            in_memory=settings.in_memory,
            device=settings.device,
            resume=True,
            console=console,
        )

    def _quantize(self, task: Task) -> None:
        assert task.needs is not None
        model = quantize_after_training(
            task.needs.folder(self.out),
            self.store,
            task.split,
            seed=task.seed,
            threads=self.settings.threads,
        )
        save_model(model, task.folder(self.out) / MODEL_FILE)


def _wait(stop: StopRequest) -> None:
    for _ in range(_WAIT_STEPS):
        time.sleep(_WAIT_STEP_S)
        if stop.asked:
            raise KeyboardInterrupt
