"""From a checkpoint to a model: recognised, read, named, and given golden answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from core.engines import DEFAULT_ENGINE, load_engine
from core.engines.reference import ReferenceEngine
from core.errors import DataError, EngineError, ModelFileError
from core.golden import GOLDEN_NAMES, golden_clip
from core.modelfile import Model, load_model
from core.network import Network
from training.checkpoint import read_description
from training.config import Recipe
from training.importers.formats import Part, PartName, Source, choose, recognise
from training.importers.i3d import read_i3d
from training.importers.int8 import read_int8_mobilenet
from training.importers.labels import choose_labels
from training.importers.mobilenet import read_mobilenet
from training.importers.reading import is_model_file, read_checkpoint
from training.inheritance import inherited_from
from training.models import recorded_people


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A model that is not written yet.

    Attributes:
        model: with golden answers.
        source: the project that it comes from.
        labels_from: where its class names were found.
        notes: what is different from a model that InCab trains, in sentences.
    """

    model: Model
    source: str
    labels_from: str
    notes: tuple[str, ...]


def import_checkpoint(
    path: Path, labels: Path | None = None, part: PartName | None = None, threads: int = 2
) -> Imported:
    """Read a checkpoint that InCab knows; see docs/checkpoints.md.

    Args:
        path: a .pth, .pt or .safetensors file.
        labels: a list of class names; None looks into the checkpoint and beside it.
        part: which network of the paper's checkpoints; None takes the student, in int8 if it can.
        threads: CPU threads of the engine that tries the result.

    Raises:
        ModelFileError: the file is unsafe, damaged, or of no format that InCab knows.
        DataError: the class names do not fit.
    """
    if is_model_file(path):
        imported = _own_model(path, labels)
    else:
        content = read_checkpoint(path)
        try:
            chosen = choose(recognise(content), part)
            if chosen.architecture.startswith("own"):
                chosen = replace(chosen, source=_source_of_run(path, chosen.source))
            network, architecture, notes = _network_of(chosen)
        except (ValueError, LookupError, TypeError, RuntimeError, OverflowError) as error:
            reason = str(error).split("\n", 1)[0][:300]
            raise ModelFileError(f"{path} cannot be imported: {reason}.") from error
        imported = _named(path, labels, content, chosen, network, architecture, notes)
    return _tried(imported, threads)


def _own_model(path: Path, labels: Path | None) -> Imported:
    model = load_model(path)
    where = "the model file"
    if labels is not None:
        names, where = choose_labels(path, len(model.labels), labels, None)
        model = replace(model, labels=names)
    return Imported(model, "InCab", where, ())


def _source_of_run(path: Path, source: Source) -> Source:
    """What a run of InCab's own looked at, which its recipe.json says."""
    described = read_description(path.parent)
    try:
        settings = described["recipe"]
        recipe = Recipe(**settings | {"milestones": tuple(settings["milestones"])})
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(
            "it is a run's weights, and beside it lies no readable recipe.json that says what they "
            "look at"
        ) from error
    inherited = inherited_from(described)
    return replace(
        source,
        clip=recipe.clip,
        normalization=inherited.normalization,
        without_relu=inherited.without_relu,
    )


def _network_of(part: Part) -> tuple[Network, dict[str, Any], list[str]]:
    # Fresh weights are drawn only to be overwritten.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        if part.architecture == "int8 mobilenet":
            int8, width, notes = read_int8_mobilenet(part)
            return int8, {"name": "mobilenet3d", "width_multiplier": width}, notes
        if part.architecture in ("mobilenet", "own mobilenet"):
            network, width = read_mobilenet(part)
            notes = _notes(part, sum(not conv.relu for conv in network.convolutions))
            return network, {"name": "mobilenet3d", "width_multiplier": width}, notes
        return read_i3d(part), {"name": "i3d"}, _notes(part, 0)


def _notes(part: Part, without_relu: int) -> list[str]:
    notes = []
    if any("weight_fake_quant" in key for key in part.state):
        notes.append("Its fake quantization is left out: this is the float network below it.")
    if without_relu:
        notes.append(
            f"{without_relu} depthwise convolutions have no ReLU: it was lost when their blocks "
            "were fused, and the network was trained without it."
        )
    return notes


def _named(
    path: Path,
    labels: Path | None,
    content: Mapping[str, Any],
    part: Part,
    network: Network,
    architecture: dict[str, Any],
    notes: list[str],
) -> Imported:
    classes = network.classifier.weight.shape[0]
    described = read_description(path.parent) if part.architecture.startswith("own") else {}
    kept = content.get("annotation")
    if kept is None:
        kept = described.get("labels")
    names, where = choose_labels(path, classes, labels, kept)
    origin: dict[str, Any] = {
        "from": part.source.title,
        "file": path.name,
        "sha256": _sha256(path),
        "network": part.name,
        "batch_norm_eps": part.source.batch_norm_eps,
    }
    epoch = content.get("epoch")
    if isinstance(epoch, int):
        origin["epoch"] = epoch
    clip = replace(
        part.source.clip,
        channels="grey"
        if network.convolutions[0].weight.shape[1] == 1
        else part.source.clip.channels,
    )
    try:
        model = Model(
            network=network,
            clip=clip,
            labels=names,
            architecture=architecture,
            training={"imported": origin, **recorded_people(described)},
        )
        reference = ReferenceEngine(network)
        golden = {
            name: reference.logits(golden_clip(name, clip.clip_shape)) for name in GOLDEN_NAMES
        }
        model = replace(model, golden=golden)
    except ValueError as error:
        raise ModelFileError(f"{path} cannot be imported: {error}.") from error
    return Imported(model, part.source.title, where, tuple(notes))


def _tried(imported: Imported, threads: int) -> Imported:
    """A note where the default engine does not run the model on this CPU."""
    try:
        load_engine(imported.model, DEFAULT_ENGINE, threads)
    except EngineError as error:
        return replace(imported, notes=(*imported.notes, str(error)))
    return imported


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error
