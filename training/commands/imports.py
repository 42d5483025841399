"""`incab-train import`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from tyro.conf import Positional

from core.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Import:
    """Turn a published checkpoint into a model file that says itself what it wants to see.

    Knows Efficient-3DCNNs' MobileNet, kinetics_i3d_pytorch, pytorch-i3d, the paper's checkpoints
    and InCab's own. Nothing in the file is run.

    Example: incab-train import kinetics_mobilenet_0.5x_RGB_16_best.pth --out kinetics.safetensors
    """

    file: Positional[Path]
    """A .pth, .pt or .safetensors file."""
    out: Path
    """The model file to write."""
    labels: Path | None = None
    """Class names in index order (.txt, .csv or .json); else they are looked for in the checkpoint
    and beside it."""
    part: Literal["student", "float_student", "int_student", "teacher", "model"] | None = None
    """Which network of the paper's checkpoints, which may hold several; else the student, in int8
    where there is one."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self, console: Console) -> None:
        from core.modelfile import load_model, save_model
        from training.importers.convert import import_checkpoint

        if self.out.is_dir():
            raise DataError(f"{self.out} is a folder; name the model file to write with --out.")
        if self.out.exists() and self.file.exists() and self.out.samefile(self.file):
            raise DataError(f"--out {self.out} is the checkpoint itself; choose another name.")
        imported = import_checkpoint(self.file, self.labels, self.part)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        save_model(imported.model, self.out)
        model = load_model(self.out)
        clip, mean = model.clip, model.network.normalization.mean
        span = "consecutive" if clip.span_s is None else f"spread over {clip.span_s:g} s"
        shape = "its central square" if clip.keep_aspect else "squashed"
        width = model.architecture.get("width_multiplier")
        facts = {
            "from": imported.source,
            "network": f"{model.kind} {model.architecture.get('name')}"
            + (f", width {width:g}" if isinstance(width, int | float) else ""),
            "classes": f"{len(model.labels)}, named by {imported.labels_from}",
            "clips": f"{clip.frames} frames, {span}, {clip.crop}×{clip.crop} of "
            f"{clip.resize}×{clip.resize} ({shape}), {clip.channels}",
            "pixels": f"(byte - {', '.join(f'{value:g}' for value in mean)}) × "
            f"{model.network.normalization.scale:.6g}",
        }
        for name, fact in facts.items():
            console.print(f"{name:8} {fact}", highlight=False, soft_wrap=True)
        for note in imported.notes:
            console.print(f"- {note}", highlight=False, soft_wrap=True)
        console.print(f"Wrote {model.path} ({model.file_mb:.2f} MB)", soft_wrap=True)
