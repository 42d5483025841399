"""`incab bench`: everything that is measured, put together as the JSON report."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.bench.clips import U8, sample_clips, write_clips
from app.bench.offline import measure_offline
from app.bench.process import Subject, Timing, time_in_turns
from app.bench.roofline import DENSE_SHAPES, Dense
from app.bench.rows import FBGEMM
from app.bench.scaling import thread_scaling
from app.bench.setting import (
    Json,
    Progress,
    Setting,
    accuracy,
    load_models,
    reasons,
)
from app.bench.startup import measure_start
from app.commands.bench import Bench
from app.machine import cores, default_threads
from core.clip import ClipSpec
from core.comparison import Latency
from core.engines import DEFAULT_ENGINE, ENGINE_NAMES, supports
from core.errors import EngineError
from core.machine import cpu_isa, cpu_name, installed_version
from core.modelfile import Model
from core.shapes import multiply_accumulates

SCHEMA = "incab.bench/2"
_VERSIONS_OF = ("incab", "openvino", "torch", "numpy", "opencv-python")
_TEACHER_ENGINES = (DEFAULT_ENGINE, "eager")
_QUICK_RUNS = 20
_STARTS, _QUICK_STARTS = 5, 1


def bench(options: Bench, progress: Progress = lambda line: None) -> Json:
    """Time every model on every engine and what belongs to it; returns the JSON report.

    Raises:
        InCabError: a model or the clip cannot be used.
    """
    models = load_models(options)
    threads = options.threads or default_threads()
    runs = min(options.runs, _QUICK_RUNS) if options.quick else options.runs
    excluded: list[Json] = [{"what": "reference", "reason": "exact and slow; it judges the others"}]
    with tempfile.TemporaryDirectory(prefix="incab-bench-") as folder:
        folders = _prepare(models, options.clip, Path(folder), progress)
        run = Setting(options, models, folders, threads, runs, progress)
        rows, roofline, ratios = _rows(run, excluded)
        scaling = None if options.quick else thread_scaling(run, excluded)
        offline = measure_offline(run, excluded)
    return {
        "schema": SCHEMA,
        "cpu": {"name": cpu_name(), "isa": cpu_isa(), "cores": cores(), "threads": threads},
        "versions": {"python": platform.python_version()}
        | {package: installed_version(package) for package in _VERSIONS_OF},
        "runs": runs,
        "quick": options.quick,
        "rows": rows,
        "excluded": excluded,
        "ratios": ratios,
        "roofline": roofline,
        "thread_scaling": scaling,
        "offline": offline,
        "start": _start(run, excluded),
    }


def _prepare(
    models: Mapping[str, Model], video: Path, parent: Path, progress: Progress
) -> dict[str, Path]:
    """A folder for each model with its clips and the reference's answers to them."""
    folders: dict[str, Path] = {}
    clips: dict[ClipSpec, list[U8]] = {}
    for name, model in models.items():
        progress(f"reference answers of {name}")
        folders[name] = parent / name
        folders[name].mkdir()
        if model.clip not in clips:
            clips[model.clip] = sample_clips(video, model.clip)
        write_clips(model, clips[model.clip], folders[name])
    return folders


def _rows(run: Setting, excluded: list[Json]) -> tuple[list[Json], Json, Json]:
    """The rows, the roofline and the ratios, all from the same rounds."""
    pairs = [
        (name, engine)
        for engine in (*ENGINE_NAMES, FBGEMM)
        for name, model in run.models.items()
        if _runs(engine, name, model)
    ]
    subjects: list[tuple[str, Subject]] = [
        (f"{engine} {name}", run.on(name, engine)) for name, engine in pairs
    ]
    shapes = DENSE_SHAPES[:1] if run.options.quick else DENSE_SHAPES
    subjects += [
        ("roofline int8", Dense("int8", run.threads, shapes)),
        ("roofline fp32", Dense("fp32", run.threads, shapes)),
    ]
    timings, failures = time_in_turns(subjects, run.runs, run.progress)
    excluded += reasons(failures)
    roofline = {
        kind: _roofline(timings.get(f"roofline {kind}"), run.models[kind])
        for kind in ("int8", "fp32")
    }
    rows = [
        _row(run, name, engine, timings[f"{engine} {name}"], roofline)
        for name, engine in pairs
        if f"{engine} {name}" in timings
    ]
    return rows, roofline, _ratios(timings, run.models)


