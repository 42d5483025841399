from __future__ import annotations

import multiprocessing
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from core.clip import ClipSpec
from core.errors import DataError
from training.__main__ import EXIT_DONE, main
from training.bench_store import _read_in_processes, measure_store
from training.dataset import ChunkDataset
from training.store import Store


def test_store_and_videos_give_the_same_clips(tiny_store: Store) -> None:
    root = tiny_store.folder.with_name("root")
    speed = measure_store(root, tiny_store.folder, clips=6)
    assert (speed.clips, speed.identical) == (6, speed.compared)
    assert speed.compared == 6
    assert set(speed.store_clips_per_s) == {1}
    assert speed.store_clips_per_s[1] > 0
    assert speed.video_clips_per_s > 0
    assert speed.video.endswith("64×64")


def test_the_command_prints_a_table(tiny_store: Store, capsys) -> None:
    root = tiny_store.folder.with_name("root")
    command = ["bench-store", str(root), str(tiny_store.folder), "--clips", "2", "--workers", "1"]
    assert main(command) == EXIT_DONE
    said = capsys.readouterr().out
    assert "2 of 2 compared clips are bit-identical" in said
    assert said.count("store") == 1


def test_processes_read_all_clips_and_end(tiny_store: Store) -> None:
    assert _read_in_processes(tiny_store.folder, [0, 1], 1) > 0
    assert multiprocessing.active_children() == []


def test_a_process_that_fails_is_told_and_none_is_left(tiny_store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="failed or came to no end"):
        _read_in_processes(tmp_path, [0], 1)
    assert multiprocessing.active_children() == []


def test_a_missing_video_is_named(tiny_store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        measure_store(tmp_path, tiny_store.folder, clips=2)


def test_memory_stays_flat_over_an_epoch(tiny_store: Store) -> None:
    """Only a memory map for each run is kept, however many clips were read."""
    spec = ClipSpec(crop=32)
    dataset = ChunkDataset(tiny_store, range(len(tiny_store.chunks)), spec)
    clip_bytes = dataset.clip(0).nbytes
    for item in range(len(dataset)):
        dataset.clip(item)
    tracemalloc.start()
    try:
        for _ in range(2):
            for item in range(len(dataset)):
                dataset.clip(item)
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < clip_bytes
    assert peak < 256 * 256 * 3 * 16 + 4 * clip_bytes


def test_an_empty_store_is_named(tiny_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = replace(tiny_store, chunks=())
    monkeypatch.setattr("training.bench_store.open_store", lambda folder: empty)
    with pytest.raises(DataError, match="holds no chunks to read"):
        measure_store(tiny_store.folder, tiny_store.folder, clips=2)
