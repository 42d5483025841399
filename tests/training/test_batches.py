"""Clips that come together as torch's own loader brings them, beside what computes."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from core.clip import ClipSpec
from tests.training.runs import clip_threads
from training.batches import StepBatches, loaded
from training.dataset import Augmentation, BalancedSampler, ChunkDataset
from training.processes import ALONE
from training.store import Store

SPEC = ClipSpec(frames=4, resize=36, crop=32)


@pytest.fixture(params=[0, 3], ids=["own draws", "stored draws"])
def data(tiny_store: Store, request: pytest.FixtureRequest) -> ChunkDataset:
    positions = tiny_store.subset(0, "train")
    made = ChunkDataset(
        tiny_store, positions, SPEC, Augmentation(brightness=0.2), stored_draws=request.param
    )
    if request.param:
        made.answers = torch.randn(len(made), request.param, 34)
    return made


def test_batches_are_those_of_torchs_loader(data: ChunkDataset) -> None:
    sampler = BalancedSampler(data.targets, 12, seed=3)
    batches = StepBatches(sampler, 4, 1, ALONE)
    with closing(loaded(data, batch_sampler=batches)) as ours:
        pairs = list(zip(ours, DataLoader(data, batch_sampler=batches), strict=True))
    assert len(pairs) == 3
    for got, expected in pairs:
        assert [each.dtype for each in got] == [each.dtype for each in expected]
        assert all(map(torch.equal, got, expected))


class Told(Dataset):
    """Five samples, and an event for each one that was asked for."""

    def __init__(self) -> None:
        self.asked = [threading.Event() for _ in range(5)]

    def __len__(self) -> int:
        return len(self.asked)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, int]:
        self.asked[item].set()
        return torch.zeros(3, 1, 2, 2, dtype=torch.uint8), item


def test_the_next_batch_is_prepared_while_one_is_computed_on() -> None:
    data = Told()
    with closing(loaded(data, batch_size=2)) as batches:
        assert next(batches)[1].tolist() == [0, 1]
        assert data.asked[3].wait(20), "nothing is prepared meanwhile"
        assert not data.asked[4].is_set()
    assert clip_threads() == []


def test_processes_that_prepare_need_no_thread_beside_them(data: ChunkDataset) -> None:
    """It would wait for them, however long they take, when somebody wants to stop."""
    with closing(loaded(data, batch_size=5, workers=1)) as batches:
        next(batches)
        assert clip_threads() == []


@pytest.mark.parametrize("workers", [0, 1])
def test_the_last_batch_is_what_is_left(data: ChunkDataset, workers: int) -> None:
    with closing(loaded(data, batch_size=5, workers=workers)) as batches:
        assert [len(clips) for clips, *_ in batches] == [5, 5, 2]


def test_its_random_number_is_drawn_at_once_and_only_one(data: ChunkDataset) -> None:
    """A run that goes on in the middle of an epoch counts on it."""
    torch.manual_seed(5)
    iter(DataLoader(data, 5))
    expected = torch.rand(1)
    torch.manual_seed(5)
    with closing(loaded(data, batch_size=5)) as batches:
        first = torch.rand(1)
        list(batches)
    assert torch.equal(first, expected)
    torch.manual_seed(5)
    with closing(loaded(data, batch_size=5)) as batches:
        list(batches)
    assert torch.equal(torch.rand(1), expected)
