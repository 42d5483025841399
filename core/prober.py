"""Remembers what engines did on this machine, so that only the first start pays for trying them.

The results lie in one JSON file of the user's cache folder. Each stands beside the question it
answers: CPU, instruction set, threads, engine, versions, model. Anything that differs is another
question. Without a readable file everything is tried again; nothing ever fails because of it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from platformdirs import user_cache_path

from core.files import replacing
from core.machine import cpu_isa, cpu_name, installed_version
from core.modelfile import Model
from core.probe import ProbeMode, ProbeResult, probe_models, read_answer

_log = logging.getLogger(__name__)

FORMAT = "incab.probe/1"
# It limits oneDNN and OpenVINO to older instruction sets: another CPU, as it were.
ISA_LIMIT = "ONEDNN_MAX_CPU_ISA"
CACHE_FOLDER = "INCAB_CACHE"
_MOST_KEPT = 200
# Whose version decides how an engine behaves, besides InCab's own.
_PACKAGES = {"openvino": "openvino", "onednn": "torch", "eager": "torch"}
# The reference is plain numpy, which this process runs on anyway; timing it would take seconds.
_NEVER_TRIED = ("reference",)

Question = dict[str, Any]


def cache_path() -> Path:
    """The file with the results: in $INCAB_CACHE, else in the user's cache folder."""
    folder = os.environ.get(CACHE_FOLDER)
    return (Path(folder) if folder else user_cache_path("InCab", appauthor=False)) / "probe.json"


class Trial(Protocol):
    """How models are tried: core.probe.probe_models."""

    def __call__(
        self,
        model_paths: Sequence[Path],
        engine: str,
        threads: int,
        *,
        stopped: Callable[[], bool] = ...,
    ) -> list[ProbeResult]:
        """One result for each model."""
        ...


class Prober:
    """Answers from memory where it can, else tries the engine in a child process and remembers."""

    def __init__(
        self,
        threads: int,
        mode: ProbeMode = "once",
        *,
        path: Path | None = None,
        trying: Callable[[str], None] = lambda engine: None,
        stopped: Callable[[], bool] = lambda: False,
        trial: Trial = probe_models,
    ) -> None:
        """Nothing is read or run yet.

        Args:
            threads: CPU threads of the engines.
            mode: "once" uses what is remembered, "again" tries anew, "never" tries nothing.
            path: the file to remember in; None is cache_path().
            trying: called with the engine's name whenever a child is about to be started.
            stopped: asked ten times a second while a child runs; True ends it.
            trial: how models are tried.
        """
        self.threads = threads
        self._mode = mode
        self._path = path or cache_path()
        self._trying = trying
        self._stopped = stopped
        self._trial = trial
        self._machine = {
            "cpu": cpu_name(),
            "isa": cpu_isa(),
            "isa_limit": os.environ.get(ISA_LIMIT),
        }
        # What this prober found out itself, by canonical question; also what is not lasting.
        self._found: dict[str, ProbeResult] = {}

    def probe(self, models: Sequence[Model], engine: str) -> list[ProbeResult]:
        """What to expect of the engine with each model; unknown ones are tried in one child.

        Where nothing was tried the result holds neither a time nor a problem.

        Raises:
            EngineError: `stopped` ended the child.
        """
        if self._mode == "never" or engine in _NEVER_TRIED:
            return [ProbeResult(engine=engine, lasting=False) for _ in models]
        questions = [self._question(model, engine) for model in models]
        if self._mode == "once":
            for entry in _read(self._path):
                self._found.setdefault(_key(entry[0]), entry[1])
        unknown: dict[str, tuple[Question, Path]] = {}
        for question, model in zip(questions, models, strict=True):
            if _key(question) not in self._found and model.path is not None:
                unknown[_key(question)] = question, model.path
        if unknown:
            self._trying(engine)
            asked, paths = zip(*unknown.values(), strict=True)
            results = self._trial(paths, engine, self.threads, stopped=self._stopped)
            self._found |= dict(zip(unknown, results, strict=True))
            self._remember(list(zip(asked, results, strict=True)))
        never_saved = ProbeResult(engine=engine, lasting=False)
        return [self._found.get(_key(question), never_saved) for question in questions]

    def _question(self, model: Model, engine: str) -> Question:
        package = _PACKAGES.get(engine)
        return {
            "engine": engine,
            "model": model.sha256,
            "threads": self.threads,
            **self._machine,
            "incab": installed_version("incab"),
            "package": [package, installed_version(package)] if package else None,
        }

    def _remember(self, news: list[tuple[Question, ProbeResult]]) -> None:
        replaced = {_key(question) for question, _ in news}
        # Read once more: another InCab may have written meanwhile.
        kept = [entry for entry in _read(self._path) if _key(entry[0]) not in replaced]
        # The file may have been replaced since this process read it.
        kept += [
            (question, result)
            for question, result in news
            if result.lasting and result.sha256 == question["model"]
        ]
        document = {
            "format": FORMAT,
            "results": [
                {**question, "latency_ms": result.latency_ms, "problem": result.problem}
                for question, result in kept[-_MOST_KEPT:]
            ],
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as partial:
                partial.write_text(json.dumps(document, indent=1), encoding="utf-8")
        except OSError as error:
            _log.info("cannot remember what the engines did in %s: %s", self._path, error)


def _key(question: Question) -> str:
    return json.dumps(question, sort_keys=True)


def _read(path: Path) -> list[tuple[Question, ProbeResult]]:
    """Every remembered result with its question; what is damaged is passed over."""
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    results: object = fields.get("results") if fields.get("format") == FORMAT else None
    entries: list[tuple[Question, ProbeResult]] = []
    for item in cast("list[Any]", results) if isinstance(results, list) else []:
        try:
            latency_ms, problem = read_answer(item)
            question = dict(item)
            del question["latency_ms"], question["problem"]
            result = ProbeResult(
                engine=str(question["engine"]),
                latency_ms=latency_ms,
                problem=problem,
                sha256=str(question["model"]),
            )
        except (ValueError, KeyError):
            continue
        entries.append((question, result))
    return entries
