"""The network as it was trained, called like an engine, to be compared with its model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import DataError
from training.checkpoint import BEST_FILE, description_of_trained, load
from training.config import recipe_of_run
from training.inheritance import inherited_from
from training.models import new_model, quantized
from training.rebuilding import logits_of


class TrainedNetwork:
    """A run's best epoch in PyTorch, fake-quantized where it was trained so.

    Raises:
        DataError: the folder holds no finished epoch, or its weights do not fit its recipe.
    """

    name = "trained"

    def __init__(self, run: Path, classes: int) -> None:
        described = description_of_trained(run)
        try:
            recipe = recipe_of_run(described)
        except ValueError as error:
            raise DataError(f"{run} cannot be used ({error}); train it again.") from error
        model: nn.Module = new_model(recipe, classes, inherited_from(described))
        if recipe.quantize:
            model = quantized(model, recipe)
        try:
            model.load_state_dict(load(run / BEST_FILE))
        except RuntimeError as error:
            raise DataError(
                f"{run / BEST_FILE} does not fit the recipe beside it; train that run again."
            ) from error
        self.clip = recipe.clip
        self._model = model.eval().to(memory_format=torch.channels_last_3d)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        return logits_of(self._model, pixels)
