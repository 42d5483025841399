"""`incab-train quantize`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from core.errors import DataError
from core.network import LARGEST_EXACT_WEIGHT


@dataclass(frozen=True, kw_only=True)
class Quantize:
    """Turn a trained float student into int8 without training it: post-training quantization.

    Clips of training people calibrate the ranges of its activations. This is the cheap comparison
    for quantization-aware training, which is `fit` with a recipe such as qd.

    Example: incab-train quantize runs/kd --data data/store --out kd_ptq.safetensors
    """

    model: Positional[Path]
    """A finished float run, or an fp32 model file."""
    data: Path
    """A prepared store."""
    out: Path
    """Model file to write (.safetensors)."""
    split: int = 0
    """Which split of the people: those who train calibrate, the others measure."""
    clips: int = 512
    """Clips that calibrate, balanced over the classes."""
    seed: int = 0
    """Which clips those are."""
    weight_limit: int = LARGEST_EXACT_WEIGHT
    """Largest |int8 weight|; 63 stays exact on CPUs without VNNI."""
    threads: int = 2
    """CPU threads."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if self.clips < 1:
            raise ValueError("clips must be at least 1")
        if self.threads < 1:
            raise ValueError("threads must be at least 1")
        if not 1 <= self.weight_limit <= 127:
            raise ValueError("weight_limit must be 1 to 127")
        if self.seed < 0:
            raise ValueError("seed must not be negative")

    def run(self, console: Console) -> None:
        from core.modelfile import load_model, save_model
        from training.export import written_in_words
        from training.post_training import quantize_after_training
        from training.store import open_store

        if self.out.suffix != ".safetensors":
            raise DataError(f"{self.out} must end in .safetensors; choose such a name.")
        if self.out.exists():
            raise DataError(f"{self.out} is there already; remove it or choose another --out.")
        model = quantize_after_training(
            self.model,
            open_store(self.data),
            self.split,
            clips=self.clips,
            seed=self.seed,
            weight_limit=self.weight_limit,
            threads=self.threads,
        )
        self.out.parent.mkdir(parents=True, exist_ok=True)
        save_model(model, self.out)
        console.print(written_in_words(load_model(self.out)), soft_wrap=True)
