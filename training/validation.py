"""How good a model is while it trains.

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from contextlib import closing

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Subset

from training.batches import loaded
from training.dataset import ChunkDataset
from training.hardware import as_input
from training.processes import ALONE, Processes


@torch.inference_mode()
def validate(
    model: nn.Module,
    data: ChunkDataset,
    batch_size: int,
    device: torch.device | None = None,
    processes: Processes = ALONE,
    workers: int = 0,
) -> dict[str, float]:
    """Top-1 and mean per-class accuracy, and mean cross-entropy, on evaluation clips in float32.

    Each process takes its share of the clips, and all know the whole answer.
    """
    model.eval()
    classes = len(data.store.labels)
    # Clips seen, clips right and sum of losses for each class.
    counts = torch.zeros(3, classes, dtype=torch.float64, device=device)
    share = Subset(data, range(processes.rank, len(data), processes.count))
    with closing(loaded(share, batch_size=batch_size, workers=workers)) as batches:
        for clips, targets in batches:
            targets = targets.to(device)
            logits = model(as_input(clips, device))
            losses = functional.cross_entropy(logits, targets, reduction="none")
            hits = logits.argmax(dim=1) == targets
            ones = torch.ones_like(losses)
            counts.index_add_(1, targets, torch.stack([ones, hits, losses]).double())
    seen, right, losses = processes.total(counts).cpu()
    present = seen > 0
    return {
        "mean_per_class_accuracy": float((right[present] / seen[present]).mean()),
        "top1": float(right.sum() / seen.sum()),
        "cross_entropy": float(losses.sum() / seen.sum()),
    }
