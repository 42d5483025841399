"""`incab bench`: both models on every engine this CPU offers, each row in a process of its own."""

from __future__ import annotations

import multiprocessing
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.machine import cpu_isa, cpu_name, default_threads, peak_rss_mb
from app.replay import faster_or_slower
from core.clip import ClipSpec, RollingClip
from core.comparison import Latency
from core.engines import DEFAULT_ENGINE, ENGINE_NAMES, load_engine, supports
from core.engines.reference import ReferenceEngine
from core.errors import EngineError, InCabError, ModelFileError
from core.modelfile import load_model
from core.network import multiply_accumulates
from core.video import VideoFile

SCHEMA = "incab.bench/1"
_WARM_UP_RUNS = 10
_AGREEMENT_CLIPS = 8
_VERSIONS_OF = ("incab", "openvino", "torch", "numpy", "opencv-python")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What to time."""

    int8: Path
    fp32: Path
    clip: Path
    runs: int = 200
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """One model on one engine; times in milliseconds, sizes in MB (10^6 bytes)."""

    model: str
    kind: str
    engine: str
    threads: int
    file_mb: float
    mmac: float
    load_s: float
    latency_ms: dict[str, float]
    fps: float
    clips_per_s_batched: float | None
    peak_rss_mb: float
    top1_agreement: float
    accuracy: float | None


def bench(
    options: BenchOptions, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Time every model on every engine; returns the JSON report.

    Raises:
        InCabError: a model or the clip cannot be used.
    """
    if options.runs < 1:
        raise InCabError(f"--runs must be at least 1, not {options.runs}.")
    threads = options.threads or default_threads()
    models = {path: load_model(path) for path in (options.int8, options.fp32)}
    for path, kind in ((options.int8, "int8"), (options.fp32, "fp32")):
        if models[path].kind != kind:
            raise ModelFileError(
                f"{path} is an {models[path].kind} model; --{kind} needs an {kind} model."
            )
    rows: list[BenchRow] = []
    excluded: list[dict[str, str]] = [
        {"engine": "reference", "reason": "exact and slow; it judges the others"}
    ]
    for engine in ENGINE_NAMES:
        for path, model in models.items():
            if engine == "reference" or not supports(engine, model):
                continue
            progress(f"{engine} {model.kind}")
            try:
                rows.append(_in_own_process(path, engine, threads, options))
            except EngineError as error:
                excluded.append({"engine": f"{engine} {model.kind}", "reason": str(error)})
    return {
        "schema": SCHEMA,
        "cpu": {"name": cpu_name(), "isa": cpu_isa(), "threads": threads},
        "versions": {"python": platform.python_version()}
        | {package: _version(package) for package in _VERSIONS_OF},
        "rows": [asdict(row) for row in rows],
        "excluded": excluded,
        "ratios": {
            "int8_vs_fp32_same_engine": _ratio(rows, "fp32", DEFAULT_ENGINE),
            "int8_vs_eager_fp32": _ratio(rows, "fp32", "eager"),
            "int8_vs_fbgemm_int8": None,
        },
        "roofline": {
            "int8_ms": None,
            "fp32_ms": None,
            "int8_distance": None,
            "fp32_distance": None,
        },
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _ratio(rows: list[BenchRow], kind: str, engine: str) -> float | None:
    """How many times the default engine's int8 median goes into another row's median."""

    def p50(row_kind: str, row_engine: str) -> float | None:
        medians = (
            r.latency_ms["p50"] for r in rows if (r.kind, r.engine) == (row_kind, row_engine)
        )
        return next(medians, None)

    slow, fast = p50(kind, engine), p50("int8", DEFAULT_ENGINE)
    return round(slow / fast, 3) if slow and fast else None


def _in_own_process(path: Path, engine: str, threads: int, options: BenchOptions) -> BenchRow:
    """A fresh process: its peak memory and any crash are this row's alone."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        future = pool.submit(_measure, path, engine, threads, options.clip, options.runs)
        try:
            return future.result()
        except (OSError, RuntimeError) as error:
            raise EngineError(f"Engine {engine} ended its process: {error}.") from error


def _measure(path: Path, engine_name: str, threads: int, clip: Path, runs: int) -> BenchRow:
    cv2.setNumThreads(1)
    model = load_model(path)
    clips = sample_clips(clip, model.clip, _AGREEMENT_CLIPS)
    started_s = time.perf_counter()
    engine = load_engine(model, engine_name, threads)
    load_s = time.perf_counter() - started_s
    for run in range(_WARM_UP_RUNS):
        engine.logits(clips[run % len(clips)])
    samples_ms: list[float] = []
    for run in range(runs):
        started_s = time.perf_counter()
        engine.logits(clips[run % len(clips)])
        samples_ms.append((time.perf_counter() - started_s) * 1000)
    latency = Latency.of(samples_ms)
    assert latency is not None
    peak_mb = peak_rss_mb()
    reference = ReferenceEngine(model.network)
    same = [engine.logits(c).argmax() == reference.logits(c).argmax() for c in clips]
    return BenchRow(
        model=path.name,
        kind=model.kind,
        engine=engine_name,
        threads=threads,
        file_mb=round(model.file_mb, 3),
        mmac=round(multiply_accumulates(model.network, model.clip.clip_shape) / 1e6, 1),
        load_s=round(load_s, 3),
        latency_ms={
            name: round(getattr(latency, name), 3) for name in ("mean", "p50", "p95", "p99")
        },
        fps=round(1000 / latency.p50, 1),
        clips_per_s_batched=None,
        peak_rss_mb=round(peak_mb, 1),
        top1_agreement=float(np.mean(same)),
        accuracy=model.metrics.get("test", {}).get("mean_per_class_accuracy"),
    )


def sample_clips(path: Path, spec: ClipSpec, count: int) -> list[NDArray[np.uint8]]:
    """`count` clips spread over a video, as the models see them.

    Raises:
        InCabError: the video is too short for one clip.
    """
    rolling = RollingClip(spec)
    with VideoFile(path) as video:
        total = video.properties.frame_count or 300
        step = max(1, total // (count + 3))
        clips: list[NDArray[np.uint8]] = []
        for frame in video:
            rolling.push(frame)
            wanted = frame.index % step == step - 1
            clip = rolling.clip() if wanted and len(clips) < count else None
            if clip is not None:
                clips.append(clip.pixels)
    if not clips and (last := rolling.clip()) is not None:
        clips.append(last.pixels)
    if not clips:
        raise InCabError(f"{path} is too short for one clip; choose a longer video.")
    return clips


def print_bench(report: dict[str, Any], console: Console) -> None:
    """The report as a table people can paste."""
    cpu = report["cpu"]
    console.print(f"{cpu['name']}, {cpu['isa'] or 'unknown ISA'}, {cpu['threads']} threads")
    table = Table()
    for title in (
        "model",
        "engine",
        "MB",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "FPS",
        "load s",
        "peak MB",
        "= reference",
        "accuracy",
    ):
        table.add_column(title, justify="left" if title in ("model", "engine") else "right")
    for row in report["rows"]:
        latency = row["latency_ms"]
        accuracy = row["accuracy"]
        table.add_row(
            row["kind"],
            row["engine"],
            f"{row['file_mb']:.2f}",
            f"{latency['p50']:.2f}",
            f"{latency['p95']:.2f}",
            f"{latency['p99']:.2f}",
            f"{row['fps']:.0f}",
            f"{row['load_s']:.2f}",
            f"{row['peak_rss_mb']:.0f}",
            f"{row['top1_agreement']:.0%}",
            "—" if accuracy is None else f"{accuracy:.1%}",
        )
    console.print(table)
    for item in report["excluded"]:
        line = f"left out: {item['engine']} — {item['reason']}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    ratios = report["ratios"]
    for key, other in (
        ("int8_vs_fp32_same_engine", "fp32 on the same engine"),
        ("int8_vs_eager_fp32", "PyTorch eager fp32"),
    ):
        if ratios[key] is not None:
            console.print(f"int8 is {faster_or_slower(ratios[key])} than {other}", highlight=False)
