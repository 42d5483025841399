"""What `evaluate` refuses it refuses before the first model takes its minutes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from core.clip import ClipSpec
from core.modelfile import save_model
from training.__main__ import EXIT_DONE, EXIT_FAILED, main
from training.store import Store


@pytest.fixture(autouse=True)
def _leave_cv2_alone() -> Iterator[None]:
    """What a command sets for the whole process is undone."""
    threads = cv2.getNumThreads()
    yield
    cv2.setNumThreads(threads)


@pytest.fixture
def models(networks, tiny_store: Store, tmp_path: Path) -> dict[str, Path]:
    """Two models of the store's classes, and one that has them in another order."""
    made = replace(networks, spec=ClipSpec(resize=36, crop=32))
    fp32, int8, labels = made.fp32(classes=34), made.int8(classes=34), tiny_store.labels
    paths = {name: tmp_path / f"{name}.safetensors" for name in ("fp32", "int8", "turned")}
    save_model(made.model(fp32, labels=labels), paths["fp32"])
    save_model(made.model(int8, labels=labels), paths["int8"])
    save_model(made.model(fp32, labels=labels[::-1]), paths["turned"])
    return paths


def test_all_models_are_checked_before_the_first_is_measured(
    tiny_store: Store,
    models: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("it takes minutes")

    monkeypatch.setattr("training.evaluate.evaluate_model", refuse)
    (tmp_path / "file").touch()
    file, labels = str(tmp_path / "file"), tiny_store.labels
    for second, options, reasons in (
        ("turned", [], (str(models["turned"]), repr(labels[0]), repr(labels[-1]))),
        ("turned", ["--subset", "train"], (str(models["turned"]), repr(labels[0]))),
        ("int8", ["--engine", "eager"], ("eager", "int8")),
        ("int8", ["--confusion", file], (file,)),
    ):
        command = ["evaluate", str(models["fp32"]), str(models[second]), *options]
        assert main([*command, "--data", str(tiny_store.folder), "--threads", "1"]) == EXIT_FAILED
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert all(reason in captured.err for reason in reasons), captured.err


def test_clips_are_prepared_in_one_thread_beside_those_of_the_engine(
    tiny_store: Store, models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.setNumThreads(2)
    command = ["evaluate", str(models["fp32"]), "--data", str(tiny_store.folder)]
    assert main([*command, "--threads", "1"]) == EXIT_DONE
    assert "4 clips" in capsys.readouterr().out
    assert cv2.getNumThreads() == 1
