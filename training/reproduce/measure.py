"""The end of a reproduction: every model answers the test people, once, and is timed.

Legend: N clips, K classes.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import numpy as np

from core.comparison import Latency
from core.engines import Engine
from core.engines.reference import ReferenceEngine
from core.machine import cpu_isa, cpu_name
from core.modelfile import Model, load_model
from training.checkpoint import MODEL_FILE
from training.dataset import ChunkDataset
from training.evaluate import evaluate_model, measuring_engine, targets_of
from training.people import check_apart
from training.provenance import versions
from training.reproduce.plan import Task
from training.reproduce.predictions import PREDICTIONS_FILE, Predictions, save_predictions
from training.store import Store
from training.trained_network import TrainedNetwork

SUBSET = "test"
# The paper times 1000 forward passes; a teacher would take minutes for them.
_TIMED_RUNS, _TIMED_S = 1000, 20.0
# Whatever trains: rows that are timed by several calls must be comparable.
_THREADS = 2


def measure(
    task: Task,
    store: Store,
    out: Path,
    *,
    quantized: bool,
    fingerprint: str,
    timed: bool,
) -> None:
    """Write <run>/predictions.safetensors: logits of the test clips, and how long one clip takes.

    With `quantized` the network is asked as well as it was trained, before its conversion.

    Raises:
        DataError: the model has seen the test people, or there are none.
        EngineError: the engine cannot run the model here.
    """
    folder = task.folder(out)
    model = load_model(folder / MODEL_FILE)
    check_apart(model.training, folder, store, task.split, (SUBSET,))
    engine = measuring_engine(model, _THREADS)
    # How slow the exact engine is says nothing of the model.
    timed = timed and engine.name != ReferenceEngine.name
    positions = store.subset(task.split, SUBSET)
    _, logits = evaluate_model(model, engine, store, positions)
    before_conversion = None
    if quantized:
        trained = TrainedNetwork(folder, len(store.labels))
        _, answers = evaluate_model(model, trained, store, positions)
        before_conversion = answers.argmax(axis=1).astype(np.int32)
    people = [store.chunks[position].participant_id for position in positions]
    predictions = Predictions(
        logits=logits,
        targets=targets_of(store, positions).astype(np.int32),
        people=np.array(people, np.int32),
        labels=store.labels,
        qat_answers=before_conversion,
        about={
            "run": task.name,
            "split": task.split,
            "seed": task.seed,
            "subset": SUBSET,
            "model_sha256": model.sha256,
            "data_fingerprint": fingerprint,
            "engine": engine.name,
            "temperature": model.temperature,
            "file_mb": model.file_mb,
            "clip_shape": list(model.clip.clip_shape),
            "versions": versions(),
            "cpu": cpu_name(),
            "isa": cpu_isa(),
            "latency": _latency(engine, model, store, positions[0]) if timed else None,
        },
    )
    save_predictions(predictions, folder / PREDICTIONS_FILE)


def _latency(engine: Engine, model: Model, store: Store, position: int) -> dict[str, Any]:
    """Up to 1000 passes or 20 s of one clip, from uint8 pixels to logits, after ten to warm up."""
    pixels = ChunkDataset(store, [position], model.clip).clip(0, 0)
    samples_ms: list[float] = []
    ends_s = time.perf_counter() + _TIMED_S
    for run in range(_TIMED_RUNS + 10):
        started_s = time.perf_counter()
        engine.logits(pixels)
        now_s = time.perf_counter()
        if run >= 10:
            samples_ms.append((now_s - started_s) * 1000)
        if now_s > ends_s and samples_ms:
            break
    found = cast(Latency, Latency.of(samples_ms))
    return {
        "runs": found.count,
        "mean_ms": found.mean,
        "p50_ms": found.p50,
        "p95_ms": found.p95,
        "threads": _THREADS,
    }
