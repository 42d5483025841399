"""The finder goes by names: what lies in the videos does not matter here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.annotations import Chunk, write_annotations
from core.driveact import annotation_path
from core.errors import DataError
from tests.training.roots import write_object_level
from training.inventory import Dataset, find_runs


def video(root: Path, name: str, size: int = 7) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def rows(path: Path, *file_ids: str, object_level: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    label = "placing/bottle/lap" if object_level else "eating"
    chunks = [Chunk(1, name, k, 90 * k, 90 * k + 90, label, 0) for k, name in enumerate(file_ids)]
    (write_object_level if object_level else write_annotations)(path, chunks)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people, two views; a video without annotation, an annotation without video."""
    root = tmp_path / "driveact"
    video(root, "inner_mirror/vp1/run1_2018-05-29.ids_1.mp4")
    video(root, "inner_mirror/vp1/run1_2018-05-29.ids_1.timestamps")
    video(root, "inner_mirror/vp10/run2b.ids_1.avi")
    video(root, "kinect_color/vp1/run1_2018-05-29.kinect_color.mp4")
    mirror = root / "activities_3s/inner_mirror"
    both = ("vp1/run1_2018-05-29.ids_1",) * 2
    rows(mirror / "midlevel.chunks_90.csv", *both, "vp2/run1.ids_1")
    rows(mirror / "objectlevel.chunks_90.csv", *both, object_level=True)
    for split in (0, 1, 2):
        for subset in ("train", "val", "test"):
            if (split, subset) != (1, "val"):
                rows(mirror / f"midlevel.chunks_90.split_{split}.{subset}.csv", *both)
    return root


def test_people_runs_views_and_rows_are_listed(root: Path) -> None:
    found = find_runs(root)
    assert found.people == (1, 2, 10)
    assert found.views == ("inner_mirror", "kinect_color")
    assert found.runs == ((1, "run1_2018-05-29"), (2, "run1"), (10, "run2b"))
    first, second, third = found.of_view("inner_mirror")
    assert first.rows == {"midlevel": 2, "objectlevel": 2}
    assert (first.file_id, first.size_bytes) == ("vp1/run1_2018-05-29.ids_1", 7)
    assert (second.video, second.rows) == (None, {"midlevel": 1})
    assert third.video == root / "inner_mirror/vp10/run2b.ids_1.avi"
    assert found.problems == ()


def test_what_is_missing_is_named(root: Path) -> None:
    said = "\n".join(find_runs(root).missing)
    assert f"{root / 'inner_mirror/vp2/run1.ids_1'}.mp4 is missing (1 rows)" in said
    assert "vp10/run2b.ids_1.avi has no annotation" in said
    assert "kinect_color holds no CSV" in said
    assert "midlevel.chunks_90.split_1.val.csv is missing" in said
    assert "midlevel.chunks_90.split_1.train.csv" not in said
    assert "tasklevel" not in said


def test_without_the_unsplit_file_split_0_names_the_runs(root: Path) -> None:
    annotation_path(root, "inner_mirror", "midlevel").unlink()
    found = find_runs(root)
    assert found.of_view("inner_mirror")[0].rows["midlevel"] == 6
    assert any("midlevel.chunks_90.csv is missing" in line for line in found.missing)


def test_any_one_split_names_the_runs(root: Path) -> None:
    """Each split holds everybody, so that the rows of the first one are counted."""
    annotation_path(root, "inner_mirror", "midlevel").unlink()
    annotation_path(root, "inner_mirror", "objectlevel").unlink()
    for subset in ("train", "val", "test"):
        annotation_path(root, "inner_mirror", "midlevel", 0, subset).unlink()
    found = find_runs(root)
    # Split 1 lacks its val file here.
    assert found.of_view("inner_mirror")[0].rows == {"midlevel": 4}
    assert not any("inner_mirror holds no CSV" in line for line in found.missing)


def test_oddly_named_files_are_problems_and_the_rest_goes_on(root: Path) -> None:
    video(root, "inner_mirror/vp1/reduced.mp4")
    video(root, "inner_mirror/vpx/run1.ids_1.mp4")
    rows(root / "activities_3s/ceiling/midlevel.chunks_90.csv", "../../etc/passwd.ids_3")
    (root / "activities_3s/ceiling/tasklevel.chunks_90.csv").write_text("a,b\n")
    found = find_runs(root)
    said = "\n".join(found.problems)
    assert "reduced.mp4 is not named <run>.ids_1.mp4" in said
    assert "vpx/run1.ids_1.mp4 does not lie in a folder vp<N>" in said
    assert "'../../etc/passwd.ids_3' is not vp<N>/<run>" in said
    assert "tasklevel.chunks_90.csv line 1" in said
    assert found.people == (1, 2, 10)


def test_the_description_is_plain_json(root: Path) -> None:
    described = json.loads(json.dumps(find_runs(root).description()))
    assert described["schema"] == "incab.dataset/1"
    assert described["people"] == [1, 2, 10]
    assert described["recordings"][0]["video"] == ("inner_mirror/vp1/run1_2018-05-29.ids_1.mp4")
    assert described["recordings"][1]["video"] is None
    whole = described["annotations"][0]
    assert (whole["level"], whole["split"], whole["subset"], whole["rows"]) == (
        "midlevel", None, None, 3,
    )  # fmt: skip


@pytest.mark.parametrize("kept", ["iccv_activities_3s/activities_3s", "iccv_activities_3s"])
def test_the_archives_own_folder_may_have_been_kept(root: Path, kept: str) -> None:
    before = find_runs(root)
    folder = root / kept
    folder.parent.mkdir(exist_ok=True)
    (root / "activities_3s").rename(folder)
    after = find_runs(root)
    assert after.recordings == before.recordings
    assert len(after.annotations) == len(before.annotations)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        find_runs(tmp_path / "nowhere")
    with pytest.raises(DataError, match="neither"):
        find_runs(tmp_path)


def test_an_empty_folder_has_no_views() -> None:
    assert Dataset(Path(), (), (), (), ()).views == ()
