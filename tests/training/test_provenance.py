from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from training.provenance import data_fingerprint, git_commit, versions
from training.store import Store


def test_a_fingerprint_changes_with_the_data_only(tiny_store: Store, monkeypatch) -> None:
    mine = data_fingerprint(tiny_store)
    assert mine == data_fingerprint(replace(tiny_store))
    swapped = tuple(reversed(tiny_store.labels))
    fewer = tiny_store.splits | {0: tiny_store.splits[0] | {"val": ()}}
    others = {
        data_fingerprint(replace(tiny_store, labels=swapped)),
        data_fingerprint(replace(tiny_store, chunks=tiny_store.chunks[:-1])),
        data_fingerprint(replace(tiny_store, splits=fewer)),
    }
    # A store without checksums.
    monkeypatch.setattr("training.provenance.read_record", lambda folder, file_id: None)
    others.add(data_fingerprint(tiny_store))
    assert len(others | {mine}) == 5


def test_the_commit_of_a_checkout(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None

    def git(*arguments: str) -> str:
        settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *settings, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    assert git_commit(tmp_path) is None
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "one")
    assert git_commit(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("2")
    assert git_commit(tmp_path) == git("rev-parse", "HEAD") + "-dirty"


def test_versions_name_what_matters() -> None:
    assert {"incab", "torch", "numpy", "python"} <= versions().keys()
