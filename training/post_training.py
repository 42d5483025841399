"""Post-training quantization: the cheap comparison for Algorithms 1 and 2, without any training.

A trained float student sees clips of training people; the ranges of its activations are noted (the
mean over batches of the ranges with the least squared error), weights are rounded as they are.

Legend: B batch, T frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.clip import ClipSpec
from core.errors import DataError
from core.fake_quantization import ActivationFakeQuantize
from core.fusion import fuse
from core.modelfile import Model, load_model
from core.models.mobilenet3d import MobileNet3D
from core.network import Int8Network
from core.quantization import DEFAULT_WEIGHT_LIMIT, QatMobileNet3D, convert
from training.dataset import BalancedSampler, ChunkDataset
from training.export import golden_answers, measured
from training.hardware import as_input
from training.models import load_float
from training.parent import parent_of
from training.people import seen_by
from training.provenance import COMMIT, data_fingerprint, versions
from training.store import Store

_BATCH_SIZE = 16


def quantize_after_training(
    source: Path,
    store: Store,
    split: int,
    *,
    clips: int = 512,
    seed: int,
    weight_limit: int = DEFAULT_WEIGHT_LIMIT,
    threads: int,
) -> Model:
    """The int8 model of a finished float run or fp32 model file, measured on val and test.

    Args:
        source: folder of the run, or the model file.
        store: prepared data; only training people calibrate.
        split: which people train.
        clips: how many clips calibrate, balanced over the classes.
        seed: of which clips those are.
        weight_limit: largest |int8 weight|.
        threads: CPU threads.

    Raises:
        DataError: it is no float student, knows other labels or people kept apart, or nobody
            trains in this split.
        ModelFileError: the file cannot be used.
    """
    torch.set_num_threads(threads)
    student, clip, described = load_float(source, store, split)
    if not isinstance(student, MobileNet3D):
        raise DataError(f"{source} holds an I3D; only a 3D MobileNet becomes int8.")
    if source.is_file():
        parent = load_model(source).sha256
    else:
        parent = parent_of(source, fuse(student.eval()))
    width = student.width_multiplier
    network = calibrated(student, clip, store, split, clips, seed, weight_limit)
    how: dict[str, Any] = {
        "method": "post-training quantization",
        "calibration": {"clips": clips, "seed": seed, "weight_limit": weight_limit},
        **_history(described, source),
        **seen_by(store, split, [described]),
        "split": split,
        "data": store.description["origin"],
        "data_fingerprint": data_fingerprint(store),
        "commit": COMMIT,
        "versions": versions(),
    }
    model = Model(
        network=network,
        clip=clip,
        labels=store.labels,
        architecture={"name": "mobilenet3d", "width_multiplier": width},
        training=how,
        parent=parent,
        golden=golden_answers(network, clip),
    )
    return measured(model, store, split, threads)


def _history(described: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """The parent's recipe, which holds for its int8 twin, and its name."""
    recipe = {"recipe": described["recipe"]} if "recipe" in described else {}
    return {**recipe, "history": [source.stem if source.is_file() else source.name]}


@torch.no_grad()
def calibrated(
    student: MobileNet3D,
    clip: ClipSpec,
    store: Store,
    split: int,
    clips: int,
    seed: int,
    weight_limit: int,
) -> Int8Network:
    """The student in int8, ranges from evaluation clips of training people.

    Raises:
        DataError: nobody trains in this split.
    """
    data = ChunkDataset(store, store.subset(split, "train"), clip)
    if not len(data):
        raise DataError(f"In split {split} {store.folder} has no train chunks.")
    qat = QatMobileNet3D(student, weight_limit).to(memory_format=torch.channels_last_3d).train()
    qat.freeze_batch_norm()
    qat.dropout.p = 0.0
    observers = [m for m in qat.modules() if isinstance(m, ActivationFakeQuantize)]
    items = [item for item, _ in BalancedSampler(data.targets, clips, seed)]
    for number, first in enumerate(range(0, clips, _BATCH_SIZE), 1):
        for observer in observers:
            observer.momentum = 1 / number
        batch = torch.stack([data[item][0] for item in items[first : first + _BATCH_SIZE]])
        qat(as_input(batch))
    return convert(qat.eval())
