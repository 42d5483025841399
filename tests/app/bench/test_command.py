from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import app.bench.measure
from app.__main__ import EXIT_DONE, EXIT_USAGE, main
from app.bench.table import render
from app.commands.bench import Bench
from core.modelfile import load_model, save_model
from tests.app.bench.helpers import arguments, failure

# Some twenty processes are started for the report, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)


def test_bad_models_are_named_before_anything_is_timed(
    files, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(app.bench.measure, "time_in_turns", lambda *given: 1 / 0)
    int8, fp32, clip = files
    assert "nowhere" in failure(capsys, *arguments((tmp_path / "nowhere", fp32, clip)))
    for one, other in ((fp32, int8), (fp32, fp32), (int8, int8)):
        assert "model; --" in failure(capsys, *arguments((one, other, clip)))
    assert "--teacher needs" in failure(capsys, *arguments(files, "--teacher", int8))
    # Their ratio would not be what quantization buys.
    model = load_model(int8)
    other = tmp_path / "longer.safetensors"
    save_model(replace(model, clip=replace(model.clip, span_s=9.0)), other)
    assert "clips" in failure(capsys, *arguments((other, fp32, clip)))


def test_a_bad_clip_is_named(files, tmp_path: Path, capsys) -> None:
    int8, fp32, _ = files
    (tmp_path / "clip.mp4").write_text("no video")
    said = failure(capsys, *arguments((int8, fp32, tmp_path / "clip.mp4")))
    assert "clip.mp4 is not a video" in said


@pytest.mark.parametrize("more", [["--runs", "0"], ["--threads", "0"], ["--runs", "many"], ["x"]])
def test_wrong_usage_ends_with_two(more: list[str], capsys) -> None:
    assert main(["bench", *more]) == EXIT_USAGE
    assert capsys.readouterr().out == ""


def test_the_command_prints_tables_or_json_and_nothing_else(
    files, report: dict, capsys, monkeypatch, tmp_path: Path
) -> None:
    def measured(options: Bench, progress: Callable[[str], None]) -> dict:
        progress("round 1 of 10: openvino int8")
        assert (options.teacher, options.runs, options.quick) == (files[1], 7, False)
        return report

    monkeypatch.setattr(app.bench.measure, "bench", measured)
    plot = tmp_path / "bench.png"
    given = arguments(files, "--runs", 7, "--teacher", files[1])
    assert main([*given, "--json", "--plot", str(plot)]) == EXIT_DONE
    captured = capsys.readouterr()
    assert json.loads(captured.out) == report
    assert captured.err == "incab bench: round 1 of 10: openvino int8\n"
    assert plot.is_file()
    assert main(given) == EXIT_DONE
    captured = capsys.readouterr()
    assert captured.out == render(report) + "\n"
