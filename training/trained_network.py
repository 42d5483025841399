"""The network as it was trained, called like an engine, to be compared with its model file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import DataError
from core.models.mobilenet3d import MobileNet3D
from core.quantization import QatMobileNet3D
from training.checkpoint import BEST_FILE, description_of_trained, load
from training.config import Recipe
from training.hardware import as_input
from training.inheritance import inherited_from
from training.models import new_model


class TrainedNetwork:
    """A run's best epoch in PyTorch, fake-quantized where it was trained so.

    Raises:
        DataError: the folder holds no finished epoch, or its weights do not fit its recipe.
    """

    name = "trained"

    def __init__(self, run: Path, classes: int) -> None:
        described = description_of_trained(run)
        recipe = _recipe(described, run)
        model: torch.nn.Module = new_model(recipe, classes, inherited_from(described))
        if recipe.quantize:
            model = QatMobileNet3D(
                cast(MobileNet3D, model), recipe.weight_limit, recipe.learned_step_sizes
            )
        try:
            model.load_state_dict(load(run / BEST_FILE))
        except RuntimeError as error:
            raise DataError(
                f"{run / BEST_FILE} does not fit the recipe beside it; train that run again."
            ) from error
        self.clip = recipe.clip
        self._model = model.eval().to(memory_format=torch.channels_last_3d)

    @torch.no_grad()
    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """T×H×W×C uint8 pixels to K float32 logits."""
        clip = torch.from_numpy(np.ascontiguousarray(pixels)).permute(3, 0, 1, 2)[None]
        return self._model(as_input(clip))[0].numpy()


def _recipe(described: Mapping[str, Any], run: Path) -> Recipe:
    try:
        return Recipe(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in described["recipe"].items()
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"The recipe of {run} cannot be read ({error}); train it again.") from error
