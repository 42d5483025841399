from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import psutil
import pytest

from app.machine import default_threads, give_way, peak_rss_mb


def test_peak_memory_sees_what_is_touched_and_does_not_forget() -> None:
    before = psutil.Process().memory_info().rss / 1e6
    block = np.ones(200_000_000 // 8)
    during = peak_rss_mb()
    assert during > before + 190
    del block
    assert peak_rss_mb() > during - 1  # the kernel counts in batches


@pytest.mark.skipif(sys.platform != "linux", reason="Linux hands the peak down")
def test_a_new_process_does_not_inherit_its_parents_peak() -> None:
    """`incab bench` gives each row a process so that its memory is its own."""
    block = np.ones(400_000_000 // 8)
    assert peak_rss_mb() > 400
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(peak_rss_mb).result(timeout=60) < 300
    del block


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_threads_follow_the_cores_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert default_threads() == threads
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert default_threads() == threads


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness for single threads")
def test_a_thread_that_gives_way_leaves_the_others_as_they_are() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    after: list[int] = []

    def run() -> None:
        give_way()
        after.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert after[0] >= 10
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
