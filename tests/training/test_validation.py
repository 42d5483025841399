from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from core.clip import ClipSpec
from training.config import Recipe
from training.dataset import ChunkDataset
from training.loop import train_epoch
from training.run import Run
from training.store import Store
from training.validation import validate


def test_validation_is_pure(tiny_store: Store, tiny: Recipe, tmp_path: Path) -> None:
    """Neither dropout nor batch statistics nor ranges move, whatever the batch size."""
    for recipe in (tiny, replace(tiny, quantize=True)):
        run = Run(replace(recipe, dropout=0.9), tiny_store, tmp_path / "run", threads=1)
        train_epoch(run, Console(quiet=True))
        before = {name: value.clone() for name, value in run.model.state_dict().items()}
        figures = [validate(run.model, run.val_data, batch) for batch in (1, 3, 4)]
        after = run.model.state_dict()
        assert all(torch.equal(after[name], before[name]) for name in before)
        for other in figures[1:]:
            assert other == pytest.approx(figures[0], rel=1e-4)


def test_ctrl_c_is_no_matter_of_who_loads_clips(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spawned, as on macOS and Windows, they would be ended by it."""
    clip = ChunkDataset.__getitem__

    def watched(data: ChunkDataset, item: int) -> object:
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return clip(data, item)

    run = Run(tiny, tiny_store, tmp_path / "run", threads=1, workers=1)
    monkeypatch.setattr(ChunkDataset, "__getitem__", watched)
    train_epoch(run, Console(quiet=True))
    validate(run.model, run.val_data, 2, workers=1)


def test_validation_counts_by_class(tiny_store: Store) -> None:
    """Against a model that always says "eating": half of the clips, one of two classes."""
    data = ChunkDataset(tiny_store, tiny_store.subset(0, "val"), ClipSpec(resize=36, crop=32))
    # One more "eating" clip makes the classes unequal.
    data.positions = (*data.positions, data.positions[0])
    eating = tiny_store.labels.index("eating")

    class Always(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[1:] == (3, 16, 32, 32)
            assert x.dtype == torch.float32
            assert 0 <= float(x.min()) <= float(x.max()) <= 1
            logits = torch.zeros(len(x), 34)
            logits[:, eating] = 5
            return logits

    figures = validate(Always(), data, 2)
    assert figures["top1"] == pytest.approx(3 / 5)
    assert figures["mean_per_class_accuracy"] == pytest.approx(1 / 2)
    log_total = np.log(np.exp(5) + 33)
    assert figures["cross_entropy"] == pytest.approx((3 * (log_total - 5) + 2 * log_total) / 5)
