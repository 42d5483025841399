"""From nothing to the first label, and the memory of a replay: both of fresh processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import app
from core.engines import DEFAULT_ENGINE
from core.errors import EngineError, InCabError

LARGEST_REPLAY_MB = 350
# Far beyond any honest start, and beyond a long clip on a slow machine.
_LONGEST_START_S = 300.0
_LONGEST_REPLAY_S = 3600.0

# A name in the working directory must not stand in for the package that is running.
_ROOT = str(Path(app.__file__).parents[1])
_PYTHON = [sys.executable, "-P", "-c"]
_FIND_APP = f"import sys; sys.path.insert(0, {_ROOT!r}); "
_FIRST_LABEL = _FIND_APP + "from app.bench.startup import print_first_label as run; run()"
_REPLAY = _FIND_APP + "from app.__main__ import main; sys.exit(main())"


def measure_start(
    clip: Path, int8: Path, fp32: Path, threads: int, repeats: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Start to first label in seconds (median of `repeats`), and peak memory of a whole replay.

    Raises:
        EngineError: the replay fails, with what it said.
    """
    options = [str(clip.absolute()), "--engine", DEFAULT_ENGINE, "--threads", str(threads)]
    options += ["--int8", str(int8), "--fp32", str(fp32)]
    times_s: list[float] = []
    for number in range(repeats):
        progress(f"start to first label, {number + 1} of {repeats}")
        times_s.append(_first_line_after_s([*_PYTHON, _FIRST_LABEL, *options]))
    progress("peak memory of a replay")
    # The probe of a machine's very first start is no part of a replay.
    replay = [*_PYTHON, _REPLAY, "replay", *options, "--probe", "never", "--json"]
    try:
        done = subprocess.run(
            replay, capture_output=True, text=True, check=False, timeout=_LONGEST_REPLAY_S
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"A replay did not end within {_LONGEST_REPLAY_S:.0f} s.") from None
    if done.returncode:
        raise _failed(done.stderr)
    return {
        "clip": clip.name,
        "engine": DEFAULT_ENGINE,
        "first_label_s": round(statistics.median(times_s), 3),
        "replay_peak_rss_mb": json.loads(done.stdout)["peak_rss_mb"],
    }


def _first_line_after_s(command: list[str]) -> float:
    started_s = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        # Its end is also the end of the line that is waited for.
        alarm = threading.Timer(_LONGEST_START_S, process.kill)
        alarm.start()
        try:
            line = process.stdout.readline()
            seconds = time.perf_counter() - started_s
            _, said = process.communicate()
        finally:
            alarm.cancel()
    if not line.strip():
        if seconds >= _LONGEST_START_S:
            raise EngineError(f"A replay named no activity within {_LONGEST_START_S:.0f} s.")
        raise _failed(said)
    return seconds


def _failed(said: str) -> EngineError:
    lines = said.strip().splitlines() or ["it said nothing."]
    return EngineError(f"A replay failed: {lines[-1].removeprefix('incab: ')}")


def print_first_label() -> None:
    """What `incab replay` does up to its first answer: both models loaded, one clip, int8 first."""
    import cv2
    import rich.progress  # noqa: F401
    import tyro

    # Some of it only because a replay imports it, too.
    import app.replay
    import app.replay_table  # noqa: F401
    from app.commands.replay import Replay
    from app.machine import default_threads
    from core.clip import RollingClip
    from core.comparison import predict
    from core.engines import load_engine
    from core.modelfile import load_model
    from core.video import VideoFile

    command = tyro.cli(Replay)
    cv2.setNumThreads(1)
    threads = command.threads or default_threads()
    try:
        models = [load_model(path) for path in (command.int8, command.fp32)]
        engines = [load_engine(model, command.engine, threads) for model in models]
        rolling = RollingClip(models[0].clip)
        with VideoFile(command.source) as video:
            for frame in video:
                rolling.push(frame)
                if (clip := rolling.clip()) is not None:
                    best = predict(engines[0], "int8", clip).best
                    print(models[0].labels[best], flush=True)
                    return
    except InCabError as error:
        sys.exit(f"incab: {error}")
