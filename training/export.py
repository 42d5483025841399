"""From a finished run to a model file: fuse or convert, measure, add golden answers, write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.engines import DEFAULT_ENGINE, load_engine
from core.engines.reference import ReferenceEngine
from core.errors import DataError
from core.fusion import fuse_i3d
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model, save_model
from core.models.i3d import I3D
from core.network import FloatNetwork, Network
from core.quantization import QatMobileNet3D, convert, fuse
from training.calibration import fit_temperature
from training.evaluate import evaluate_model, targets_of
from training.run import Run

MODEL_FILE = "model.safetensors"


def export_run(run: Run, threads: int) -> Model:
    """Write the run's best epoch as `<run>/model.safetensors`, measured on val and test.

    An int8 model carries the hash of the fp32 file it was fine-tuned from.

    Raises:
        DataError: the fp32 file beside the start weights is not made of exactly those weights.
    """
    run.load_best()
    model, parent = run.model, None
    network: Network
    if isinstance(model, QatMobileNet3D):
        network, parent = convert(model), _parent(run)
    elif isinstance(model, I3D):
        network = fuse_i3d(model, (run.spec.frames, run.spec.crop, run.spec.crop))
    else:
        network = fuse(model)
    reference = ReferenceEngine(network)
    golden = {
        name: reference.logits(golden_clip(name, run.spec.clip_shape)) for name in GOLDEN_NAMES
    }
    exported = Model(
        network=network,
        clip=run.spec,
        labels=run.store.labels,
        architecture=_architecture(run),
        training=_how_trained(run),
        parent=parent,
        golden=golden,
    )
    path = run.out / MODEL_FILE
    save_model(_with_metrics(exported, run, threads), path)
    return load_model(path)


def _with_metrics(model: Model, run: Run, threads: int) -> Model:
    """Accuracy on val and test people; the temperature comes from val alone."""
    engine = load_engine(model, DEFAULT_ENGINE, threads)
    val = run.store.subset(run.split, "val")
    _, logits = evaluate_model(model, engine, run.store, val)
    temperature = fit_temperature(logits, targets_of(run.store, val))
    model = replace(model, temperature=temperature)
    metrics: dict[str, Any] = {}
    for subset in ("val", "test"):
        positions = run.store.subset(run.split, subset)
        if positions:
            metrics[subset], _ = evaluate_model(model, engine, run.store, positions)
    return replace(model, metrics=metrics)


def _architecture(run: Run) -> dict[str, Any]:
    if run.recipe.model == "i3d":
        return {"name": "i3d"}
    return {"name": run.recipe.model, "width_multiplier": run.recipe.width_multiplier}


def _how_trained(run: Run) -> dict[str, Any]:
    """The run's description, with names instead of paths, which mean nothing elsewhere."""
    described = run.description()
    described["history"] = _history(run)
    described["teacher"] = run.teacher_path.name if run.teacher_path else None
    for name in ("start", "labels"):
        del described[name]
    return described


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
