"""Prepared frames: every annotated video decoded once, squashed to 256×256, kept as plain arrays.

    <out>/store.json   what is inside: runs, chunks, splits, where it came from
    <out>/source.json  whose frames these are, so that two datasets never mix
    <out>/frames/      pixels, times and checksums of each run, see `training.frames`

Any 16 frames of any chunk are read by position without decoding the rest, through a memory map.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.annotations import Chunk
from core.driveact import SUBSETS
from core.errors import DataError
from training.frames import frames_path, times_path

FORMAT_VERSION = 1
EVERYONE = "all"
"""The subset of all chunks, whoever is in them."""


@dataclass(frozen=True, slots=True)
class Store:
    """An opened store: chunks by position, and which of them each split's subset uses."""

    folder: Path
    labels: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    splits: dict[int, dict[str, tuple[int, ...]]]
    description: dict[str, Any]

    def frames(self, file_id: str) -> NDArray[np.uint8]:
        """Memory map N×256×256×C uint8 of one run.

        Raises:
            DataError: the file is gone or damaged.
        """
        return _load(frames_path(self.folder, file_id), "r")

    def times_s(self, file_id: str) -> NDArray[np.float64]:
        """N times in seconds of one run.

        Raises:
            DataError: the file is gone or damaged.
        """
        return _load(times_path(self.folder, file_id))

    def subset(self, split: int, name: str) -> tuple[int, ...]:
        """Positions of the chunks in one subset of one split; of all chunks for "all"."""
        if name == EVERYONE:
            return tuple(range(len(self.chunks)))
        if split not in self.splits or name not in self.splits[split]:
            raise DataError(
                f"{self.folder} has no split {split} {name}; it has "
                f"{', '.join(str(number) for number in self.splits)} with {', '.join(SUBSETS)}, "
                f"and {EVERYONE}."
            )
        return self.splits[split][name]


def open_store(folder: Path) -> Store:
    """Open a prepared store.

    Raises:
        DataError: there is none, or it was written by another version.
    """
    path = folder / "store.json"
    try:
        description = json.loads(path.read_text())
        if description["format"] != FORMAT_VERSION:
            raise DataError(f"{path} has format {description['format']}; prepare it again.")
        chunks = tuple(Chunk(*row) for row in description["chunks"])
        splits = {
            int(split): {name: tuple(members) for name, members in subsets.items()}
            for split, subsets in description["splits"].items()
        }
        labels = tuple(description["labels"])
    except OSError as error:
        raise DataError(
            f"{folder} is no prepared store (no store.json); run incab-train prepare first."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); run incab-train prepare again.") from error
    return Store(folder, labels, chunks, splits, description)


def _load(path: Path, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode=mmap_mode)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} is gone or damaged ({error}); run incab-train prepare --verify."
        ) from error
