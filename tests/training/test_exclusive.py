from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from core.errors import DataError
from training.config import Recipe
from training.exclusive import exclusive
from training.fitting import fit_model
from training.store import Store

HOLD = """
import sys, time
from pathlib import Path
from training.exclusive import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_two_processes_do_not_train_into_one_folder(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """The second one is refused and changes nothing; once the first is killed, it may."""
    out = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(DataError, match=r"Another process is working in .*run; wait for"):
                fit_model(tiny, tiny_store, out, quiet, threads=1)
            assert os.listdir(out) == ["run.lock"]
        finally:
            other.kill()
    model = fit_model(tiny, tiny_store, out, quiet, threads=1)
    assert model is not None
    assert (out / "model.safetensors").is_file()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"Cannot write into .*run .*choose another --out"),
        exclusive(tmp_path / "file" / "run"),
    ):
        pass
