"""Quick forms of the rehearsals for hostile input and unruly sources, and what no fuzzer asks."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from app.recording.places import free_name
from core.annotations import read_annotations
from core.driveact import find_video
from core.errors import AnnotationError, DataError, SourceError
from core.source_state import STREAM_LIMITS
from core.video import VideoFile
from tests.robustness import source_faults, stream_server
from tests.robustness.fuzz_files import KINDS, fuzz, fuzz_here
from tests.robustness.fuzz_kinds import PLAYLISTS
from tests.robustness.socket_watch import CannotWatch, watch
from training.config import read_recipe

TRICKS = (
    "../../../etc/passwd", "/etc/passwd", "..", ".", "..\\..\\x", "C:\\x", "a/../../b.mp4",
    "\0", "\x1b[2J", "", " ", "~/x", "rtsp://me:secret@cabin/../..", "x" * 5000, "con",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_spoiled_input_is_refused_in_a_sentence_or_makes_sense(kind: str) -> None:
    figures = fuzz_here(kind, 60, seed=7)
    assert figures.problems == []
    assert figures.faults == 0
    assert min(figures.refused, figures.accepted) > 0


def test_the_long_form_counts_the_same_in_a_child() -> None:
    here, child = fuzz_here("recipe", 20, seed=1), fuzz("recipe", 20, seed=1)
    assert (child.refused, child.accepted) == (here.refused, here.accepted)
    assert (child.hangs, child.crashes, child.problems) == (0, 0, [])


def test_every_fault_in_every_state_in_figures() -> None:
    figures = source_faults.rehearse(fault_s=4.0)
    assert figures.problems == []
    assert figures.recovered + figures.reported == figures.pairs == 75
    assert figures.crashes == figures.stale_clips == 0


def test_a_stream_comes_back_after_all_that_its_server_did() -> None:
    hasty = replace(STREAM_LIMITS, stalled_s=0.5, lost_s=0.6, pause_s=0.05, first_retry_s=0.1)
    # The others: tests/core/test_live_streams.py. How long it took is judged in the long form.
    figures = stream_server.rehearse(1, 1.5, hasty, ("refusing",))
    assert figures.problems == []
    assert len(figures.all_s) == 1
    assert figures.reconnections > 0


# No path leads out of the chosen folder


@pytest.mark.parametrize("title", TRICKS)
def test_recordings_and_pictures_stay_in_their_folder(title: str, tmp_path: Path) -> None:
    for ending in (".sqlite", ".png"):
        path = free_name(tmp_path, title, ending, datetime(2026, 3, 1))
        assert path.resolve().parent == tmp_path.resolve()
        assert path.name.isprintable()
        path.write_bytes(b"it can be written")


@pytest.mark.parametrize("name", [*TRICKS, *(f"vp1/{trick}" for trick in TRICKS)])
def test_annotations_lead_to_no_file_outside_the_data(name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "b.mp4").write_bytes(b"outside")
    with pytest.raises(DataError):
        find_video(root, "inner_mirror", name)


# Files that are none


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(AnnotationError, match="no ordinary file"):
            read_annotations(path)
        with pytest.raises(DataError, match="no ordinary file"):
            read_recipe(path)
        with pytest.raises(SourceError):
            VideoFile(path)


def test_an_enormous_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(AnnotationError, match=r"larger than 16\.8 MB"):
        read_annotations(path)
    with pytest.raises(DataError, match=r"larger than 0\.0655 MB"):
        read_recipe(path)


_OPEN = """
import sys
from pathlib import Path
from core.errors import SourceError
from core.video import VideoFile
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        VideoFile(path).close()
        print("opened", path)
    except SourceError:
        pass
"""


def test_a_video_that_is_a_playlist_sends_nobody_into_the_network(tmp_path: Path) -> None:
    for number, playlist in enumerate(PLAYLISTS):
        for ending in ("mp4", "m3u8", "sdp", "mpd", "ffconcat"):
            (tmp_path / f"{number}.{ending}").write_bytes(playlist)
    try:
        watched = watch([sys.executable, "-c", _OPEN, str(tmp_path)])
    except CannotWatch as error:
        pytest.skip(str(error))
    assert (watched.returncode, watched.stderr) == (0, "")
    assert watched.stdout == ""
    assert watched.attempts == ()
