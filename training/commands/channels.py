"""`incab-train channels`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Make of grey students the same students for colour clips, or the other way round.

    Both forms answer grey pictures alike; the grey one takes less time, the other is the paper's.
    Name an int8 student after the fp32 student that it was fine-tuned from: what is made of them
    are twins again.

    Example: incab-train channels grey/fp32.safetensors grey/int8.safetensors --to rgb
    --data data/store --out rgb
    """

    models: Positional[tuple[Path, ...]]
    """Model files, fp32 first."""
    to: Literal["grey", "rgb"]
    """One channel, or three that are weighed alike."""
    data: Path
    """A prepared store, to measure them on."""
    out: Path
    """Folder to write into; the files keep their names."""
    split: int = 0
    """Which split of the people measures them."""
    threads: int = 2
    """CPU threads."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError("threads must be at least 1")
        if not self.models:
            raise ValueError("name at least one model file")

    def run(self, console: Console) -> None:
        from training.channels import convert_files
        from training.export import written_in_words
        from training.store import open_store

        models = convert_files(
            self.models, self.to, open_store(self.data), self.split, self.threads, self.out
        )
        for model in models:
            console.print(written_in_words(model), soft_wrap=True)
