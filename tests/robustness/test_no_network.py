"""No command opens a socket: neither its own code, nor its libraries', nor native code in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.annotations import Chunk, write_annotations
from core.clip import ClipSpec
from tests.robustness.exit_states import ROOT
from tests.robustness.offline_commands import INCAB, INCAB_TRAIN
from tests.robustness.socket_watch import CannotWatch, watch

PROGRAMS = {"incab": INCAB, "incab-train": INCAB_TRAIN}


@pytest.fixture(scope="module")
def inputs(networks: Any, write_video: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models, and a video of two seconds with its annotations."""
    folder = tmp_path_factory.mktemp("offline")
    replace(networks, spec=ClipSpec(resize=36, crop=32, span_s=1.0)).save_twins(folder)
    chance = np.random.default_rng(0)
    images = (chance.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(60))
    write_video(folder / "drive.mp4", images)
    write_annotations(folder / "drive.csv", [Chunk(1, "vp1/drive", 0, 0, 60, "activity 0", 0)])
    return folder


# Patience for a busy machine: a dozen commands, each with what it needs.
@pytest.mark.timeout(500)
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_command_opens_a_socket(program: str, inputs: Path) -> None:
    command = [sys.executable, "-m", "tests.robustness.offline_commands", program, str(inputs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(inputs)}
    unwatched = None
    try:
        watched = watch(command, environment=environment, timeout_s=450.0)
        stdout, stderr, attempts = watched.stdout, watched.stderr, watched.attempts
    except CannotWatch as error:
        unwatched, attempts = str(error), ()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        stdout, stderr = done.stdout, done.stderr
    assert stdout, stderr
    found = json.loads(stdout.splitlines()[-1])
    assert list(found["ends"]) == list(PROGRAMS[program])
    assert {name: end["said"] for name, end in found["ends"].items() if end["code"] != 0} == {}
    assert found["reached"] == []
    assert attempts == ()
    if unwatched is not None:
        pytest.skip(f"Python code opens none; native code cannot be watched here: {unwatched}")


_CONTROL = """
import contextlib, ctypes, subprocess, sys
from tests.robustness.offline_commands import listen
reached = []
listen(reached)
assert ctypes.CDLL(None).socket(2, 2, 0) == -1
subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL(None).socket(10, 1, 0)"])
import socket
with contextlib.suppress(OSError):
    socket.getaddrinfo("localhost", 80)
print(*reached)
"""


def test_native_code_and_children_are_watched() -> None:
    try:
        watched = watch([sys.executable, "-c", _CONTROL])
    except CannotWatch as error:
        pytest.skip(str(error))
    assert any("AF_INET, type 2" in attempt for attempt in watched.attempts)
    assert any("AF_INET6, type 1" in attempt for attempt in watched.attempts)
    assert watched.stdout.strip() == "socket.getaddrinfo localhost"
    assert watched.returncode == 0
