"""`incab [SOURCE]`: the window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from app import resources
from app.commands.common import check_threads
from app.options import WindowOptions
from core.driveact_runs import find_run
from core.probe import ProbeMode


@dataclass(frozen=True, kw_only=True)
class Window:
    """Open the InCab window: a driver's activity from the int8 student beside its fp32 twin.

    Without SOURCE the window asks for one. Other commands: incab demo, incab replay, incab bench,
    incab sessions, incab doctor (each has its own --help), incab --version.
    """

    source: Positional[str | None] = None
    """Camera number, video file, stream URL, recording, or Drive&Act folder."""
    person: int | None = None
    """Which person of that Drive&Act folder, the N of vp<N>; when left out the window asks."""
    run_name: Annotated[str | None, tyro.conf.arg(name="run")] = None
    """Which run of that person, like run1b; needed only where there are several."""
    view: str | None = None
    """From which camera, like inner_mirror; the first that has the run when left out."""
    annotations: Path | None = None
    """Drive&Act CSV with the truth for this video."""
    video: Path | None = None
    """The video of a recording, where it is not where it was."""
    int8: Path = resources.INT8_MODEL
    """The int8 model file."""
    fp32: Path = resources.FP32_MODEL
    """The fp32 model file shown beside it."""
    teacher: Path | None = None
    """A third model file, an I3D teacher, which answers as many clips as the CPU has time for."""
    engine: str = "auto"
    """auto (the first that is right here), openvino, onednn, eager (fp32), or reference (slow)."""
    probe: ProbeMode = "once"
    """Try the engine in a process of its own: once on this machine, again now, or never."""
    threads: int | None = None
    """CPU threads for the models; as many as there are logical cores, at most 4, when left out."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        check_threads(self.threads)
        if self.person is None and (self.run_name is not None or self.view is not None):
            raise ValueError("--run and --view need --person")
        if self.person is not None and self.source is None:
            raise ValueError("--person needs a Drive&Act folder as SOURCE")
        if self.person is not None and self.annotations is not None:
            raise ValueError("--person finds its annotations itself; leave out --annotations")

    def run(self) -> int:
        from app.run_window import run_window

        return run_window(self.options())

    def options(self) -> WindowOptions:
        """What the window needs to know.

        Raises:
            DataError: the Drive&Act folder holds no such run.
        """
        source, annotations = self.source, self.annotations
        if self.person is not None and self.source is not None:
            found = find_run(Path(self.source), self.person, self.run_name, self.view)
            source, annotations = str(found.video), found.annotations
        return WindowOptions(
            source=source,
            annotations=annotations,
            int8=self.int8,
            fp32=self.fp32,
            teacher=self.teacher,
            engine=self.engine,
            probe=self.probe,
            threads=self.threads,
            video=self.video,
        )
