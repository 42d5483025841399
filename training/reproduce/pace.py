"""How fast runs of one kind go here: tried on a few clips where no run has told it yet.

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from core.models.i3d import I3D
from training.config import Recipe
from training.hardware import as_input, computes_bfloat16
from training.models import Teacher, new_model, quantized
from training.optimizer import new_optimizer

# Enough on a CPU that a step costs what it does in a run, clip for clip; I3D ends in seconds.
_LARGEST_BATCH_ON_CPU = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides how long an epoch takes.

    Attributes:
        model: name of the network that computes.
        width_multiplier: of a student.
        quantized: whether it trains on fake-quantized values.
        pixels: a side of its clips.
        taught: whether a teacher answers to every clip in the same step.
        learns: False for a teacher that answers to stored draws.
    """

    model: str
    width_multiplier: float
    quantized: bool
    pixels: int
    taught: bool
    learns: bool = True


def kind_of(recipe: Recipe, epoch: int) -> Kind:
    """The kind of one epoch of a run."""
    return Kind(
        recipe.model,
        recipe.width_multiplier,
        recipe.quantize and epoch >= recipe.quantize_from_epoch,
        recipe.early_crop if epoch < recipe.early_epochs else recipe.crop,
        recipe.beta > 0 and recipe.stored_draws == 0,
    )


class Trials:
    """Clips/s of one step of each kind on random clips, each tried once.

    Reading clips is not in it. PyTorch's threads and random state are not what they were
    afterwards; every run sets its own.
    """

    def __init__(self, num_classes: int, device: torch.device | None, threads: int) -> None:
        self.num_classes, self.threads = num_classes, threads
        self.device = device or torch.device("cpu")
        self._known: dict[Kind, float] = {}

    def clips_per_s(self, recipe: Recipe, kind: Kind) -> float:
        """Of a run by this recipe in epochs of this kind."""
        if kind not in self._known:
            torch.set_num_threads(self.threads)
            self._known[kind] = self._try(recipe, kind)
        return self._known[kind]

    def _try(self, recipe: Recipe, kind: Kind) -> float:
        model = new_model(recipe, self.num_classes)
        network: nn.Module = model
        if not kind.learns:
            network = Teacher(model, {})
        elif kind.quantized:
            network = quantized(model, recipe)
        teacher = Teacher(I3D(self.num_classes), {}) if kind.taught else None
        for module in (network, teacher):
            if module is not None:
                module.to(self.device, memory_format=torch.channels_last_3d)
        optimizer = new_optimizer(network, recipe) if kind.learns else None
        bfloat16 = computes_bfloat16(recipe.precision, self.device)
        batch = recipe.batch_size // recipe.accumulate
        if self.device.type == "cpu":
            batch = min(batch, _LARGEST_BATCH_ON_CPU)
        shape = (batch, recipe.clip.channel_count, recipe.clip.frames, kind.pixels, kind.pixels)
        clips = torch.randint(0, 256, shape, dtype=torch.uint8)
        targets = torch.randint(self.num_classes, (batch,), device=self.device)
        took_s = 0.0
        # The first step also makes what later ones use again.
        for _ in range(2):
            started_s = time.perf_counter()
            x = as_input(clips, self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
                logits = network(x).float()
                if teacher is not None:
                    teacher(x)
            if optimizer is not None:
                optimizer.zero_grad(set_to_none=True)
                functional.cross_entropy(logits, targets).backward()
                optimizer.step()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            took_s = time.perf_counter() - started_s
        return batch / took_s
