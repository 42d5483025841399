"""`incab sessions`: what was recorded, without a screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from app.commands.common import EXIT_DONE


@dataclass(frozen=True, kw_only=True)
class List:
    """List the recordings in a folder, newest first."""

    folder: Positional[Path | None] = None
    """The folder; where the window records to when left out."""

    def run(self) -> int:
        from app.recording.report import print_list
        from app.settings import written_folders

        print_list(self.folder or written_folders().recordings)
        return EXIT_DONE


@dataclass(frozen=True, kw_only=True)
class Show:
    """Show what a recording holds: source, models, agreement, counters, events."""

    file: Positional[Path]
    """A recording (.sqlite)."""
    json: bool = False
    """Print JSON (schema incab.session/1, see docs/sessions.md) instead of a table."""

    def run(self) -> int:
        from app.recording.reader import read_session
        from app.recording.report import print_session

        with read_session(self.file) as session:
            print_session(session, as_json=self.json)
        return EXIT_DONE


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write every clip of a recording as one row of a CSV, or all of it as JSON.

    Example: incab sessions export drive.sqlite --out drive.csv
    """

    file: Positional[Path]
    """A recording (.sqlite)."""
    out: Path
    """The .csv or .json file to write."""

    def run(self) -> int:
        from app.recording.export import export_session
        from app.recording.reader import read_session

        with read_session(self.file) as session:
            export_session(session, self.out)
            print(f"{self.out}: {len(session.clips.ids)} clips")
        return EXIT_DONE


@dataclass(frozen=True, kw_only=True)
class Check:
    """Check that a recording is whole; with --finish make one file of one that was not closed."""

    file: Positional[Path]
    """A recording (.sqlite)."""
    finish: bool = False
    """Write what still lies in its -wal file into the recording itself."""

    def run(self) -> int:
        from app.recording.finish import finish, unfinished
        from app.recording.reader import read_session

        with read_session(self.file) as session:
            clips, closed = len(session.clips.ids), session.closed
        if self.finish:
            finish(self.file)
        told = f"{self.file}: whole, {clips} clips"
        print(
            f"{told}." if closed else f"{told}; it was not closed, at most its last second is lost."
        )
        if unfinished(self.file):
            print(
                f"Keep {self.file.name}-wal beside it, or run: "
                f"incab sessions check {self.file} --finish"
            )
        return EXIT_DONE


@dataclass(frozen=True, kw_only=True)
class Video:
    """Write the recorded video with the labels of both models drawn into it (without sound).

    Example: incab sessions video drive.sqlite --out drive_labels.mp4
    """

    file: Positional[Path]
    """A recording (.sqlite)."""
    out: Path
    """The .mp4, .avi or .mkv file to write."""
    video: Path | None = None
    """The recorded video, where it is not where it was."""

    def run(self) -> int:
        import sys

        from rich.console import Console
        from rich.progress import Progress

        from app.recording.annotate import write_annotated_video
        from app.recording.reader import read_session
        from app.recording.video_match import find_video, why_other_video

        status = Console(stderr=True)
        with read_session(self.file) as session:
            video = find_video(session.source, self.file, self.video)
            if remark := why_other_video(session.source, video):
                print(f"incab: {remark}", file=sys.stderr)
            with Progress(console=status, transient=True, disable=not status.is_terminal) as bar:
                task = bar.add_task("Writing", total=None)
                frames = write_annotated_video(
                    session,
                    video,
                    self.out,
                    lambda done, total: bar.update(task, completed=done, total=total),
                )
        print(f"{self.out}: {frames} frames")
        return EXIT_DONE


Action = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Video, tyro.conf.subcommand("video")]
)


@tyro.conf.configure(tyro.conf.CascadeSubcommandArgs)
@dataclass(frozen=True, kw_only=True)
class Sessions:
    """List, show, check and export what InCab recorded.

    A recording is opened in the window, beside its video, with: incab FILE.sqlite
    """

    action: tyro.conf.OmitSubcommandPrefixes[Action]
    """What to do."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self) -> int:
        return self.action.run()
