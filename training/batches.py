"""Which clips go into which step, whoever computes them."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from training.dataset import BalancedSampler
from training.processes import Processes

Item = tuple[int, int]


class StepBatches(Sampler[list[Item]]):
    """One process's batches of an epoch from step `first_step` on, without an incomplete last step.

    Each step's `batch_size` clips are cut into pieces, `accumulate` for every process. Piece n goes
    to process n modulo their number, so that the same pieces make the same step whether many
    processes take them at once or one process takes them in turn.
    """

    def __init__(
        self, sampler: BalancedSampler, batch_size: int, accumulate: int, processes: Processes
    ) -> None:
        self.sampler = sampler
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.processes = processes
        self.first_step = 0

    @property
    def steps(self) -> int:
        """Steps of a whole epoch."""
        return len(self.sampler) // self.batch_size

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.accumulate

    def __iter__(self) -> Iterator[list[Item]]:
        items = list(self.sampler)
        count, rank = self.processes.count, self.processes.rank
        size = self.batch_size // (self.accumulate * count)
        for step in range(self.first_step, self.steps):
            for piece in range(rank, self.accumulate * count, count):
                start = step * self.batch_size + piece * size
                yield items[start : start + size]

    def items_of(self, step: int) -> list[Item]:
        """All clips of one step."""
        return list(self.sampler)[step * self.batch_size : (step + 1) * self.batch_size]
