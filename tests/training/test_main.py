from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import training.synthetic.preview
import training.synthetic.synthesize
from core.clip import ClipSpec
from core.command_line import EXIT_UNREAD
from core.modelfile import load_model, save_model
from training.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from training.store import Store, open_store

COMMANDS = (
    "synthesize",
    "inspect",
    "prepare",
    "bench-store",
    "fit",
    "quantize",
    "evaluate",
    "agree",
    "reproduce",
    "report",
    "export",
)
RECIPE = """
width_multiplier = 0.125
resize = 36
crop = 32
epochs = 1
batch_size = 4
schedule = "one-cycle"
largest_gradient_norm = 5.0
flip_probability = 0.0
"""


@pytest.fixture(autouse=True)
def _leave_malloc_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold for the whole test session."""
    monkeypatch.setattr("training.hardware.keep_freed_memory", lambda: None)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def test_a_missing_library_is_named_with_what_installs_it(
    capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*arguments: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr("training.commands.data.Inspect.run", fails)
    said = failure(capsys, "inspect", tmp_path)
    assert "No module named 'torch'" in said
    assert 'pip install --editable ".[train]"' in said
    assert main(["inspect", str(tmp_path), "--debug"]) == EXIT_FAILED
    assert "Traceback" in capsys.readouterr().err


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a failing command prints."""
    assert main([str(argument) for argument in arguments]) == EXIT_FAILED
    captured = capsys.readouterr()
    assert captured.err.startswith("incab-train: ")
    assert captured.err.count("\n") == 1, captured.err
    assert captured.out == ""
    return captured.err


# Usage


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_every_command_explains_itself(command: tuple[str, ...], capsys) -> None:
    assert main([*command, "--help"]) == EXIT_DONE
    captured = capsys.readouterr()
    assert captured.err == ""
    if command:
        assert f"Example: incab-train {command[0]}" in captured.out
        assert "--debug" in captured.out
    else:
        assert all(name in captured.out for name in COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param("", id="no command"),
        pytest.param("fit", id="nothing named"),
        pytest.param("fix cabin_fp32 --data d --out o", id="unknown command"),
        pytest.param("fit cabin_fp32 --out o", id="no data"),
        pytest.param("fit cabin_fp32 --data d --out o --epoch 3", id="unknown option"),
        pytest.param("fit cabin_fp32 --data d --out o --epochs three", id="no number"),
        pytest.param("fit cabin_fp32 --data d --out o --threads 0", id="no threads"),
        pytest.param("evaluate --data d", id="no model"),
        pytest.param("evaluate m --data d --threads -1", id="negative threads"),
        pytest.param("prepare d", id="nowhere to go"),
        pytest.param("prepare d o --workers 0", id="no workers"),
        pytest.param("bench-store d s --clips 0", id="no clips"),
        pytest.param("synthesize out --views", id="no view"),
        pytest.param("synthesize out --difficulty -1", id="negative difficulty"),
        pytest.param("synthesize out --preview p --seed -1", id="negative seed"),
        pytest.param("synthesize out --workers 0", id="nobody to render"),
    ],
)
def test_wrong_usage_ends_with_two(arguments: str, capsys) -> None:
    assert main(arguments.split()) == EXIT_USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert "Traceback" not in captured.err


# Foreseeable failures: one line that names the thing; a traceback only on request


