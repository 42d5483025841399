from __future__ import annotations

import pytest

from core.activities import ACTIVITY_NAMES
from core.errors import AnnotationError
from training.level import read_level

FOLDER = "activities_3s/inner_mirror"


@pytest.fixture
def root(hand_made_root):
    """Three people, one for each subset of split 0; eating is in its test subset only."""
    root = hand_made_root()
    root.chunk("vp1/run1", 0, 90, "writing")
    root.chunk("vp2/run1", 0, 90, "writing")
    root.chunk("vp3/run1", 0, 90, "eating")
    root.annotate()
    for split in range(3):
        root.split(split, ["vp1"], ["vp2"], ["vp3"])
    return root


def test_everything_right_leaves_no_words(root) -> None:
    level = read_level(root.path, "inner_mirror", "midlevel")
    assert (level.problems, level.notes) == ((), ())
    assert level.labels == ACTIVITY_NAMES
    assert level.splits[2] == {"train": (0,), "val": (1,), "test": (2,)}
    assert level.places[1].endswith("midlevel.chunks_90.csv line 3")


def test_a_split_s_row_that_the_unsplit_file_lacks_is_used(root) -> None:
    (root.path / FOLDER / "midlevel.chunks_90.csv").unlink()
    level = read_level(root.path, "inner_mirror", "midlevel")
    assert [chunk.activity for chunk in level.chunks] == ["writing", "writing", "eating"]
    assert level.splits[1]["test"] == (2,)
    assert "split_0.val.csv line 2" in level.places[1]
    assert len(level.problems) == 1


def test_a_broken_split_file_is_named_and_the_rest_goes_on(root) -> None:
    path = root.path / FOLDER / "midlevel.chunks_90.split_1.val.csv"
    path.write_text("something else\n")
    level = read_level(root.path, "inner_mirror", "midlevel")
    assert level.splits[1] == {"train": (0,), "val": (), "test": (2,)}
    (problem,) = level.problems
    assert problem.startswith(f"{path} line 1")


def test_contradicting_files_are_named(root) -> None:
    path = root.path / FOLDER / "midlevel.chunks_90.split_0.train.csv"
    path.write_text(path.read_text().replace("writing", "drinking"))
    level = read_level(root.path, "inner_mirror", "midlevel")
    assert level.splits[0]["train"] == ()
    (problem,) = level.problems
    assert "split_0.train.csv line 2: 'drinking', but" in problem
    assert "midlevel.chunks_90.csv line 2 says 'writing'" in problem


def test_people_in_two_subsets_are_named(root) -> None:
    root.split(1, ["vp1", "vp2"], ["vp2"], ["vp3", "vp1"])
    level = read_level(root.path, "inner_mirror", "midlevel")
    assert level.problems == ("Split 1 has vp1, vp2 in more than one subset.",)


def test_nothing_to_read_is_an_error(root) -> None:
    with pytest.raises(AnnotationError, match=r"tasklevel\.chunks_90\.csv"):
        read_level(root.path, "inner_mirror", "tasklevel")
