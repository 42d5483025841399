"""Engines are tried in real child processes: right, wrong, crashing, hanging and silent ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from core import probe as probe_module
from core.errors import EngineError
from core.modelfile import load_model, save_model
from core.probe import ProbeResult, measure, probe_models, read_answer

REPOSITORY = Path(__file__).resolve().parents[2]

# A child that answers at once, except for the models it knows by name.
CHILD = """
import json, os, signal, sys, time
engine, threads, *paths = sys.argv[1:]
for path in paths:
    name = os.path.basename(path)
    print(json.dumps({"path": path, "sha256": "hash of " + name}), flush=True)
    if name.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, name))
    if name == "hangs":
        time.sleep(600)
    if name == "raises":
        raise RuntimeError("no such kernel")
    if name == "chatters":
        print("loading kernels … 100 %", "[1, 2", '{"latency_ms": "fast"}', "[]", sep="\\n")
    elif name == "leaves":
        sys.exit(3)
    else:
        print(json.dumps({"path": path, "latency_ms": 2.5, "problem": None}), flush=True)
"""
FAKE = (sys.executable, "-c", CHILD)

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


def tried(*names: str, child: Sequence[str] = FAKE, longest_s: float = 60) -> list[ProbeResult]:
    paths = [Path(name) for name in names]
    return probe_models(paths, "openvino", 1, child=child, longest_s=longest_s)


RIGHT = ProbeResult(engine="openvino", latency_ms=2.5, sha256="hash of a")


@needs_signals
@pytest.mark.parametrize(
    ("signal", "words"),
    [("SIGILL", "illegal instruction"), ("SIGSEGV", "segmentation fault")],
)
def test_a_crash_becomes_the_reason(signal: str, words: str) -> None:
    (result,) = tried(signal)
    assert f"Engine openvino crashes on this CPU ({words}" in str(result.problem)
    assert result.latency_ms is None
    assert result.lasting
    assert result.sha256 == f"hash of {signal}"


@needs_signals
def test_a_crash_costs_only_the_model_it_happens_on() -> None:
    results = tried("a", "SIGILL", "b", "SIGSEGV")
    assert [result.problem is None for result in results] == [True, False, True, False]
    assert results[0] == RIGHT
    assert results[2] == replace(RIGHT, sha256="hash of b")
    assert "illegal" in str(results[1].problem)
    assert "segmentation" in str(results[3].problem)


@needs_signals
def test_who_was_ended_from_outside_is_not_blamed_for_ever() -> None:
    (result,) = tried("SIGKILL")
    assert result.problem is not None
    assert "ended from outside (SIGKILL)" in result.problem
    assert not result.lasting


@pytest.mark.parametrize(
    ("status", "words"), [(0xC000001D, "illegal instruction"), (0xC00000FD, "0xc00000fd")]
)
def test_crashes_as_windows_numbers_them(
    monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    monkeypatch.setattr(probe_module, "_run", lambda *given: (status, "", ""))
    (result,) = tried("a")
    assert f"crashes on this CPU ({words})" in str(result.problem)
    assert result.lasting


def test_a_console_that_closes_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "_run", lambda *given: (0xC000013A, "", ""))
    (result,) = tried("a")
    assert result.problem is not None
    assert not result.lasting


def test_who_hangs_is_given_up() -> None:
    (result,) = tried("hangs", longest_s=0.5)
    assert "Engine openvino gave no answer within" in str(result.problem)
    assert not result.lasting


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raises", "failed in its trial (RuntimeError: no such kernel)"),
        ("chatters", "failed in its trial (exit status 0)"),
        ("leaves", "failed in its trial (exit status 3)"),
    ],
)
def test_a_child_that_says_nothing_of_use_has_failed(name: str, words: str) -> None:
    first, second = tried(name, "a")
    assert words in str(first.problem)
    assert not first.lasting
    assert second == RIGHT


def test_where_no_process_can_be_started_nothing_is_refused() -> None:
    results = tried("a", "b", child=[str(REPOSITORY / "no-such-python")])
    assert results == [ProbeResult(engine="openvino", lasting=False)] * 2


def test_a_stopped_trial_leaves_no_process() -> None:
    me = psutil.Process()
    before = set(me.children())
    started: list[psutil.Process] = []

    def stopped() -> bool:
        started.extend(set(me.children()) - before)
        return bool(started)

    with pytest.raises(EngineError, match="stopped"):
        probe_models([Path("hangs")], "openvino", 1, child=FAKE, stopped=stopped)
    assert not any(process.is_running() for process in started)


# The real child


@pytest.fixture
def wrong_file(networks, tmp_path: Path) -> Path:
    """A model whose golden answers are not what its network gives."""
    model = networks.model(networks.int8())
    altered = {name: logits + np.float32(5) for name, logits in model.golden.items()}
    path = tmp_path / "wrong.safetensors"
    save_model(replace(model, golden=altered), path)
    return path


def test_openvino_is_tried_for_real(
    twin_files: tuple[Path, Path],
    wrong_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Neither a relative path nor modules of the same name in the working folder mislead the child.
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('the wrong core')")
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(tmp_path)
    int8, fp32 = (Path(path.name) for path in twin_files)
    right, wrong, also_right = probe_models([int8, wrong_file, fp32], "openvino", 1)
    for result in (right, also_right):
        assert result.problem is None
        assert result.latency_ms is not None
        assert 0 < result.latency_ms < 1000
    assert "Engine openvino answers wrongly on this CPU" in str(wrong.problem)
    assert wrong.latency_ms is None
    assert wrong.lasting


def test_a_file_that_cannot_be_read_is_not_blamed_on_the_engine(
    twin_files: tuple[Path, Path], tmp_path: Path
) -> None:
    missing, right = probe_models([tmp_path / "nowhere", twin_files[0]], "turbo", 1)
    assert "nowhere" in str(missing.problem)
    assert (missing.lasting, missing.sha256) == (False, None)
    assert "no engine 'turbo'" in str(right.problem)
    assert right.lasting
    assert right.sha256 == load_model(twin_files[0]).sha256


@pytest.mark.parametrize(
    ("cause", "lasting"),
    [
        pytest.param(None, True, id="refused on purpose"),
        pytest.param(RuntimeError("can't allocate memory"), False, id="raised by a library"),
    ],
)
def test_what_a_library_raised_may_be_over_by_the_next_time(
    twin_files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    cause: Exception | None,
    lasting: bool,
) -> None:
    def refuse(model: object, name: str, threads: int) -> None:
        raise EngineError("It does not run here.") from cause

    monkeypatch.setattr("core.engines.load_engine", refuse)
    result = measure(twin_files[0], "openvino", 1)
    assert (result.problem, result.lasting) == ("It does not run here.", lasting)


def test_trying_openvino_loads_neither_torch_nor_qt(twin_files: tuple[Path, Path]) -> None:
    code = (
        "import sys; from core.probe import main; main(sys.argv[1:]); "
        "sys.exit(' '.join({'torch', 'PySide6'} & set(sys.modules)) or None)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "openvino", "1", str(twin_files[0])],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert '"problem": null' in process.stdout


def test_measuring_tells_a_wrong_model_from_a_right_one(
    twin_files: tuple[Path, Path], wrong_file: Path, tmp_path: Path
) -> None:
    right = measure(twin_files[0], "reference", 1)
    assert right.problem is None
    assert right.latency_ms is not None
    assert "is damaged: its golden answers" in str(measure(wrong_file, "reference", 1).problem)
    assert "nowhere" in str(measure(tmp_path / "nowhere", "reference", 1).problem)
    assert load_model(wrong_file).kind == "int8"


# What the child writes


@pytest.mark.parametrize(
    "values",
    [
        *(None, 1, [], {}, "latency_ms", {"latency_ms": 0.0}, {"latency_ms": float("nan")}),
        *({"latency_ms": float("inf")}, {"latency_ms": True}, {"problem": 3}),
        *({"latency_ms": 2.0, "problem": "both"}, {"latency_ms": None, "problem": None}),
    ],
)
def test_what_is_no_answer_is_none(values: object) -> None:
    with pytest.raises(ValueError, match="no probe's answer"):
        read_answer(values)


def test_an_answer_is_a_time_or_a_problem() -> None:
    assert read_answer({"latency_ms": 2.0, "problem": None}) == (2.0, None)
    assert read_answer({"latency_ms": None, "problem": "It is wrong."}) == (None, "It is wrong.")


def test_the_environment_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits such as ONEDNN_MAX_CPU_ISA hold in the trial as they hold in the application."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    code = "import os; raise SystemExit(os.environ['ONEDNN_MAX_CPU_ISA'])"
    (result,) = tried("a", child=(sys.executable, "-c", code))
    assert "(AVX2)" in str(result.problem)
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"
