from __future__ import annotations

from pathlib import Path

from app.__main__ import EXIT_FAILED, main
from core.engines import ENGINE_NAMES

# Each engine that needs PyTorch costs seconds, and one shows what all go through.
ENGINES = tuple(name for name in ENGINE_NAMES if name != "onednn")


def arguments(files: tuple[Path, Path, Path], *more: object) -> list[str]:
    int8, fp32, clip = files
    return [*map(str, ["bench", "--int8", int8, "--fp32", fp32, "--clip", clip, *more])]


def failure(capsys, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == EXIT_FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = (part for part in captured.err.splitlines() if not part.startswith("incab bench: "))
    assert line.startswith("incab: ")
    return line
