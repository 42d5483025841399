from __future__ import annotations

from pathlib import Path

import pytest

from core.annotations import Chunk, write_annotations
from core.driveact import annotation_path
from core.driveact_runs import Run, find_run, runs_to_watch
from core.errors import DataError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def annotate(path: Path, *file_ids: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    chunks = [
        Chunk(1, name, k, 90 * k, 90 * k + 90, "eating", 0) for k, name in enumerate(file_ids)
    ]
    write_annotations(path, chunks)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people; the second run of the ninth is not annotated, as in Drive&Act itself."""
    root = tmp_path / "driveact"
    for name in (
        "inner_mirror/vp1/run1b_2018-05-29-14-02-47.ids_1.mp4",
        "inner_mirror/vp10/run1_2018-06-01.ids_1.avi",
        "inner_mirror/vp9/run1_2018-05-30.ids_1.mp4",
        "inner_mirror/vp9/run2_2018-05-30.ids_1.mp4",
        "kinect_color/vp9/run2_2018-05-30.kinect_color.mp4",
    ):
        touch(root / name)
    first = "vp1/run1b_2018-05-29-14-02-47.ids_1"
    whole = annotation_path(root, "inner_mirror", "midlevel")
    annotate(whole, first, first, "vp9/run1_2018-05-30.ids_1", "vp2/gone.ids_1")
    return root


def test_videos_are_listed_with_their_annotations(root: Path) -> None:
    runs = runs_to_watch(root)
    assert [(run.view, run.person, run.run.split("_")[0], run.chunks) for run in runs] == [
        ("inner_mirror", 1, "run1b", 2),
        ("inner_mirror", 9, "run1", 1),
        ("inner_mirror", 9, "run2", 0),
        ("inner_mirror", 10, "run1", 0),
        ("kinect_color", 9, "run2", 0),
    ]
    whole = annotation_path(root, "inner_mirror", "midlevel")
    assert [run.annotations for run in runs] == [whole, whole, None, None, None]
    assert runs[0].video == root / "inner_mirror/vp1/run1b_2018-05-29-14-02-47.ids_1.mp4"


def test_without_the_whole_table_a_split_tells(root: Path) -> None:
    annotation_path(root, "inner_mirror", "midlevel").unlink()
    train = annotate(
        annotation_path(root, "inner_mirror", "midlevel", 0, "train"),
        "vp1/run1b_2018-05-29-14-02-47.ids_1",
    )
    test = annotate(
        annotation_path(root, "inner_mirror", "midlevel", 0, "test"), "vp9/run2_2018-05-30.ids_1"
    )
    assert [run.annotations for run in runs_to_watch(root)] == [train, None, test, None, None]


def test_an_unusable_table_leaves_the_videos(root: Path) -> None:
    annotation_path(root, "inner_mirror", "midlevel").write_text("no,header\n")
    assert [run.annotations for run in runs_to_watch(root)] == [None] * 5


@pytest.mark.parametrize(
    ("person", "run", "view", "expected"),
    [
        (1, None, None, ("inner_mirror", "run1b_2018-05-29-14-02-47")),
        (9, "run2", None, ("inner_mirror", "run2_2018-05-30")),
        (9, "run1_2018-05-30", "inner_mirror", ("inner_mirror", "run1_2018-05-30")),
        (9, None, "kinect_color", ("kinect_color", "run2_2018-05-30")),
    ],
)
def test_a_run_is_named_by_as_little_as_needed(
    root: Path, person: int, run: str | None, view: str | None, expected: tuple[str, str]
) -> None:
    found = find_run(root, person, run, view)
    assert isinstance(found, Run)
    assert (found.view, found.run) == expected


def test_a_run_that_only_a_later_view_has_is_found_there(root: Path) -> None:
    touch(root / "kinect_color/vp10/run2_2018-06-01.kinect_color.mp4")
    assert find_run(root, 10, "run2").view == "kinect_color"
    with pytest.raises(DataError, match=r"runs run1_2018-06-01 in inner_mirror"):
        find_run(root, 10, "run3")


@pytest.mark.parametrize(
    ("person", "run", "view", "told"),
    [
        (9, None, None, r"runs run1_2018-05-30, run2_2018-05-30 in inner_mirror; name one"),
        (9, "run7", None, r"has the runs run1_2018-05-30"),
        (4, None, None, r"no video of person 4"),
        (1, None, "ceiling", r"ceiling holds no video of person 1"),
        (1, None, "roof", r"no view roof; Drive&Act has inner_mirror"),
    ],
)
def test_what_cannot_be_found_is_told_with_what_there_is(
    root: Path, person: int, run: str | None, view: str | None, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        find_run(root, person, run, view)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        runs_to_watch(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no <view>"):
        runs_to_watch(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        find_run(tmp_path / "nowhere", 1)


def test_looking_can_be_given_up(root: Path) -> None:
    with pytest.raises(DataError):
        runs_to_watch(root, lambda: True)
