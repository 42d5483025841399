"""A reproduction folder written by hand: small models, and answers whose figures are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.modelfile import load_model, save_model
from training.reproduce.plan import POST_TRAINING, Task, plan
from training.reproduce.predictions import Predictions, save_predictions

CLASSES, PEOPLE, CLIPS_EACH = 5, 4, 20
# Right clips of 20 of each person and class.
RIGHT = {
    "i3d": 18,
    "mobilenet3d": 12,
    "kd": 14,
    "quantization": 11,
    "qd": 13,
    POST_TRAINING: 13,
}


@dataclass
class HandMade:
    """Writes reproduce.json, model files, logs and answers into a folder."""

    networks: Any
    folder: Path
    splits: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0, 1)
    tables: tuple[int, ...] = (1, 2, 3)
    val_people: dict[int, list[int]] = field(default_factory=dict)
    written: list[Task] = field(default_factory=list)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"activity {index}" for index in range(CLASSES))

    def begin(self) -> None:
        clips = {"people": PEOPLE, "clips": PEOPLE * CLASSES * CLIPS_EACH}
        record = {
            "schema": "incab.reproduce/1",
            "profile": "quick",
            "overrides": {},
            "data": {"synthetic": {"seed": 3}},
            "view": "inner_mirror",
            "data_fingerprint": "f" * 64,
            "splits": self.splits,
            "seeds": self.seeds,
            "tables": self.tables,
            "labels": self.labels,
            "commands": ["incab-train reproduce --data 'my <store>' --out runs/paper"],
            "people": {str(split): dict.fromkeys(("train", "val", "test"), clips) for split in
                       self.splits},
        }  # fmt: skip
        self.folder.mkdir(exist_ok=True)
        (self.folder / "reproduce.json").write_text(json.dumps(record))

    def tasks(self) -> list[Task]:
        return plan(self.splits, self.seeds, self.tables)

    def train(self, task: Task, val: float = 0.6) -> None:
        """A model file with figures on the validation people, and a log."""
        folder = task.folder(self.folder)
        folder.mkdir(parents=True)
        int8 = task.name in ("quantization", "qd", POST_TRAINING)
        network = self.networks.int8() if int8 else self.networks.fp32()
        model = self.networks.model(network, labels=self.labels)
        figures = {"mean_per_class_accuracy": val, "top1": val, "ece": 0.1, "per_class": {}}
        model = replace(model, temperature=2.0, metrics={"val": figures})
        save_model(model, folder / "model.safetensors")
        entries = (
            {"epoch": epoch, "train_top1": 0.5, "clips_per_s": 4.0}
            | ({"val": {"mean_per_class_accuracy": val}} if epoch else {})
            for epoch in range(3)
        )
        (folder / "log.jsonl").write_text("".join(json.dumps(each) + "\n" for each in entries))
        described = {
            "commit": "c0ffee",
            "device": "cpu",
            "versions": {"torch": "9.9"},
            "people": {"train": [], "val": self.val_people.get(task.split, [])},
        }
        (folder / "recipe.json").write_text(json.dumps(described))

    def ask(self, task: Task, right: int | None = None, kept: int = 400) -> None:
        """Answers to the test clips: `right` of 20 of every person and class."""
        right = RIGHT[task.name] if right is None else right
        targets = np.tile(np.repeat(np.arange(CLASSES), CLIPS_EACH), PEOPLE).astype(np.int32)
        people = np.repeat(np.arange(PEOPLE), CLASSES * CLIPS_EACH).astype(np.int32)
        number = np.tile(np.arange(CLIPS_EACH), CLASSES * PEOPLE)
        answers = np.where(number < right, targets, (targets + 1) % CLASSES)
        logits = np.zeros((len(targets), CLASSES), np.float32)
        logits[np.arange(len(targets)), answers] = 3.0
        qat = None
        if task.name in ("quantization", "qd"):
            qat = answers.astype(np.int32)
            qat[kept:] = (qat[kept:] + 1) % CLASSES
        path = task.folder(self.folder) / "model.safetensors"
        about: Mapping[str, Any] = {
            "model_sha256": load_model(path).sha256,
            "engine": "openvino",
            "clip_shape": [16, 112, 112, 3],
            "versions": {"torch": "9.9"},
            "cpu": "Some CPU",
            "isa": "AVX2",
            "latency": {"runs": 10, "mean_ms": 4.0, "p50_ms": 4.0, "p95_ms": 4.0, "threads": 1},
        }
        predictions = Predictions(logits, targets, people, self.labels, dict(about), qat)
        save_predictions(predictions, path.with_name("predictions.safetensors"))

    def finish(self) -> HandMade:
        self.begin()
        for task in self.tasks():
            self.train(task)
            if task.measured:
                self.ask(task)
        return self


@pytest.fixture
def hand_made(networks: Any, tmp_path: Path) -> Callable[..., HandMade]:
    return lambda **settings: HandMade(networks, tmp_path / "paper", **settings)


@pytest.fixture(scope="module")
def finished_folder(networks: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything trained and measured; nobody changes it."""
    return HandMade(networks, tmp_path_factory.mktemp("all") / "paper").finish().folder
