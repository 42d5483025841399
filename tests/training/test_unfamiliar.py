"""Clips that show no activity, and what a student learns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from training import unfamiliar as ways
from training.config import Recipe
from training.dataset import ChunkDataset
from training.hardware import as_input
from training.loop import fit, train_epoch
from training.run import Run
from training.store import Store
from training.unfamiliar import unfamiliar, uniform_loss


@pytest.fixture
def clips(tiny_store: Store, tiny: Recipe) -> Tensor:
    data = ChunkDataset(tiny_store, tiny_store.subset(0, "train"), tiny.clip)
    return as_input(torch.stack([data[item][0] for item in range(4)]))


def test_every_way_gives_another_clip_of_the_same_size(clips: Tensor) -> None:
    torch.manual_seed(0)
    for way in ways._WAYS:
        made = way(clips[0])
        assert made.shape == clips[0].shape
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
        assert float((made - clips[0]).abs().mean()) > 0.02, way.__name__
    frame = torch.arange(64.0).reshape(1, 1, 8, 8) / 64
    tiles = ways._shuffled(frame)
    # The same pixels elsewhere, two by two in their old neighbourhood.
    assert sorted(tiles.flatten().tolist()) == sorted(frame.flatten().tolist())
    pairs = tiles[0, 0].unflatten(1, (4, 2))
    assert torch.equal(pairs[..., 1] - pairs[..., 0], torch.full((8, 4), 1 / 64))


def test_none_costs_no_random_number(clips: Tensor) -> None:
    torch.manual_seed(0)
    assert len(unfamiliar(clips, 0)) == 0
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))
    assert unfamiliar(clips, 3).shape == (3, *clips.shape[1:])


def test_the_loss_is_least_where_every_class_is_as_likely() -> None:
    logits = torch.zeros(2, 5, requires_grad=True)
    loss = uniform_loss(logits)
    assert float(loss.detach()) == pytest.approx(torch.log(torch.tensor(5.0)).item())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.allclose(gradient, torch.zeros_like(gradient), atol=1e-7)
    one_sided = torch.tensor([[3.0, 0.0, 0.0, 0.0, 0.0]])
    wanted = -torch.log_softmax(one_sided.double(), 1).sum() / 5
    assert float(uniform_loss(one_sided)) == pytest.approx(float(wanted))


def test_doubt_is_a_part_of_the_loss(
    finished: Path, tiny: Recipe, tiny_store: Store, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, epochs=2, clips_per_epoch=8, beta=0.5, unfamiliar_share=0.5)
    run = Run(recipe, tiny_store, tmp_path / "unsure", teacher=finished, threads=1)
    fit(run, quiet)
    for entry in run.history:
        parts = 0.5 * entry["hard"] + 0.5 * entry["soft"] + ways.WEIGHT * entry["unfamiliar"]
        assert entry["loss"] == pytest.approx(parts, rel=1e-5)


def test_only_crops_that_tiles_divide_are_taken(tiny: Recipe) -> None:
    with pytest.raises(ValueError, match="a crop that can be divided by four, not 30"):
        replace(tiny, crop=30, unfamiliar_share=0.1)


def test_the_twin_learns_it_too_and_a_small_share_is_one_clip(
    start: Path, tiny: Recipe, tiny_store: Store, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, quantize=True, beta=1.0, unfamiliar_share=0.01, clips_per_epoch=8)
    run = Run(recipe, tiny_store, tmp_path / "int8", start=start, threads=1)
    entry = train_epoch(run, quiet)
    assert entry["loss"] == pytest.approx(
        entry["soft"] + ways.WEIGHT * entry["unfamiliar"], rel=1e-5
    )
