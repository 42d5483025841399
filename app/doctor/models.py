"""Whether the model files are sound and which engines give their golden answers on this CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.doctor.finding import Finding
from app.machine import default_threads
from app.messages import engine_title
from core.engines import ENGINE_NAMES, supports
from core.errors import InCabError
from core.modelfile import Model, load_model
from core.probe import ProbeResult, probe_models
from core.prober import Trial

# The reference computes in plain numpy on every machine; it is what the others are measured by.
_PROBED = tuple(name for name in ENGINE_NAMES if name != "reference")


def examine_models(paths: Sequence[Path], trial: Trial = probe_models) -> list[Finding]:
    """Try every engine with every model, each engine in a process of its own."""
    findings: list[Finding] = []
    models: dict[Path, Model] = {}
    for path in paths:
        try:
            models[path] = load_model(path)
        except InCabError as error:
            findings.append(Finding(f"Model {path.name}", "bad", str(error)))
    results = _try(models, trial)
    for path, model in models.items():
        findings.append(_sum_up(path, model, [r for p, r in results if p == path]))
    return findings


def _try(models: dict[Path, Model], trial: Trial) -> list[tuple[Path, ProbeResult]]:
    results: list[tuple[Path, ProbeResult]] = []
    for engine in _PROBED:
        paths = [path for path, model in models.items() if supports(engine, model)]
        if paths:
            tried = trial(paths, engine, default_threads())
            results += zip(paths, tried, strict=True)
    return results


def _sum_up(path: Path, model: Model, results: list[ProbeResult]) -> Finding:
    subject = f"Model {path.name}"
    right = [result for result in results if result.latency_ms is not None]
    wrong = [result for result in results if result.problem is not None]
    speeds = ", ".join(
        f"{engine_title(result.engine)} {result.latency_ms:.1f} ms" for result in right
    )
    if not right and not wrong:
        return Finding(
            subject, "note", "No process could be started to try the engines; close other programs."
        )
    problems = " ".join(dict.fromkeys(result.problem or "" for result in wrong))
    if not right:
        return Finding(
            subject,
            "bad",
            f"No fast engine gives its golden answers here: {problems} "
            "It can only run on the slow reference.",
        )
    sentence = f"{model.kind}, {model.file_mb:.2f} MB; its golden answers come out right: {speeds}."
    # What is left out because PyTorch is not there is said elsewhere.
    left_out = [result for result in wrong if "needs PyTorch" not in (result.problem or "")]
    if left_out:
        return Finding(subject, "note", f"{sentence} Left out: {problems}")
    return Finding(subject, "good", sentence)