def _runs(engine: str, name: str, model: Model) -> bool:
    if name == "teacher":
        return engine in _TEACHER_ENGINES
    if engine == FBGEMM:
        return name == "int8"
    return engine != "reference" and supports(engine, model)


def _roofline(timing: Timing | None, model: Model) -> Json | None:
    if timing is None:
        return None
    gmac_per_s = timing.facts["mmac"] / timing.latency.p50
    return {
        "gmac_per_s": round(gmac_per_s, 1),
        "shape": timing.facts["shape"],
        "network_ms": round(_mmac(model) / gmac_per_s, 3),
    }


def _mmac(model: Model) -> float:
    return multiply_accumulates(model.network, model.clip.clip_shape) / 1e6


def _row(run: Setting, name: str, engine: str, timing: Timing, roofline: Json) -> Json:
    model, latency = run.models[name], timing.latency
    limit = roofline[model.kind]
    limit_ms = _mmac(model) / limit["gmac_per_s"] if limit else None
    return {
        "model": name,
        "file": run.path(name).name,
        "kind": model.kind,
        "engine": engine,
        "historical": engine == FBGEMM,
        "threads": run.threads,
        "file_mb": round(model.file_mb, 3),
        "mmac": round(_mmac(model), 1),
        "load_s": timing.facts["load_s"],
        "latency_ms": _latency(latency),
        "round_p50_ms": [round(median, 3) for median in timing.round_p50_ms],
        "fps": round(1000 / latency.p50, 1),
        "peak_rss_mb": timing.facts["peak_rss_mb"],
        "agreement": timing.facts["agreement"],
        "roofline_distance": round(latency.p50 / limit_ms, 2) if limit_ms else None,
        "accuracy": accuracy(model),
    }


def _latency(latency: Latency) -> dict[str, float]:
    return {name: round(getattr(latency, name), 3) for name in ("mean", "p50", "p95", "p99")}


def _ratios(timings: Mapping[str, Timing], models: Mapping[str, Model]) -> Json:
    def faster(slow: str, fast: str = f"{DEFAULT_ENGINE} int8") -> Json | None:
        """How many times the fast median goes into the slow one; its extremes over the rounds."""
        if slow not in timings or fast not in timings:
            return None
        each = [
            a / b
            for a, b in zip(timings[slow].round_p50_ms, timings[fast].round_p50_ms, strict=True)
        ]
        ratio = timings[slow].latency.p50 / timings[fast].latency.p50
        return {
            "ratio": round(ratio, 3),
            "lowest_round": round(min(each), 3),
            "highest_round": round(max(each), 3),
        }

    return {
        "int8_vs_fp32": {
            engine: faster(f"{engine} fp32", f"{engine} int8")
            for engine in ENGINE_NAMES
            if {f"{engine} fp32", f"{engine} int8"} <= timings.keys()
        },
        "int8_vs_eager_fp32": faster("eager fp32"),
        "int8_vs_fbgemm_int8": faster(f"{FBGEMM} int8"),
        "file_fp32_vs_int8": round(models["fp32"].file_bytes / models["int8"].file_bytes, 3),
    }


def _start(run: Setting, excluded: list[Json]) -> Json | None:
    repeats = _QUICK_STARTS if run.options.quick else _STARTS
    int8, fp32 = run.path("int8"), run.path("fp32")
    try:
        return measure_start(run.options.clip, int8, fp32, run.threads, repeats, run.progress)
    except EngineError as error:
        excluded.append({"what": "start", "reason": str(error)})
        return None
