"""Every class is drawn equally often, and the draws depend on seed and epoch only."""

from __future__ import annotations

from collections import Counter

from training.dataset import (
    BalancedSampler,
)


def test_every_class_is_drawn_equally_often() -> None:
    targets = [3] * 100 + [5] * 2 + [0] * 10
    sampler = BalancedSampler(targets, 300, seed=0)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 300
    assert Counter(targets[item] for item, _ in drawn) == {3: 100, 5: 100, 0: 100}
    assert [number for _, number in drawn] == list(range(300))
    # Every round of three holds each class, so a small batch is balanced too.
    for start in range(0, 300, 3):
        assert {targets[item] for item, _ in drawn[start : start + 3]} == {0, 3, 5}
    assert {item for item, _ in drawn if targets[item] == 5} == {100, 101}
    assert len({item for item, _ in drawn if targets[item] == 3}) > 50


def test_an_incomplete_round_is_missing_at_random() -> None:
    sampler = BalancedSampler([0, 1, 2], 4, seed=0)
    last = set()
    for epoch in range(30):
        sampler.epoch = epoch
        last.add(list(sampler)[-1][0])
    assert last == {0, 1, 2}


def test_the_sampler_depends_on_seed_and_epoch_only() -> None:
    def drawn(seed: int, epoch: int) -> list[tuple[int, int]]:
        sampler = BalancedSampler([0, 1] * 20, 40, seed)
        sampler.epoch = epoch
        return list(sampler)

    assert drawn(0, 0) == drawn(0, 0)
    assert drawn(0, 0) != drawn(0, 1)
    assert drawn(0, 0) != drawn(1, 0)
