from __future__ import annotations

from pathlib import Path

import pytest

from app.truth import truth_of_video
from core.activities import ACTIVITY_NAMES
from core.annotations import Chunk, write_annotations
from core.errors import AnnotationError

VIDEO = Path("data/inner_mirror/vp1/run1.ids_1.mp4")


@pytest.fixture
def table(tmp_path: Path):
    def write(*rows: tuple[str, int, int, str]) -> Path:
        path = tmp_path / "midlevel.chunks_90.csv"
        write_annotations(path, [Chunk(1, run, 0, a, b, name, 0) for run, a, b, name in rows])
        return path

    return write


def test_without_annotations_there_is_no_truth() -> None:
    assert truth_of_video(None, VIDEO, ACTIVITY_NAMES) is None


def test_the_run_is_found_by_the_videos_path(table) -> None:
    path = table(
        ("vp11/run1.ids_1", 0, 4, "eating"),
        ("vp1/run1.ids_1", 1, 3, "writing"),
        ("vp1/run1b.ids_1", 0, 4, "drinking"),
    )
    truth = truth_of_video(path, VIDEO, ACTIVITY_NAMES)
    assert truth == [None, "writing", "writing"]
    assert truth_of_video(path, Path("vp1/run1.ids_1.avi"), ACTIVITY_NAMES) == truth
    other = truth_of_video(path, Path("/x/vp11/run1.ids_1.mp4"), ACTIVITY_NAMES)
    assert other == ["eating"] * 4


def test_a_video_named_from_inside_its_own_folder(
    table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(("vp1/run1.ids_1", 0, 2, "eating"), ("vp2/run1.ids_1", 0, 2, "writing"))
    (tmp_path / "vp2").mkdir()
    monkeypatch.chdir(tmp_path / "vp2")
    assert truth_of_video(path, Path("run1.ids_1.mp4"), ACTIVITY_NAMES) == ["writing"] * 2


def test_an_absurd_frame_number_does_not_fill_the_memory(table) -> None:
    path = table(("vp3/run2.ids_1", 10**9, 10**9 + 2, "eating"))
    assert len(truth_of_video(path, Path("clip.mp4"), ACTIVITY_NAMES) or ()) == 1_000_000


def test_an_only_run_fits_any_video(table) -> None:
    path = table(("vp3/run2.ids_1", 0, 2, "eating"))
    assert truth_of_video(path, Path("clip.mp4"), ACTIVITY_NAMES) == ["eating", "eating"]


def test_several_runs_and_none_of_them_this_one(table) -> None:
    path = table(("vp1/run2.ids_1", 0, 2, "eating"), ("vp2/run1.ids_1", 0, 2, "eating"))
    with pytest.raises(AnnotationError, match=r"2 runs, none of them run1\.ids_1\.mp4") as refusal:
        truth_of_video(path, VIDEO, ACTIVITY_NAMES)
    assert str(path) in str(refusal.value)


def test_rows_that_cannot_be_used_are_told(table) -> None:
    path = table(("vp1/run1.ids_1", 0, 2, "eating"), ("vp1/run1.ids_1", 2, 3, "eating"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2].replace("eating", "flying"), "x,y"]))
    told: list[str] = []
    assert truth_of_video(path, VIDEO, ACTIVITY_NAMES, told.append) == ["eating", "eating"]
    (remark,) = told
    assert remark.startswith(f"2 rows are left out of the truth; the first: {path} line 3: ")
    assert "flying" in remark


def test_a_csv_of_another_level_is_named_as_such(table) -> None:
    path = table(("vp1/run1.ids_1", 0, 2, "final_task"), ("vp1/run1.ids_1", 2, 3, "final_task"))
    with pytest.raises(AnnotationError, match=r"no row that can be used: .* line 2: .*final_task"):
        truth_of_video(path, VIDEO, ACTIVITY_NAMES)


def test_a_model_of_other_classes_reads_its_own(table) -> None:
    path = table(("vp1/run1.ids_1", 0, 2, "parking"), ("vp1/run1.ids_1", 2, 3, "eating"))
    assert truth_of_video(path, VIDEO, ("parking", "driving")) == ["parking", "parking"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"nowhere\.csv"):
        truth_of_video(tmp_path / "nowhere.csv", VIDEO, ACTIVITY_NAMES)
