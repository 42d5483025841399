"""Tries an engine in a process of its own: a crash there takes nothing down, and its speed is told.

The child is `python -m core.probe ENGINE THREADS MODEL…`. It loads one model after the other, lets
the engine prove itself on the golden answers and times it. For each model it prints a line of JSON
when it has read the file and another with the answer. A model without an answer is the one it
crashed on; a new child goes on behind it.

This file is read by `incab --help` too, so what it needs for measuring is imported then.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

from core.errors import EngineError, InCabError

# Whether to use what is remembered, to measure anew, or to do without a child.
ProbeMode = Literal["once", "again", "never"]

CHILD = (sys.executable, "-P", "-m", "core.probe")
# A child takes one to two seconds; a busy machine or a slow disk may take many times as long.
LONGEST_S = 60.0
_POLL_S = 0.1
_TIMED_S = 0.25
_FEWEST_RUNS, _MOST_RUNS = 3, 100

# How Windows numbers what is a signal elsewhere.
_WINDOWS_CRASHES = {0xC000001D: "illegal instruction", 0xC0000005: "access violation"}
_LOWEST_WINDOWS_CRASH = 0xC0000000
# No memory (twice), the console closed, the system going down.
_WINDOWS_FROM_OUTSIDE = (0xC0000017, 0xC000012D, 0xC000013A, 0xC0000142)
# These were sent by somebody else, often for want of memory: the engine is not at fault.
_SENT_SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What came of trying one model on one engine.

    Attributes:
        engine: the engine's name.
        latency_ms: median time of one clip; None when it was not timed.
        problem: why it must not be used, as a sentence; None when its answers are right.
        lasting: whether to expect the same the next time; not so when it ran out of time.
        sha256: of the model file as it was tried; None where nobody got as far as reading it.
    """

    engine: str
    latency_ms: float | None = None
    problem: str | None = None
    lasting: bool = True
    sha256: str | None = None


def probe_models(
    model_paths: Sequence[Path],
    engine: str,
    threads: int,
    *,
    stopped: Callable[[], bool] = lambda: False,
    child: Sequence[str] = CHILD,
    longest_s: float = LONGEST_S,
) -> list[ProbeResult]:
    """Try model files on one engine, one after the other; one result for each.

    Where no process can be started the engine is neither timed nor refused: it still has to prove
    itself when it is loaded.

    Args:
        model_paths: the model files.
        engine: one of core.engines.ENGINE_NAMES.
        threads: CPU threads of the engine.
        stopped: asked ten times a second; True ends the child.
        child: the command that is given engine, threads and files.
        longest_s: when a child that has not ended is given up.

    Raises:
        EngineError: `stopped` said so.
    """
    results: list[ProbeResult] = []
    while left := model_paths[len(results) :]:
        # Absolute, because the child may see another working folder.
        command = [*child, engine, str(threads), *(str(path.absolute()) for path in left)]
        try:
            status, output, complaints = _run(command, engine, longest_s, stopped)
        except OSError:
            results += [ProbeResult(engine=engine, lasting=False) for _ in left]
            break
        paths = command[-len(left) :]
        answers, hashes = _answers(output, engine, paths)
        results += answers
        if len(answers) < len(left):
            failure = _failure(engine, status, complaints, longest_s)
            results.append(replace(failure, sha256=hashes.get(paths[len(answers)])))
    return results


def _run(
    command: list[str], engine: str, longest_s: float, stopped: Callable[[], bool]
) -> tuple[int | None, str, str]:
    """Exit status (None: given up), standard output and standard error of the child."""
    # Exactly the modules that this process sees, in the same order, and none of the working folder.
    seen = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    deadline_s = time.monotonic() + longest_s
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": seen},
        # A window started without a console opens none for its child.
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as process:
        try:
            while True:
                try:
                    output, complaints = process.communicate(timeout=_POLL_S)
                    status = process.returncode
                    break
                except subprocess.TimeoutExpired:
                    if stopped():
                        raise EngineError(f"The check of engine {engine} was stopped.") from None
                    if time.monotonic() > deadline_s:
                        process.kill()
                        output, complaints = process.communicate()
                        status = None
                        break
        finally:
            process.kill()
    return status, output.decode(errors="replace"), complaints.decode(errors="replace")


def _answers(
    output: str, engine: str, paths: Sequence[str]
) -> tuple[list[ProbeResult], dict[str, str]]:
    """Results up to the first model without one, and the hashes of the files that were read.

    What libraries printed between is passed over.
    """
    found: dict[str, ProbeResult] = {}
    hashes: dict[str, str] = {}
    for line in output.splitlines():
        try:
            values = json.loads(line)
            path = str(values["path"])
            if isinstance(values.get("sha256"), str):
                hashes[path] = values["sha256"]
            latency_ms, problem = read_answer(values)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
        found[path] = ProbeResult(
            engine=engine,
            latency_ms=latency_ms,
            problem=problem,
            lasting=values.get("lasting") is not False,
            sha256=hashes.get(path),
        )
    return [found[path] for path in itertools.takewhile(found.__contains__, paths)], hashes


