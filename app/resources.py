"""What the first run needs, found in the installed package: models and the demonstration clip."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_ASSETS = Path(str(files("assets")))

INT8_MODEL = _ASSETS / "models" / "cabin_int8.safetensors"
FP32_MODEL = _ASSETS / "models" / "cabin_fp32.safetensors"
DEMO_CLIP = _ASSETS / "demo" / "cabin.mp4"
DEMO_ANNOTATIONS = _ASSETS / "demo" / "cabin.csv"
ICON = _ASSETS / "icons" / "incab.svg"
