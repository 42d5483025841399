"""Puts a checkpoint's tensors under the names of InCab's own module, each in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from training.importers.reading import as_float

_COUNTER = "num_batches_tracked"
# What is learned or measured by fake quantization, which a float network does without.
_FAKE_QUANTIZATION = ("weight_fake_quant", "activation_post_process")


def load_renamed(module: nn.Module, state: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Fill every parameter and buffer of `module` from `state`.

    Args:
        module: one of core.models.
        state: a checkpoint's tensors.
        names: the checkpoint's name of each layer, and InCab's.

    Raises:
        ValueError: a tensor is missing, left over, of another shape, or no array of floats.
    """
    wanted = {key: value for key, value in module.state_dict().items() if _COUNTER not in key}
    found: dict[str, tuple[str, Tensor]] = {}
    unknown: list[str] = []
    for key, tensor in state.items():
        if _COUNTER in key or any(word in key for word in _FAKE_QUANTIZATION):
            continue
        layer, _, kind = key.rpartition(".")
        ours = f"{names.get(layer)}.{kind}"
        if ours not in wanted:
            unknown.append(key)
        elif ours in found:
            raise ValueError(f"{key} and {found[ours][0]} are both {ours}")
        else:
            found[ours] = key, tensor
    missing = [key for key in wanted if key not in found]
    if missing or unknown:
        raise ValueError(_difference(missing, unknown, names))
    # All shapes before any values: only then they are sure to be few enough to copy.
    for ours, (key, tensor) in found.items():
        _check_shape(as_shape(tensor, key), wanted[ours].shape, key)
    plain = {
        ours: as_float(tensor, key).reshape(wanted[ours].shape)
        for ours, (key, tensor) in found.items()
    }
    for ours, value in plain.items():
        # An infinite variance would silence its channel without a word.
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"{found[ours][0]} holds NaN or infinity")
    module.load_state_dict(plain, strict=False)


def as_shape(tensor: object, name: str) -> Tensor:
    """The tensor itself; ValueError for anything else."""
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{name} is no tensor")
    return tensor


def _check_shape(tensor: Tensor, shape: torch.Size, name: str) -> None:
    # I3D's classifier is a convolution elsewhere, with axes of one.
    given = tuple(tensor.shape)
    if given != tuple(shape) and given != (*shape, *([1] * (len(given) - len(shape)))):
        raise ValueError(
            f"{name} is {_times(given)}, where such a network has {_times(tuple(shape))}"
        )


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a number"


def _difference(missing: list[str], unknown: list[str], names: Mapping[str, str]) -> str:
    """In the checkpoint's own names, what it lacks and what it has too much."""
    theirs = {ours: key for key, ours in names.items()}
    told = []
    if missing:
        layer, _, kind = missing[0].rpartition(".")
        told.append(f"lacks {len(missing)} tensors such as {theirs.get(layer, layer)}.{kind}")
    if unknown:
        told.append(f"has {len(unknown)} that such a network has not, such as {unknown[0]}")
    return f"it {' and '.join(told)}"
