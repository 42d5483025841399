"""Several processes, on one machine or many, that train one model together (torchrun)."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist


@dataclass(frozen=True, slots=True)
class Processes:
    """Which of `count` processes this one is. Alone, everything below gives back what it got."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """The sum of everybody's values; they must lie on the device that trains."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def everybodys(self, thing: Any) -> list[Any]:
        """Each process's own thing, by rank."""
        things: list[Any] = [thing] * self.count
        if self.count > 1:
            dist.all_gather_object(things, thing)
        return things

    def take_state_of_first(self, module: nn.Module) -> None:
        """Batch statistics, ranges and step sizes as the first process saw them."""
        if self.count > 1:
            # Step sizes are parameters, but follow each process's own data while it is observed.
            for tensor in (*module.buffers(), *module.parameters()):
                dist.broadcast(tensor.detach(), 0)


ALONE = Processes()


def local_rank() -> int:
    """Which process of this machine this is; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def joined(device: torch.device) -> Generator[Processes]:
    """The processes that torchrun started, met and connected; without torchrun this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
