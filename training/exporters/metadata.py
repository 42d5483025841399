"""What somebody who deploys an exported model has to know, written into the file itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version

from core.modelfile import Model

INPUT_NAME, OUTPUT_NAME = "pixels", "logits"


def metadata_of(model: Model) -> dict[str, str]:
    """Names and text for the properties of an exported file; lists and objects are JSON.

    `model_sha256` names the InCab model file it was made from, so that both stay traceable.
    """
    frames, height, width, channels = model.clip.clip_shape
    return {
        "incab_version": version("incab"),
        "kind": model.kind,
        "input": (
            f"{INPUT_NAME}: uint8, N x {frames} x {height} x {width} x {channels} "
            "(N x T x H x W x C), frames oldest first, as the camera gives them; scaling and "
            "transposing are part of the graph"
        ),
        "output": (
            f"{OUTPUT_NAME}: float32, N x {len(model.labels)}; "
            f"probabilities are softmax(logits / {model.temperature:.6g})"
        ),
        "labels": json.dumps(model.labels),
        "clip": json.dumps(asdict(model.clip)),
        "temperature": repr(model.temperature),
        "architecture": json.dumps(model.architecture),
        "metrics": json.dumps(model.metrics),
        "model_sha256": model.sha256,
        "parent_sha256": model.parent or "",
    }