def read_answer(values: object) -> tuple[float | None, str | None]:
    """Latency in ms and problem out of JSON; exactly one of them is given.

    Raises:
        ValueError: it is something else.
    """
    fields = cast("dict[str, Any]", values) if isinstance(values, dict) else {}
    latency_ms, problem = fields.get("latency_ms"), fields.get("problem")
    if latency_ms is None and isinstance(problem, str):
        return None, problem
    if problem is None and isinstance(latency_ms, float) and 0 < latency_ms < math.inf:
        return latency_ms, None
    raise ValueError(f"{values!r:.80} is no probe's answer")


def _failure(engine: str, status: int | None, complaints: str, longest_s: float) -> ProbeResult:
    """Why the child ended without an answer."""
    if status is None:
        what, lasting = f"gave no answer within {longest_s:.0f} s", False
    elif (crash := _crash(status)) is not None:
        what, lasting = f"crashes on this CPU ({crash})", True
    elif status < 0:
        what, lasting = f"was ended from outside ({signal_name(-status)})", False
    else:
        lines = complaints.strip().splitlines()
        reason = lines[-1].strip()[:200] if lines else f"exit status {status}"
        what, lasting = f"failed in its trial ({reason})", False
    sentence = f"Engine {engine} {what}; choose another engine."
    return ProbeResult(engine=engine, problem=sentence, lasting=lasting)


def _crash(status: int) -> str | None:
    """What the engine died of by its own doing, in words; None when it did not."""
    if status in _WINDOWS_FROM_OUTSIDE:
        return None
    if status >= _LOWEST_WINDOWS_CRASH:
        return _WINDOWS_CRASHES.get(status, hex(status))
    if status >= 0 or signal_name(-status) in _SENT_SIGNALS:
        return None
    return (signal.strsignal(-status) or signal_name(-status)).lower()


def signal_name(number: int) -> str:
    """A signal as "SIGILL"; real-time signals, which have no name, as "signal 40"."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# -- the child -------------------------------------------------------------------------------------


def measure(
    model_path: Path,
    engine_name: str,
    threads: int,
    loaded: Callable[[str], None] = lambda sha256: None,
) -> ProbeResult:
    """Load, prove and time one model in this very process; `loaded` is told the file's hash."""
    from core.engines import load_engine
    from core.golden import GOLDEN_NAMES, golden_clip
    from core.modelfile import load_model

    try:
        model = load_model(model_path)
    except InCabError as error:
        # It says nothing of the engine, and the next file there may be sound.
        return ProbeResult(engine=engine_name, problem=str(error), lasting=False)
    loaded(model.sha256)
    try:
        # It answers the golden inputs here, which warms it up too.
        engine = load_engine(model, engine_name, threads)
    except InCabError as error:
        # What an engine refuses by itself it refuses again. What a library raised in it may be
        # over by the next time: a lack of memory or threads comes as a RuntimeError like others.
        lasting = error.__cause__ is None
        return ProbeResult(
            engine=engine_name, problem=str(error), lasting=lasting, sha256=model.sha256
        )
    clip = golden_clip(GOLDEN_NAMES[0], model.clip.clip_shape)
    samples_ms: list[float] = []
    end_s = time.perf_counter() + _TIMED_S
    while len(samples_ms) < _FEWEST_RUNS or (
        len(samples_ms) < _MOST_RUNS and time.perf_counter() < end_s
    ):
        started_s = time.perf_counter()
        engine.logits(clip)
        samples_ms.append((time.perf_counter() - started_s) * 1000)
    latency_ms = round(statistics.median(samples_ms), 3)
    return ProbeResult(engine=engine_name, latency_ms=latency_ms, sha256=model.sha256)


def main(arguments: Sequence[str]) -> None:
    """The child: ENGINE THREADS MODEL…; a line with the hash and one with the answer for each.

    A file that cannot be read has no hash, and so its answer is never remembered.
    """
    engine, threads, *paths = arguments
    for path in paths:
        result = measure(Path(path), engine, int(threads), partial(_tell, path))
        answer = {name: getattr(result, name) for name in ("latency_ms", "problem", "lasting")}
        _tell(path, result.sha256, **answer)


def _tell(path: str, sha256: str | None, **answer: object) -> None:
    # At once: what is known stays known when the next step crashes.
    print(json.dumps({"path": path, "sha256": sha256, **answer}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
