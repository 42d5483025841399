from __future__ import annotations

from pathlib import Path

import pytest

from training.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main


def test_it_writes_both_formats_and_says_how_near_they_are(
    twin_files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, kind, name in zip(twin_files, ("onnx", "openvino"), ("a.onnx", "a.xml"), strict=True):
        out = tmp_path / "new" / name
        command = ["export", str(file), "--format", kind, "--out", str(out), "--threads", "1"]
        assert main(command) == EXIT_DONE
        said = capsys.readouterr().out
        assert f"Wrote {out}" in said
        assert "of their spread off the reference" in said
        assert out.is_file()
    assert (tmp_path / "new" / "a.bin").is_file()


def test_what_cannot_be_is_said_in_a_sentence(
    twin_files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(twin_files[0]), "--format", "onnx", "--out", str(tmp_path / "a.xml")]
    assert main(command) == EXIT_FAILED
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["export", str(tmp_path / "gone"), *command[2:]]) == EXIT_FAILED
    assert "Cannot read model" in capsys.readouterr().err
    assert main([*command, "--threads", "0"]) == EXIT_USAGE
    assert main([*command[:3], "tflite", *command[4:]]) == EXIT_USAGE
