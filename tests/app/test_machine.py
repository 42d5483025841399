from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import psutil
import pytest

from app import machine
from app.machine import cpu_isa, cpu_name, default_threads, peak_rss_mb


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


@pytest.mark.parametrize(
    ("flags", "isa"),
    [
        ("fpu sse4_2 avx2 avx512f avx512_vnni amx_int8", "AMX"),
        ("fpu avx2 avx512f avx512_vnni", "AVX512-VNNI"),
        ("avx2 avx_vnni", "AVX2-VNNI"),
        ("avx2 avx512f", "AVX512"),
        ("fpu sse4_2 avx2", "AVX2"),
        ("fp asimd asimddp", "NEON-DOT"),
        ("fp asimd", "NEON"),
        ("fpu sse4_2 avx2x", None),
        (None, None),
    ],
)
def test_the_widest_instruction_set_is_named(
    monkeypatch: pytest.MonkeyPatch, flags: str | None, isa: str | None
) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: flags if key == "flags" else None)
    assert cpu_isa() == isa
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: flags if key == "Features" else None)
    assert cpu_isa() == isa


def test_the_cpu_has_a_name_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cpu_name()
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: None)
    assert cpu_name()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_threads_follow_the_cores_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert default_threads() == threads
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert default_threads() == threads
