"""The set on disk: layout, splits, chunk rules, resuming, clear refusals."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import cv2
import pytest

from core.annotations import read_annotations
from core.errors import DataError
from tests.training.elsewhere import held_elsewhere
from training.exclusive import BusyError
from training.synthetic.layout import (
    GENERATOR_VERSION,
    SyntheticConfig,
    file_id,
    split_people,
    video_path,
)
from training.synthetic.session import SessionRenderer
from training.synthetic.synthesize import synthesize

MINUTES = 0.1  # 6 s at 10 fps: 60 small frames a run
SMALL = {
    "people": 3,
    "minutes": MINUTES,
    "fps": 10.0,
    "size": 64,
    "seed": 5,
    "views": ("inner_mirror",),
}
PARTS = ("train", "val", "test")
PIXEL_MEAN = 88.7078


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic")
    synthesize(out, processes=0, **SMALL)
    return out


def _bytes(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def _csvs(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(out.glob("activities_3s/*/*.csv"))}


def test_layout_is_read_without_a_problem(made: Path) -> None:
    assert len(_csvs(made)) == 10
    annotations = read_annotations(made / "activities_3s/inner_mirror/midlevel.chunks_90.csv")
    assert annotations.problems == ()
    assert {c.participant_id for c in annotations.chunks} == {1, 2, 3}
    for chunk in annotations.chunks:
        assert (made / "inner_mirror" / f"{chunk.file_id}.mp4").is_file()
    assert "vp1/run1_2026-01-01-10-00-00.ids_1" in annotations.file_ids


def test_videos_are_as_long_as_the_schedule(made: Path) -> None:
    for person in (1, 2, 3):
        capture = cv2.VideoCapture(str(video_path(made, person, "inner_mirror")))
        frames = 0
        while capture.read()[0]:
            frames += 1
        assert frames == 60
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 64


def test_nothing_unfinished_is_left(made: Path) -> None:
    assert not [p for p in made.rglob("*") if "partial" in p.name]


def test_splits_hold_each_person_once_and_together_all(made: Path) -> None:
    folder = made / "activities_3s/inner_mirror"
    whole = read_annotations(folder / "midlevel.chunks_90.csv").chunks
    tested = []
    for split in range(3):
        parts = {
            part: read_annotations(folder / f"midlevel.chunks_90.split_{split}.{part}.csv").chunks
            for part in PARTS
        }
        people = [{c.participant_id for c in chunks} for chunks in parts.values()]
        assert sum(map(len, people)) == len(set.union(*people)) == 3
        assert sorted(map(repr, (c for chunks in parts.values() for c in chunks))) == sorted(
            map(repr, whole)
        )
        tested.append(frozenset(c.participant_id for c in parts["test"]))
    assert len(set(tested)) == 3


@pytest.mark.parametrize("count", [3, 4, 7, 15, 40])
def test_split_sizes(count: int) -> None:
    everyone = tuple(range(11, 11 + count))
    tests: list[int] = []
    for split in range(3):
        parts = split_people(everyone, split)
        assert sorted(p for part in parts.values() for p in part) == list(everyone)
        assert all(parts.values())
        tests += parts["test"]
    assert len(tests) == len(set(tests))
    if count == 15:
        assert [len(split_people(everyone, 1)[p]) for p in PARTS] == [10, 2, 3]


def test_processes_and_the_number_of_them_change_no_byte(made: Path, tmp_path: Path) -> None:
    synthesize(tmp_path, processes=2, **SMALL)
    assert _bytes(tmp_path) == _bytes(made)


def test_pixels_are_those_of_the_generator_version() -> None:
    """When this fails, other pixels are meant: raise GENERATOR_VERSION and write the new sum."""
    renderer = SessionRenderer(5, 2, 1, 4.0)
    scale = sum(int(renderer.frame(i).astype(int).sum()) for i in (0, 900, 2500, 7199)) / 4 / 256**2
    assert (GENERATOR_VERSION, scale) == (4, pytest.approx(PIXEL_MEAN, abs=0.02))


def test_resumes_with_the_missing_video_only(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    shutil.copytree(made, out)
    kept, lost = (video_path(out, person, "inner_mirror") for person in (1, 2))
    os.utime(kept, (1, 1))
    lost.unlink()
    lines: list[str] = []
    told: list[tuple[int, int]] = []
    synthesize(
        out,
        processes=0,
        report=lines.append,
        progress=lambda done, total: told.append((done, total)),
        **SMALL,
    )
    assert lines[0] == "2 of 3 videos are there already."
    assert lines[1].startswith("3/3 vp2/run1_2026-01-02-10-00-00.ids_1: 60 frames, ")
    assert len(lines) == 2
    assert told[0] == (0, 60)
    assert told[-1] == (60, 60)
    assert lost.is_file()
    assert kept.stat().st_mtime == 1


def test_other_settings_in_the_same_folder_are_refused(made: Path) -> None:
    with pytest.raises(DataError, match="seed 5 there, 6 asked"):
        synthesize(made, processes=0, **{**SMALL, "seed": 6})


def test_settings_that_are_no_text_are_of_another_set(tmp_path: Path) -> None:
    (tmp_path / "synthetic.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="other settings"):
        synthesize(tmp_path, processes=0, **SMALL)


def test_a_full_disk_is_told_before_the_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with pytest.raises(DataError, match="free some space"):
        synthesize(tmp_path, processes=0, **SMALL)
    assert not list(tmp_path.rglob("*.mp4"))


def test_a_disk_that_fills_up_on_the_way_stops_it_cleanly(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**9, 10**9])  # before it begins, and at the first video's first frame
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, next(free, 1000)))
        with pytest.raises(DataError, match=r"is full; free some space.*finished videos stay"):
            synthesize(tmp_path, processes=0, **SMALL)
    assert [p.parent.name for p in tmp_path.rglob("*.mp4")] == ["vp1"]
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]
    synthesize(tmp_path, processes=0, **SMALL)
    assert _bytes(tmp_path) == _bytes(made)


def test_one_that_fails_stops_the_others_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    # A file where the second person's folder should be.
    blocker = video_path(tmp_path, 2, "inner_mirror").parent
    blocker.parent.mkdir(parents=True)
    blocker.touch()
    with pytest.raises(DataError, match=r"Cannot write .*vp2"):
        synthesize(tmp_path, processes=2, **{**SMALL, "minutes": 1.0})
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]


def test_an_encoder_that_loses_frames_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cv2.VideoWriter

    class Full:
        """As OpenCV behaves on a full disk: it goes on without a word.

        Not a subclass: freeing one of an OpenCV class damages the interpreter's memory.
        """

        fourcc = staticmethod(cv2.VideoWriter_fourcc)

        def __init__(self, *arguments: object) -> None:
            self.writer, self.written = real(*arguments), 0

        def __getattr__(self, name: str) -> object:
            return getattr(self.writer, name)

        def write(self, image: object) -> None:
            self.written += 1
            if self.written <= 20:
                self.writer.write(image)

    monkeypatch.setattr(cv2, "VideoWriter", Full)
    with pytest.raises(DataError, match="only 20 of 60 frames"):
        synthesize(tmp_path, processes=0, **SMALL)
    assert not list(tmp_path.rglob("*.mp4"))


def test_what_a_killed_call_was_writing_goes_away(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    shutil.copytree(made, out)
    video = video_path(out, 2, "inner_mirror")
    leftovers = [
        video.with_name(f"{video.stem}.partial-77.mp4"),
        out / "synthetic.partial-77.json",
        out / "activities_3s/inner_mirror/midlevel.chunks_90.partial-77.csv",
    ]
    for path in leftovers:
        path.write_bytes(b"half")
    mine = out / "notes.partial"
    mine.touch()
    synthesize(out, processes=0, **SMALL)
    assert not any(path.exists() for path in leftovers)
    assert mine.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"people": 2}, "at least 3"),
        ({"minutes": 0.0}, "minutes"),
        ({"minutes": 1e-5}, "not one frame"),
        ({"views": ("roof",)}, "choose from inner_mirror"),
        ({"views": ()}, "at least one view"),
        ({"size": 63}, "size"),
        ({"fps": 0.0}, "fps"),
        ({"difficulty": -1.0}, "difficulty"),
    ],
)
def test_senseless_settings_are_refused(
    change: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        synthesize(tmp_path / "out", **{**SMALL, **change})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_each_view_has_its_stream() -> None:
    config = SyntheticConfig(
        people=3, minutes=1.0, seed=0, views=("ceiling",), fps=30.0, size=64, first_person=9
    )
    assert config.participants == (9, 10, 11)
    assert file_id(9, "ceiling").endswith(".ids_3")


def test_what_another_process_is_writing_is_left_alone(made: Path, tmp_path: Path) -> None:
    out = shutil.copytree(made, tmp_path / "set")
    half = video_path(out, 1, "inner_mirror").with_name("run1.partial-1.mp4")
    half.touch()
    with held_elsewhere(out), pytest.raises(BusyError, match=r"Another process is working in"):
        synthesize(out, processes=0, **SMALL)
    assert half.exists()
    synthesize(out, processes=0, **SMALL)
    assert not half.exists()
