"""What the window is started with; importable without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.probe import ProbeMode


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """Everything the window needs to know at its start.

    Attributes:
        source: a file, a stream URL, a camera number, or None for the empty window.
        annotations: Drive&Act CSV with the truth for that source.
        video: the video of a recording, where it is not where it was.
        int8: model file of the left panel.
        fp32: model file of the right panel.
        teacher: model file of a teacher beside them; None where there is none.
        engine: which engine runs the models; "auto" is the first that is right here.
        probe: whether to try the engine in a child process, or use what is remembered of it.
        settings_path: INI file for what is remembered; None is the system's usual place.
        threads: CPU threads of each engine; None takes one for each logical core, at most 4.
    """

    source: str | None
    annotations: Path | None
    int8: Path
    fp32: Path
    teacher: Path | None = None
    engine: str = "auto"
    probe: ProbeMode = "once"
    settings_path: Path | None = None
    threads: int | None = None
    video: Path | None = None
