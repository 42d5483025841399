from __future__ import annotations

import os
import signal

import pytest

import app.bench.process
from app.bench.process import SubjectProcess, block_sizes, time_in_turns
from core.errors import EngineError
from tests.app.bench_subjects import Faulty, Sleeper

pytestmark = pytest.mark.timeout(600)


def test_subjects_take_turns_in_processes_of_their_own(monkeypatch) -> None:
    monkeypatch.setattr(app.bench.process, "_PAUSE_S", 0)
    said: list[str] = []
    subjects = [("slow", Sleeper(0.02)), ("fast", Sleeper(0.0))]
    timings, failures = time_in_turns(subjects, 4, said.append)
    assert failures == {}
    assert {timing.facts["process"] for timing in timings.values()}.isdisjoint({os.getpid()})
    assert timings["slow"].facts["process"] != timings["fast"].facts["process"]
    assert [len(block) for block in timings["slow"].rounds_ms] == [1, 1, 1, 1]
    # Ten to warm up, then before each of four blocks as many as it has that are not timed.
    assert timings["fast"].facts["runs"] == 10 + 4 * (1 + 1)
    assert timings["slow"].latency.p50 >= 20
    assert timings["slow"].latency.count == 4
    turns = [line.rpartition(": ")[2] for line in said if line.startswith("round")]
    assert turns == ["slow", "fast", "fast", "slow"] * 2


def test_who_fails_is_named_and_the_others_are_timed() -> None:
    subjects = [
        ("refusing", Faulty("refuses")),
        ("breaking", Faulty("breaks")),
        ("dying", Faulty("dies")),
        ("good", Sleeper(0.0)),
    ]
    timings, failures = time_in_turns(subjects, 2, lambda line: None)
    assert timings.keys() == {"good"}
    assert timings["good"].latency.count == 2
    assert failures == {
        "refusing": "This engine needs another CPU.",
        "breaking": "failed: luck.",
        "dying": "dying ended its process by SIGILL.",
    }


def test_who_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.bench.process, "_LONGEST_ANSWER_S", 0.05)
    timings, failures = time_in_turns([("stuck", Sleeper(60.0))], 1, lambda line: None)
    assert timings == {}
    assert "stuck did not answer" in failures["stuck"]


@pytest.mark.parametrize(
    ("runs", "sizes"), [(1, [1]), (3, [1] * 3), (10, [1] * 10), (25, [3] * 5 + [2] * 5)]
)
def test_runs_are_split_into_about_equal_blocks(runs: int, sizes: list[int]) -> None:
    assert block_sizes(runs) == sizes


def test_many_runs_are_given_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    process = SubjectProcess("slow", Sleeper(0.02))
    try:
        monkeypatch.setattr(app.bench.process, "_LONGEST_ANSWER_S", 0.1)
        assert len(process.time(20)) == 20
        monkeypatch.setattr(app.bench.process, "_LONGEST_RUN_S", 0.0)
        with pytest.raises(EngineError, match="slow did not answer"):
            process.time(20)
    finally:
        process.close()


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="no real-time signals here")
def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    number = signal.SIGRTMIN + 3
    process = SubjectProcess("idle", Sleeper(0.0))
    try:
        os.kill(process._process.pid, number)
        process._process.join(60)
        with pytest.raises(EngineError, match=f"by signal {number:d}"):
            process.time(1)
    finally:
        process.close()
