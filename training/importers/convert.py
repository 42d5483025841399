"""From a checkpoint to a model: recognised, read, named, and given golden answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from core.engines import DEFAULT_ENGINE, load_engine
from core.errors import EngineError, ModelFileError
from core.modelfile import Model, load_model
from core.network import Network
from training.checkpoint import read_description, weights_sha256
from training.config import recipe_of_run
from training.export import golden_answers
from training.importers.formats import Part, PartName, Source, choose, recognise
from training.importers.i3d import read_i3d
from training.importers.int8 import read_int8_mobilenet
from training.importers.labels import choose_labels
from training.importers.mobilenet import lost_relus, read_mobilenet
from training.importers.reading import is_model_file, read_checkpoint
from training.inheritance import inherited_from
from training.people import recorded_people


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
    path: Path, labels: Path | None = None, part: PartName | None = None
) -> Imported:
    """Read a checkpoint that InCab knows; see docs/checkpoints.md.

    Args:
        path: a .pth, .pt or .safetensors file.
        labels: a list of class names; None looks into the checkpoint and beside it.
        part: which network of the paper's checkpoints; None takes the student, in int8 if it can.

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
    return _tried(imported)


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
        recipe = recipe_of_run(described)
    except ValueError as error:
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
            architecture = {"name": "mobilenet3d", "width_multiplier": width}
            return network, architecture, [*_left_out(part), *lost_relus(network)]
        return read_i3d(part), {"name": "i3d"}, _left_out(part)


def _left_out(part: Part) -> list[str]:
    if not any("weight_fake_quant" in key for key in part.state):
        return []
    return ["Its fake quantization is left out: this is the float network below it."]


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
        "sha256": weights_sha256(path),
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
        model = replace(model, golden=golden_answers(network, clip))
    except ValueError as error:
        raise ModelFileError(f"{path} cannot be imported: {error}.") from error
    return Imported(model, part.source.title, where, tuple(notes))


def _tried(imported: Imported) -> Imported:
    """A note where the default engine does not run the model on this CPU."""
    try:
        load_engine(imported.model, DEFAULT_ENGINE)
    except EngineError as error:
        return replace(imported, notes=(*imported.notes, str(error)))
    return imported
