from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DataError
from training.store import Store, open_store


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="incab-train prepare"):
            open_store(folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"format": 1, "chu', id="cut off"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"format": 2}', id="another format"),
        pytest.param(
            b'{"format": 1, "chunks": [[1, "run"]], "splits": {}, "labels": []}', id="short rows"
        ),
        pytest.param(
            b'{"format": 1, "chunks": [], "splits": {"x": {}}, "labels": []}', id="split x"
        ),
        pytest.param(
            b'{"format": 1, "chunks": [], "splits": [], "labels": []}', id="splits a list"
        ),
    ],
)
def test_a_damaged_store_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.json").write_bytes(content)
    with pytest.raises(DataError, match=r"store\.json .*prepare") as refusal:
        open_store(tmp_path)
    assert str(tmp_path) in str(refusal.value)


def test_a_missing_split_or_subset_is_named(tiny_store: Store) -> None:
    with pytest.raises(DataError, match="no split 7 train; it has 0, 1, 2"):
        tiny_store.subset(7, "train")
    with pytest.raises(DataError, match=r"no split 0 tset; .* train, val, test, and all"):
        tiny_store.subset(0, "tset")


def test_an_opened_store_is_the_prepared_one(tiny_store: Store) -> None:
    again = open_store(tiny_store.folder)
    assert again.chunks == tiny_store.chunks
    assert again.splits == tiny_store.splits
    train, val, test = (
        {tiny_store.chunks[p].participant_id for p in tiny_store.subset(0, subset)}
        for subset in ("train", "val", "test")
    )
    assert (train, val, test) == ({1, 2, 3}, {4}, {5})
    assert tiny_store.subset(0, "all") == tuple(range(len(tiny_store.chunks)))
