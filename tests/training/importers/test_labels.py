from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import DataError
from training.importers.labels import choose_labels, read_labels

NAMES = ("abseiling", "air drumming", "answering questions")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("label_map.txt", "abseiling\nair drumming\nanswering questions\n"),
        ("with_mark.txt", "\ufeffabseiling\r\nair drumming\r\n\r\nanswering questions"),
        ("labels.csv", "id,name\n1,air drumming\n0,abseiling\n2,answering questions\n"),
        (
            "kinetics-600_val.csv",
            "label,youtube_id,time_start\nabseiling,x,1\nair drumming,y,2\nabseiling,z,3\n"
            "answering questions,v,4\n",
        ),
        ("list.json", json.dumps(NAMES)),
        ("kinetics.json", json.dumps({"labels": NAMES, "database": {}})),
    ],
)
def test_every_kind_of_list(tmp_path: Path, name: str, text: str) -> None:
    assert read_labels(write(tmp_path / name, text)) == NAMES


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"),
        ("b.json", '{"names": []}'),
        ("c.csv", "a,b\n1,2\n"),
        ("d.csv", "id,name\n0,a\n2,b\n"),
        ("e.csv", "id,name\nx,a\n"),
        ("f.csv", "label,other\n,1\n"),
    ],
)
def test_what_is_no_list(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(DataError, match="holds no class names"):
        read_labels(write(tmp_path / name, text))
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="holds no class names"):
        read_labels(tmp_path / "bytes.txt")


def test_where_labels_come_from(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.pth"
    numbered, where = choose_labels(checkpoint, 3, None, None)
    assert numbered == ("class 0", "class 1", "class 2")
    assert "--labels" in where
    # Others of another length, or with another name, are no candidates.
    write(tmp_path / "kinetics_600_labels.txt", "only one\n")
    write(tmp_path / "readme.txt", "\n".join("xyz"))
    beside = write(tmp_path / "label_map.txt", "\n".join(NAMES))
    write(tmp_path / "label_map_copy.txt", "\n".join(NAMES))
    assert choose_labels(checkpoint, 3, None, None) == (NAMES, "label_map.txt")
    assert choose_labels(checkpoint, 3, None, ["p", "q", "r"])[0] == ("p", "q", "r")
    given = write(tmp_path / "mine.txt", "a\nb\nc")
    assert choose_labels(checkpoint, 3, given, ["p", "q", "r"])[0] == ("a", "b", "c")
    write(tmp_path / "other_labels.txt", "\n".join(reversed(NAMES)))
    with pytest.raises(DataError, match="different lists of 3 classes"):
        choose_labels(checkpoint, 3, None, None)
    assert beside.exists()


def test_lists_that_do_not_fit(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.pth"
    two = write(tmp_path / "two.txt", "a\nb")
    with pytest.raises(DataError, match="names 2 classes, the network knows 3"):
        choose_labels(checkpoint, 3, two, None)
    with pytest.raises(DataError, match="names a class twice"):
        choose_labels(checkpoint, 3, write(tmp_path / "three.txt", "a\nb\na"), None)
    with pytest.raises(DataError, match="no usable class names"):
        choose_labels(checkpoint, 3, None, 7)
    with pytest.raises(DataError, match="Cannot read"):
        choose_labels(checkpoint, 3, tmp_path / "nowhere.txt", None)
