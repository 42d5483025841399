"""Clips that show no activity, so that a student learns to be unsure of what it does not know.

Outlier exposure (Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier Exposure",
arXiv 1812.04606): beside the clips of a step the student sees some of them made unrecognisable, and
the cross-entropy of its answer to the uniform distribution is added with weight λ = 0.5. No other
recordings are needed, and none that InCab is measured on are used.

Legend: B batch, C channels, T frames, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

WEIGHT = 0.5
_TILES = (4, 7)
_ZOOMS = (3.0, 6.0)
_BLOBS = (3, 24)


def unfamiliar(clips: Tensor, count: int) -> Tensor:
    """`count` of B×C×T×H×W clips in [0, 1], each made unrecognisable in one of four ways.

    Random numbers are PyTorch's own; none are drawn for none. H = W, divisible by four.
    """
    if count == 0:
        return clips[:0]
    chosen = torch.randperm(len(clips))[:count]
    ways = torch.randint(len(_WAYS), (len(chosen),))
    made = [_WAYS[way](clips[item]) for item, way in zip(chosen, ways, strict=True)]
    return torch.stack(made)


def uniform_loss(logits: Tensor) -> Tensor:
    """Cross-entropy of N×K logits to the uniform distribution, mean over N."""
    return -functional.log_softmax(logits, dim=1).mean()


def _between(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _shuffled(clip: Tensor) -> Tensor:
    """Its tiles in another order, the same in every frame."""
    counts = [count for count in _TILES if clip.shape[-1] % count == 0]
    count = counts[int(torch.randint(len(counts), ()))]
    tiles = clip.unflatten(-1, (count, -1)).unflatten(-3, (count, -1))
    tiles = tiles.movedim((-4, -2), (0, 1)).flatten(0, 1)
    tiles = tiles[torch.randperm(count**2)].unflatten(0, (count, count))
    return tiles.movedim((0, 1), (-4, -2)).flatten(-2).flatten(-3, -2)


def _zoomed(clip: Tensor) -> Tensor:
    """A small part of it over the whole picture, as from a camera far too near."""
    size = clip.shape[-1]
    part = max(int(size / _between(*_ZOOMS)), 1)
    top, left = (int(torch.randint(size - part + 1, ())) for _ in range(2))
    detail = clip[..., top : top + part, left : left + part]
    return functional.interpolate(detail, (size, size), mode="bilinear")


def _upside_down(clip: Tensor) -> Tensor:
    """On its head, in negative."""
    return 1 - clip.flip(-2)


def _clouds(clip: Tensor) -> Tensor:
    """Blobs of some size that become other blobs."""
    channels, frames, size, _ = clip.shape
    blobs = int(torch.randint(_BLOBS[0], _BLOBS[1] + 1, ()))
    ends = torch.rand(1, 1, 2, blobs, blobs, device=clip.device)
    field = functional.interpolate(ends, (frames, size, size), mode="trilinear", align_corners=True)
    low = _between(0, 0.5)
    return (low + field[0] * _between(0.1, 1 - low)).expand(channels, -1, -1, -1)


_WAYS: tuple[Callable[[Tensor], Tensor], ...] = (_shuffled, _zoomed, _upside_down, _clouds)
