"""Two processes that train together, as torchrun starts them, against one that takes turns."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training.__main__ import main
from training.batches import StepBatches
from training.dataset import BalancedSampler
from training.processes import Processes
from training.store import Store

# Batch statistics and ranges stay from the second epoch on: only gradients are exchanged there.
# Each of the two pieces of a step is one clip of one class: their gradients have little in common.
RECIPE = """
width_multiplier = 0.125
resize = 68
crop = 64
epochs = 1
batch_size = 2
clips_per_epoch = 8
accumulate = 2
learning_rate = 0.05
milestones = []
quantize = true
freeze_batch_norm_epoch = 1
freeze_observers_epoch = 1
dropout = 0.0
average_decay = 0.5
"""
ROOT = Path(__file__).resolve().parents[2]


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Euclidean, over all weights of two networks."""
    weights = [name for name, value in one.items() if value.is_floating_point()]
    return sum(float((one[name] - other[name]).double().square().sum()) for name in weights) ** 0.5


@pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch without distributed")
def test_two_processes_do_what_one_does_in_turns(
    tiny_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.hardware.keep_freed_memory", lambda: None)
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    alone, together = tmp_path / "alone", tmp_path / "together"

    def fit(out: Path, *more: str) -> list[str]:
        data = ("--data", str(tiny_store.folder), "--out", str(out))
        return ["fit", str(recipe), *data, "--threads", "1", "--device", "cpu", *more]

    assert main(fit(alone)) == 0
    shutil.copytree(alone, together)
    before = torch.load(alone / "checkpoint.pt", weights_only=True)
    assert main(fit(alone, "--resume", "--epochs", "2")) == 0

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    command = fit(together, "--resume", "--epochs", "2", "--accumulate", "1")
    second = subprocess.Popen(
        [sys.executable, "-m", "training", *command],
        cwd=ROOT,
        env=os.environ | meeting | {"RANK": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for name, value in (meeting | {"RANK": "0"}).items():
            monkeypatch.setenv(name, value)
        assert main(command) == 0
        said = second.communicate(timeout=60)
    finally:
        second.kill()
        second.communicate()
    assert (second.returncode, said[0]) == (0, "")  # the first one speaks for both

    one, two = (torch.load(out / "checkpoint.pt", weights_only=True) for out in (alone, together))
    assert len(two["random"]) == 2
    for kept in ("model", "average"):
        # Only the order of sums differs; a step of each process's own gradient would be far off.
        apart, moved = distance(two[kept], one[kept]), distance(one[kept], before[kept])
        assert apart < 0.001 * moved
    for name, value in one["model"].items():
        if "running" in name or "largest" in name:
            assert torch.equal(value, before["model"][name]), name
            assert torch.equal(value, two["model"][name]), name
    for mine, theirs in zip(one["history"], two["history"], strict=True):
        for name in ("loss", "train_top1"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-4)
        assert mine["val"] == pytest.approx(theirs["val"], rel=1e-4)
    described = json.loads((together / "recipe.json").read_text())
    assert described["processes"] == 2

    # Other pieces would be another run.
    for name in meeting:
        monkeypatch.delenv(name)
    assert main(fit(together, "--resume", "--accumulate", "1")) == 1


@pytest.mark.parametrize(("accumulate", "count"), [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1)])
def test_every_clip_of_a_step_is_taken_once(accumulate: int, count: int) -> None:
    sampler = BalancedSampler([0, 1, 2, 0, 1, 2, 0], 14, seed=3)
    items = list(sampler)
    shares = []
    for rank in range(count):
        batches = StepBatches(sampler, 4, accumulate, Processes(rank, count))
        assert batches.steps == 3
        shares.append(list(batches))
        assert len(shares[-1]) == len(batches) == 3 * accumulate
        batches.first_step = 2
        assert list(batches) == shares[-1][2 * accumulate :]
    # Piece by piece, each process in turn, they are the epoch without the incomplete last step.
    pieces = [piece for turn in zip(*shares, strict=True) for piece in turn]
    assert all(len(piece) == 4 // (accumulate * count) for piece in pieces)
    assert [item for piece in pieces for item in piece] == items[:12]
    assert batches.items_of(1) == items[4:8]


def test_all_take_batch_statistics_ranges_and_step_sizes_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "torch.distributed.broadcast", lambda tensor, source: sent.append((len(tensor), source))
    )
    norm = torch.nn.BatchNorm1d(5)
    del norm.num_batches_tracked
    Processes(1, 2).take_state_of_first(norm)
    assert sent == [(5, 0)] * 4
    Processes().take_state_of_first(norm)
    assert len(sent) == 4


def test_alone_nothing_is_exchanged() -> None:
    alone = Processes()
    values = torch.tensor([1.0, 2.0])
    assert alone.is_first
    assert torch.equal(alone.total(values), values)
    assert alone.everybodys("x") == ["x"]