def test_failures_are_one_line(
    tiny_store: Store, recipe: Path, twin_files: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    store, nowhere = tiny_store.folder, tmp_path / "nowhere"
    new = tmp_path / "new"
    assert str(nowhere) in failure(capsys, "prepare", nowhere, new)
    assert str(nowhere) in failure(capsys, "fit", recipe, "--data", nowhere, "--out", new)
    assert "no recipe 'cabin'" in failure(capsys, "fit", "cabin", "--data", store, "--out", new)
    assert str(nowhere) in failure(
        capsys, "fit", recipe, "--data", store, "--out", new, "--start", nowhere
    )
    fit = ("fit", recipe, "--data", store, "--out", new)
    assert "no checkpoint to resume" in failure(capsys, *fit, "--resume")
    assert "no split 7" in failure(capsys, *fit, "--split", 7)
    assert "epochs must be at least 1" in failure(capsys, *fit, "--epochs", 0)
    assert "seed must be 0 to " in failure(capsys, *fit, "--seed", -1)
    assert not new.exists()

    evaluate = ("evaluate", "--data", store)
    missing = failure(capsys, *evaluate, nowhere / "model.safetensors")
    assert "model.safetensors" in missing
    for path in twin_files:
        said = failure(capsys, *evaluate, path)
        assert path.name in said
        assert "labels" in said
    (tmp_path / "cut.safetensors").write_bytes(twin_files[0].read_bytes()[:3000])
    assert "cut.safetensors" in failure(capsys, *evaluate, tmp_path / "cut.safetensors")
    assert "no split 0 tset" in failure(capsys, *evaluate, twin_files[0], "--subset", "tset")
    assert "no engine 'turbo'" in failure(capsys, *evaluate, twin_files[0], "--engine", "turbo")
    assert "at least 3" in failure(capsys, "synthesize", new, "--people", 1)


def test_a_recipe_with_a_typo_is_named(tiny_store: Store, recipe: Path, tmp_path: Path, capsys):
    recipe.write_text(RECIPE.replace("crop", "corp"))
    said = failure(capsys, "fit", recipe, "--data", tiny_store.folder, "--out", tmp_path / "new")
    assert str(recipe) in said
    assert "did you mean 'crop'?" in said


def test_a_traceback_only_on_request(tmp_path: Path, capsys) -> None:
    command = ["evaluate", "model", "--data", str(tmp_path)]
    assert main(command) == EXIT_FAILED
    plain = capsys.readouterr().err
    assert "Traceback" not in plain
    assert main([*command, "--debug"]) == EXIT_FAILED
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "DataError" in said
    assert said.endswith(plain)


def test_stopping_is_no_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.prepare.prepare", interrupted)
    assert main(["prepare", str(tmp_path), str(tmp_path / "out")]) == EXIT_FAILED
    said = capsys.readouterr().err
    assert said == "Stopped; the same command (fit: with --resume) goes on from here.\n"
    # What writes nothing on its way has nothing to go on from.
    monkeypatch.setattr("training.report.results.read_results", interrupted)
    assert main(["report", str(tmp_path)]) == EXIT_FAILED
    assert capsys.readouterr().err == "Stopped.\n"


def test_an_output_that_nobody_reads_is_no_failure(monkeypatch, tmp_path: Path, capsys) -> None:
    def unread(*arguments: object, **named: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("training.prepare.prepare", unread)
    assert main(["prepare", str(tmp_path), str(tmp_path / "out")]) == EXIT_UNREAD
    assert capsys.readouterr().err == ""


# Each command does its work


def test_synthesize_passes_on_what_was_asked(monkeypatch, tmp_path: Path, capsys) -> None:
    called: list[tuple[object, dict]] = []

    def record(out: Path, **named: object) -> None:
        named.pop("progress")(1, 2)
        named.pop("report")("1/4 vp1: 450 frames")
        called.append((out, named))

    monkeypatch.setattr(training.synthetic.synthesize, "synthesize", record)
    out = tmp_path / "cabin"
    options = ["--people", "4", "--minutes", "0.5", "--seed", "7", "--fps", "15"]
    options += ["--difficulty", "0.5", "--workers", "3"]
    views = ["--views", "inner_mirror", "ceiling"]
    assert main(["synthesize", str(out), *options, *views]) == EXIT_DONE
    expected = {
        "people": 4,
        "minutes": 0.5,
        "seed": 7,
        "fps": 15.0,
        "difficulty": 0.5,
        "processes": 3,
        "views": ("inner_mirror", "ceiling"),
    }
    assert called == [(out, expected)]
    assert capsys.readouterr().out == f"1/4 vp1: 450 frames\nWrote {out}\n"


def test_a_preview_makes_no_videos(monkeypatch, tmp_path: Path) -> None:
    drawn: list[tuple] = []
    monkeypatch.setattr(
        training.synthetic.preview,
        "write_contact_sheet",
        lambda *given: drawn.append(given),
    )
    monkeypatch.setattr(training.synthetic.synthesize, "synthesize", lambda *a, **k: 1 / 0)
    sheet = tmp_path / "sheet.png"
    assert main(["synthesize", str(tmp_path / "o"), "--preview", str(sheet), "--seed", "3"]) == 0
    assert drawn == [(sheet, 3, 1, "inner_mirror", 1.0)]


def test_prepare_tells_one_line_for_each_thing(hand_made_root, scene, tmp_path: Path, capsys):
    root = hand_made_root()
    root.video("vp1/run1", scene(20))
    root.chunk("vp1/run1", 0, 20, "eating")
    root.annotate()
    path = root.path / "activities_3s/inner_mirror/midlevel.chunks_90.csv"
    with path.open("a") as file:
        # What looks like markup is printed as it is, and a long line is not broken.
        file.write("1,vp1/run1.ids_1,1,0,9,[/bold] [red]juggling,0\n")
    out = tmp_path / "store"
    assert main(["prepare", str(root.path), str(out)]) == EXIT_DONE
    lines = capsys.readouterr().out.splitlines()
    assert f"{path} line 3: unknown activity '[/bold] [red]juggling'" in lines
    assert "1/1 vp1/run1.ids_1: 20 frames" in lines
    assert f"1 chunks ready in {out}" in lines
    assert len(open_store(out).chunks) == 1


def test_inspect_lists_a_root_as_tables_and_as_json(hand_made_root, scene, capsys) -> None:
    root = hand_made_root()
    root.video("vp1/run1", scene(2))
    root.chunk("vp1/run1", 0, 2, "eating")
    root.chunk("vp12/run2b", 0, 2, "eating")
    root.annotate()
    assert main(["inspect", str(root.path)]) == EXIT_DONE
    said = capsys.readouterr().out
    assert "2 people, 2 runs" in said
    assert "run2b" in said
    assert f"{root.path}/inner_mirror/vp12/run2b.ids_1.mp4 is missing (1 rows)." in said
    assert main(["inspect", str(root.path), "--json"]) == EXIT_DONE
    described = json.loads(capsys.readouterr().out)
    assert described["schema"] == "incab.dataset/1"
    assert described["people"] == [1, 12]
    assert "no folder" in failure(capsys, "inspect", root.path / "nowhere")


def test_from_recipe_to_a_measured_pair(
    tiny_store: Store, recipe: Path, tmp_path: Path, capsys
) -> None:
    """fit, its twin, evaluate: what the commands leave and print."""
    store, fp32, int8 = tiny_store.folder, tmp_path / "fp32", tmp_path / "int8"
    fit = ["fit", str(recipe), "--data", str(store), "--out", str(fp32), "--threads", "1"]
    assert main([*fit, "--seed", "5"]) == EXIT_DONE
    said = capsys.readouterr().out
    assert f"Wrote {fp32 / 'model.safetensors'} (" in said
    assert "val mean per-class" in said
    assert json.loads((fp32 / "recipe.json").read_text())["recipe"]["seed"] == 5

    # A finished run is never overwritten by accident.
    assert "holds a run already" in failure(capsys, *fit, "--seed", "5")
    assert "seed" in failure(capsys, *fit, "--resume")
    before = (fp32 / "best.pt").read_bytes()
    assert main([*fit, "--seed", "5", "--resume"]) == EXIT_DONE
    assert (fp32 / "best.pt").read_bytes() == before
    capsys.readouterr()

    recipe.write_text(RECIPE + "quantize = true\nfreeze_batch_norm_epoch = 0\n")
    twin = ["fit", str(recipe), "--data", str(store), "--out", str(int8), "--threads", "1"]
    assert main([*twin, "--start", str(fp32)]) == EXIT_DONE
    capsys.readouterr()
    files = [run / "model.safetensors" for run in (fp32, int8)]
    parent, child = (load_model(path) for path in files)
    assert child.is_twin_of(parent)

    evaluate = ["evaluate", *map(str, files), "--data", str(store), "--threads", "1"]
    assert main([*evaluate, "--json"]) == EXIT_DONE
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert captured.err == ""
    assert report.keys() == {"schema", "models"}
    assert report["schema"] == "incab.evaluate/1"
    assert list(report["models"]) == [str(path) for path in files]
    for figures, model in zip(report["models"].values(), (parent, child), strict=True):
        assert figures.keys() == {"mean_per_class_accuracy", "top1", "ece", "clips", "per_class"}
        assert figures == model.metrics["test"]
        assert figures["per_class"].keys() == {"eating", "writing"}
        assert figures["clips"] == 4

    told = ("--subset", "train", "--confusion", str(tmp_path / "c"))
    assert main([*evaluate, *told]) == EXIT_DONE
    table = capsys.readouterr().out
    assert "mean per class" in table
    assert "12" in table
    # Both files have the same name; neither figures nor pictures may be mixed up.
    assert "fp32/model" in table
    assert "int8/model" in table
    written = {path.name for path in (tmp_path / "c").iterdir()}
    assert written == {
        f"{run}-model_confusion.{end}" for run in ("fp32", "int8") for end in ("csv", "png")
    }

    # Split 1 keeps people apart whom these models were trained on.
    said = failure(capsys, *evaluate, "--split", 1)
    assert "model.safetensors was trained on split 0 and has seen vp2" in said
    assert "split 1 (test)" in said
    said = failure(capsys, *evaluate, "--subset", "all")
    assert "has seen vp1, vp2, vp3 and 1 more" in said
    assert "data of other people" in said


def test_evaluating_nobody_is_a_failure(tiny_store: Store, networks, tmp_path: Path, capsys):
    made = replace(networks, spec=ClipSpec(resize=36, crop=32))
    path = tmp_path / "model.safetensors"
    save_model(made.model(made.fp32(classes=34), labels=tiny_store.labels), path)
    said = failure(capsys, "evaluate", path, "--data", tiny_store.folder, "--split", 2)
    assert "no clips" in said
    assert str(tiny_store.folder) in said
