"""`incab-train export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a model file as OpenVINO IR or as ONNX, for use without InCab.

    The file is read back and has to answer as the exact reference does before it gets its name.
    What goes in is uint8 N x T x H x W x C, frames as the camera gives them, oldest first; labels,
    clip, temperature and metrics are in the file's metadata.

    Example: incab-train export int8.safetensors --format onnx --out int8.onnx
    """

    model: Positional[Path]
    """A model file, fp32 or int8."""
    format: Literal["openvino", "onnx"]
    """OpenVINO IR (.xml, with its weights in .bin) or ONNX (int8 as QDQ)."""
    out: Path
    """File to write, ending in .xml or .onnx."""
    threads: int = 2
    """CPU threads for the check."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError("threads must be at least 1")

    def run(self, console: Console) -> None:
        from core.modelfile import load_model
        from training.exporters.export import export

        exported = export(load_model(self.model), self.format, self.out, self.threads)
        files = " and ".join(str(file) for file in exported.files)
        console.print(
            f"Wrote {files} ({exported.file_mb:.2f} MB); read back, its logits are "
            f"{exported.deviation:.1e} of their spread off the reference "
            f"({exported.tolerance:.1e} allowed).",
            soft_wrap=True,
            highlight=False,
        )
