"""What a network keeps of its start, which no recipe says: how bytes are read, and lost ReLUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import DataError
from core.normalization import UNIT_RANGE, Normalization


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a run passes on to those that start from it; nothing of it in a run from scratch.

    Attributes:
        normalization: how bytes are read.
        without_relu: convolutions of a student that no ReLU follows, counted from 0.
    """

    normalization: Normalization = UNIT_RANGE
    without_relu: tuple[int, ...] = ()

    def description(self) -> dict[str, Any]:
        """For recipe.json, what is not as usual."""
        described: dict[str, Any] = {}
        if not self.normalization.is_unit_range:
            described["pixels"] = asdict(self.normalization)
        if self.without_relu:
            described["without_relu"] = list(self.without_relu)
        return described


NOTHING = Inherited()


def inherited_from(described: Mapping[str, Any]) -> Inherited:
    """What recipe.json says of it.

    Raises:
        DataError: it says something else.
    """
    read, without = described.get("pixels"), described.get("without_relu", [])
    if not isinstance(without, list) or not all(type(index) is int for index in without):
        raise DataError("recipe.json has no list of numbers in without_relu; train that run again.")
    if read is None:
        return Inherited(UNIT_RANGE, tuple(without))
    try:
        normalization = Normalization(tuple(read["mean"]), read["scale"])
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"recipe.json reads pixels in no way known here ({error}).") from error
    return Inherited(normalization, tuple(without))
