"""Runs on one thread, and what they left."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from training.run import Run

# The machine is shared: two threads that wait for each other take twenty times as long as one.
new_run = partial(Run, threads=1)


def clip_threads() -> list[str]:
    """Threads that prepare clips now (training.ahead)."""
    return [each.name for each in threading.enumerate() if each.name.startswith("clips")]


def log_of(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.out / "log.jsonl").read_text().splitlines()]


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def weights_in(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)
