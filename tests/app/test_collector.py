"""Who frees what nobody refers to any more."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app import collector
from app.collector import Collector


class Knot:
    """Refers to itself, so that only a collection frees it; tells in which thread that was."""

    def __init__(self, freed: list[str]) -> None:
        self.itself = self
        self.freed = freed

    def __del__(self) -> None:
        self.freed.append(threading.current_thread().name)


@pytest.fixture
def collecting(qapp: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setattr(collector, "_EVERY_MS", 5)
    owner = QObject()
    made = Collector(owner)
    made.start()
    yield made
    made.stop()


def test_no_other_thread_frees_widgets(qtbot: QtBot, collecting: Collector) -> None:
    freed: list[str] = []

    def make_garbage() -> None:
        for _ in range(50_000):
            Knot(freed)

    worker = threading.Thread(target=make_garbage, name="worker")
    worker.start()
    worker.join()
    assert freed == []
    qtbot.waitUntil(lambda: len(freed) == 50_000)
    assert set(freed) == {"MainThread"}


def test_python_collects_by_itself_again_afterwards(collecting: Collector) -> None:
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0
    collecting.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_has_grown_old_is_collected_too(
    qtbot: QtBot, collecting: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "_ALL_EVERY", 3)
    knot = Knot([])
    for _ in range(3):
        gc.collect(1)
    old = weakref.ref(knot)
    del knot
    qtbot.waitUntil(lambda: old() is None)
