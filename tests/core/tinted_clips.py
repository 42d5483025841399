"""Small clips in five tints, which a short student learns to tell apart in seconds."""

from __future__ import annotations

import numpy as np
import torch

SIZE = (4, 32, 32, 3)  # T, H, W, C
# What the short student learns to tell apart: three colours, dark and bright.
TINTS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [60, 60, 60], [200, 200, 200]])
CLASSES = len(TINTS)


def clips(count: int, seed: int = 0) -> list[np.ndarray]:
    """T×H×W×C uint8 clips, coarse and fine; clip i has tint i modulo CLASSES."""
    random = np.random.default_rng(seed)
    made = []
    for index in range(count):
        block = int(random.choice([1, 4, 8]))
        noise = random.normal(0, 35, (SIZE[0], SIZE[1] // block, SIZE[2] // block, 3))
        noise = noise.repeat(block, axis=1).repeat(block, axis=2)
        tint = TINTS[index % CLASSES] + random.uniform(-25, 25, 3)
        made.append(np.clip(tint + noise, 0, 255).astype(np.uint8))
    return made


def targets(count: int) -> torch.Tensor:
    return torch.arange(count) % CLASSES
