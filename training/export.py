"""From a finished run to a model file: fuse or convert, measure, add golden answers, write."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.engines import DEFAULT_ENGINE, load_engine
from core.engines.reference import ReferenceEngine
from core.errors import DataError
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model, save_model
from core.network import FloatNetwork
from core.quantization import QatMobileNet3D, convert, fuse
from training.evaluate import evaluate_model
from training.loop import Run

MODEL_FILE = "model.safetensors"


def export_run(run: Run, threads: int) -> Model:
    """Write the run's best epoch as `<run>/model.safetensors`, measured on val and test.

    An int8 model carries the hash of the fp32 file it was fine-tuned from.

    Raises:
        DataError: the fp32 file beside the start weights is not made of exactly those weights.
    """
    run.load_best()
    model = run.model
    if isinstance(model, QatMobileNet3D):
        network, parent = convert(model), _parent(run)
    else:
        network, parent = fuse(model), None
    recipe = run.recipe
    reference = ReferenceEngine(network)
    golden = {
        name: reference.logits(golden_clip(name, run.spec.clip_shape)) for name in GOLDEN_NAMES
    }
    exported = Model(
        network=network,
        clip=run.spec,
        labels=run.store.labels,
        architecture={"name": "mobilenet3d", "width_multiplier": recipe.width_multiplier},
        training={
            "recipe": asdict(recipe),
            "split": run.split,
            "data": run.store.description["origin"],
            "history": _history(run),
            "versions": {
                "incab": version("incab"),
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        },
        parent=parent,
        golden=golden,
    )
    path = run.out / MODEL_FILE
    save_model(_with_metrics(exported, run, threads), path)
    return load_model(path)


def _with_metrics(model: Model, run: Run, threads: int) -> Model:
    engine = load_engine(model, DEFAULT_ENGINE, threads)
    metrics: dict[str, Any] = {}
    for subset in ("val", "test"):
        positions = run.store.subset(run.split, subset)
        if positions:
            metrics[subset], _ = evaluate_model(model, engine, run.store, positions)
    return replace(model, metrics=metrics)


def _history(run: Run) -> list[str]:
    """The runs whose weights this one started from, nearest first."""
    names: list[str] = []
    start = run.start
    while start is not None and start.name not in names:
        names.append(start.name)
        start = read_start(start)
    return names


def read_start(run: Path) -> Path | None:
    """The run another run started from, as its recipe.json says."""
    try:
        start = json.loads((run / "recipe.json").read_text())["start"]
    except (OSError, ValueError, KeyError):
        return None
    return Path(start) if start else None


def _parent(run: Run) -> str | None:
    """Hash of the fp32 model file of exactly the student that quantization started from."""
    if run.start is None or run.fp32_network is None:
        return None
    fp32 = load_model(run.start / MODEL_FILE)
    if not isinstance(fp32.network, FloatNetwork) or not _same(fp32.network, run.fp32_network):
        raise DataError(
            f"{run.start / MODEL_FILE} was not made from {run.start / 'best.pt'}; "
            "export that run again, so that the twin has the right parent."
        )
    return fp32.sha256


def _same(one: FloatNetwork, other: FloatNetwork) -> bool:
    pairs = zip(
        (*one.convolutions, one.classifier), (*other.convolutions, other.classifier), strict=True
    )
    return all(
        np.array_equal(a.weight, b.weight) and np.array_equal(a.bias, b.bias) for a, b in pairs
    )
