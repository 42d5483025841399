"""From a finished run to a model file: fuse or convert, measure, add golden answers, write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.clip import ClipSpec
from core.engines.reference import ReferenceEngine
from core.fusion import fuse, fuse_i3d
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model, save_model
from core.models.i3d import I3D
from core.network import Network
from core.quantization import QatMobileNet3D, convert
from training.calibration import fit_temperature, limit_in_words
from training.checkpoint import MODEL_FILE
from training.evaluate import evaluate_model, figures_of, measuring_engine, targets_of
from training.parent import parent_of
from training.run import Run
from training.store import Store


def export_run(run: Run, threads: int) -> Model:
    """Write the run's best epoch as `<run>/model.safetensors`, measured on val and test.

    An int8 model carries the hash of the fp32 file it was fine-tuned from; with float epochs of its
    own between the two it is no twin of that file.

    Raises:
        DataError: the fp32 file beside the start weights is not made of exactly those weights.
    """
    run.load_best()
    model, parent = run.model, None
    network: Network
    if isinstance(model, QatMobileNet3D):
        network = convert(model)
        is_twin = not run.recipe.quantize_from_epoch
        if is_twin and run.start is not None and run.fp32_network is not None:
            parent = parent_of(run.start, run.fp32_network)
    elif isinstance(model, I3D):
        network = fuse_i3d(model, (run.spec.frames, run.spec.crop, run.spec.crop))
    else:
        network = fuse(model)
    exported = Model(
        network=network,
        clip=run.spec,
        labels=run.store.labels,
        architecture=_architecture(run),
        training=_how_trained(run),
        parent=parent,
        golden=golden_answers(network, run.spec),
    )
    path = run.out / MODEL_FILE
    save_model(measured(exported, run.store, run.split, threads), path)
    return load_model(path)


def golden_answers(network: Network, clip: ClipSpec) -> dict[str, Any]:
    """What the exact engine answers to the golden clips, by name."""
    reference = ReferenceEngine(network)
    return {name: reference.logits(golden_clip(name, clip.clip_shape)) for name in GOLDEN_NAMES}


def measured(model: Model, store: Store, split: int, threads: int) -> Model:
    """The model with its accuracy on val and test people; the temperature comes from val alone."""
    engine = measuring_engine(model, threads)
    val = store.subset(split, "val")
    _, logits = evaluate_model(model, engine, store, val)
    targets = targets_of(store, val)
    model = replace(model, temperature=fit_temperature(logits, targets))
    metrics = {"val": figures_of(logits, targets, model.labels, model.temperature)}
    if test := store.subset(split, "test"):
        metrics["test"], _ = evaluate_model(model, engine, store, test)
    return replace(model, metrics=metrics)


def written_in_words(model: Model) -> str:
    """One sentence about a model that was loaded back: where, how large, how good.

    Whoever reads it may still be choosing, so it tells of the validation people alone.
    """
    accuracy = model.metrics["val"]["mean_per_class_accuracy"]
    limit = limit_in_words(model.temperature)
    note = f"; its {limit}" if limit else ""
    return f"Wrote {model.path} ({model.file_mb:.2f} MB, val mean per-class {accuracy:.1%}){note}"


def _architecture(run: Run) -> dict[str, Any]:
    if run.recipe.model == "i3d":
        return {"name": "i3d"}
    return {"name": run.recipe.model, "width_multiplier": run.recipe.width_multiplier}


def _how_trained(run: Run) -> dict[str, Any]:
    """The run's description, with names instead of paths, which mean nothing elsewhere."""
    described = run.description()
    described["teacher"] = run.teacher_path.name if run.teacher_path else None
    for name in ("start", "labels"):
        del described[name]
    return described
