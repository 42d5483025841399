"""`incab`: the window; `incab replay`, `bench` and `demo` also work without a screen."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import tyro
from tyro.conf import Positional

from app import resources
from app.options import WindowOptions
from core.errors import InCabError
from core.probe import ProbeMode

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
_DEMO_PICTURE = Path("build/demo.png")
_DEMO_PICTURE_AFTER_S = 43.0


@dataclass(frozen=True, kw_only=True)
class Window:
    """Open the InCab window: a driver's activity from the int8 student beside its fp32 twin.

    Without SOURCE the window asks for one. Other commands: incab demo, incab replay, incab bench
    (each has its own --help).
    """

    source: Positional[str | None] = None
    """Camera number, video file, or stream URL."""
    annotations: Path | None = None
    """Drive&Act CSV with the truth for this video."""
    int8: Path = resources.INT8_MODEL
    """The int8 model file."""
    fp32: Path = resources.FP32_MODEL
    """The fp32 model file shown beside it."""
    engine: str = "auto"
    """auto (the first that is right here), openvino, onednn, eager (fp32), or reference (slow)."""
    probe: ProbeMode = "once"
    """Try the engine in a process of its own: once on this machine, again now, or never."""
    threads: int | None = None
    """CPU threads for the models; as many as there are logical cores, at most 4, when left out."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        _check_threads(self.threads)

    def run(self) -> int:
        from app.run_window import run_window

        return run_window(self.options())

    def options(self) -> WindowOptions:
        return WindowOptions(
            source=parse_source(self.source),
            annotations=self.annotations,
            int8=self.int8,
            fp32=self.fp32,
            engine=self.engine,
            probe=self.probe,
            threads=self.threads,
        )


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Open the window on the bundled clip; without a screen replay it and draw the window.

    The clip shows a synthetic person whom the bundled models never saw in training.
    """

    picture: Path = _DEMO_PICTURE
    """Where the picture of the window goes when there is no screen."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self) -> int:
        window = Window(source=str(resources.DEMO_CLIP), annotations=resources.DEMO_ANNOTATIONS)
        if has_screen():
            return window.run()
        print("There is no screen here: replaying the demonstration clip instead.\n")
        Replay(source=resources.DEMO_CLIP, annotations=resources.DEMO_ANNOTATIONS).run()
        from app.snapshot import render_snapshot

        self.picture.parent.mkdir(parents=True, exist_ok=True)
        render_snapshot(window.options(), self.picture, _DEMO_PICTURE_AFTER_S)
        print(f"\nThis is what the window shows: {self.picture}")
        return EXIT_DONE


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Run every clip of a video through both models and compare them; no screen needed.

    Example: incab replay drive.mp4 --annotations midlevel.chunks_90.csv --out clips.csv
    """

    source: Positional[Path]
    """A video file."""
    annotations: Path | None = None
    """Drive&Act CSV with the truth for this video."""
    int8: Path = resources.INT8_MODEL
    """The int8 model file."""
    fp32: Path = resources.FP32_MODEL
    """The fp32 model file."""
    out: Path | None = None
    """Write every clip's answers to this .csv or .json file."""
    engine: str = "auto"
    """auto (the first that is right here), openvino, onednn, eager (fp32), or reference (slow)."""
    probe: ProbeMode = "once"
    """Try the engine in a process of its own: once on this machine, again now, or never."""
    threads: int | None = None
    """CPU threads for the models; as many as there are logical cores, at most 4, when left out."""
    json: bool = False
    """Print JSON (schema incab.replay/1) instead of a table."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        _check_threads(self.threads)

    def run(self) -> int:
        from rich.console import Console
        from rich.progress import Progress

        from app.replay import ReplayOptions, replay
        from app.replay_table import print_report

        options = ReplayOptions(
            source=self.source,
            int8=self.int8,
            fp32=self.fp32,
            annotations=self.annotations,
            out=self.out,
            engine=self.engine,
            probe=self.probe,
            threads=self.threads,
        )
        status = Console(stderr=True)
        with Progress(console=status, transient=True, disable=not status.is_terminal) as bar:
            task = bar.add_task("Replaying", total=None)
            report, notes = replay(
                options, lambda done, total: bar.update(task, completed=done, total=total)
            )
        if self.json:
            for note in notes:
                print(f"incab: {note}", file=sys.stderr)
            print(json.dumps(report, indent=2))
        else:
            print_report(report, notes, Console())
        return EXIT_DONE


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Time both models on every engine this CPU offers, each in a process of its own.

    Example: incab bench --runs 1000    (the paper's protocol)

    Example: incab bench --json --plot bench.png > bench.json
    """

    int8: Path = resources.INT8_MODEL
    """The int8 model file."""
    fp32: Path = resources.FP32_MODEL
    """The fp32 model file."""
    teacher: Path | None = None
    """An fp32 teacher's model file to time as well."""
    clip: Path = resources.DEMO_CLIP
    """A video to take real clips from."""
    runs: int = 200
    """Timed runs of each row, after a warm-up."""
    threads: int | None = None
    """CPU threads; as many as there are logical cores, at most 4, when left out."""
    quick: bool = False
    """Few runs and no thread scaling: shows that all works, not how fast it is."""
    plot: Path | None = None
    """Draw latency against accuracy into this .png file."""
    json: bool = False
    """Print JSON (schema incab.bench/2, see docs/bench.md) instead of tables."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        _check_threads(self.threads)
        if self.runs < 1:
            raise ValueError("runs must be at least 1")

    def run(self) -> int:
        from app.bench.measure import bench
        from app.bench.plot import check_plot, draw_plot
        from app.bench.progress import progress_line
        from app.bench.setting import BenchOptions
        from app.bench.table import render

        options = BenchOptions(
            int8=self.int8,
            fp32=self.fp32,
            teacher=self.teacher,
            clip=self.clip,
            runs=self.runs,
            threads=self.threads,
            quick=self.quick,
        )
        if self.plot is not None:
            check_plot(self.plot, options)
        with progress_line() as progress:
            report = bench(options, progress)
        print(json.dumps(report, indent=2) if self.json else render(report))
        if self.plot is not None:
            draw_plot(report, self.plot)
        return EXIT_DONE


_COMMANDS: dict[str, type[Demo | Replay | Bench]] = {
    "demo": Demo,
    "replay": Replay,
    "bench": Bench,
}


def _check_threads(threads: int | None) -> None:
    if threads is not None and threads < 1:
        raise ValueError("threads must be at least 1")


def has_screen() -> bool:
    """Whether a window could be seen: on Linux a display server has to be named."""
    if sys.platform != "linux":
        return True
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def parse_source(source: str | None) -> str | int | None:
    """A camera number as int, anything else as it is."""
    return int(source) if source is not None and source.isdecimal() else source


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code 0 (done), 1 (failed) or 2 (wrong usage)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # The window needs no name of its own, and its SOURCE may be any file name.
    command_type = _COMMANDS.get(arguments[0]) if arguments else None
    try:
        if command_type is None:
            command = tyro.cli(Window, args=arguments, prog="incab")
        else:
            command = tyro.cli(command_type, args=arguments[1:], prog=f"incab {arguments[0]}")
    except SystemExit as exit_request:
        return EXIT_USAGE if exit_request.code else EXIT_DONE
    try:
        return command.run()
    except KeyboardInterrupt:
        return EXIT_FAILED
    except (InCabError, OSError) as error:
        if command.debug:
            traceback.print_exc()
        print(f"incab: {error}", file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
