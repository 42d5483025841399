from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest
import tyro

from training.__main__ import main
from training.commands.fit import Fit
from training.config import Recipe, read_recipe
from training.store import Store

NEEDED = ("recipe.toml", "--data", "d", "--out", "o")


def test_every_setting_of_a_recipe_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--help"]) == 0
    said = capsys.readouterr().out
    for each in fields(Recipe):
        assert f"--{each.name.replace('_', '-')} " in said, each.name
    assert "highest learning rate" in said  # what Recipe says of it


def test_only_what_is_given_overrides() -> None:
    settings = asdict(tyro.cli(Fit, args=list(NEEDED)).override)
    assert settings == dict.fromkeys(asdict(Recipe()))
    given = "--learning-rate 0.01 --milestones 1 2 --quantize True --channels grey --model i3d"
    settings = asdict(tyro.cli(Fit, args=[*NEEDED, *given.split()]).override)
    assert {name: value for name, value in settings.items() if value is not None} == {
        "learning_rate": 0.01,
        "milestones": (1, 2),
        "quantize": True,
        "channels": "grey",
        "model": "i3d",
    }


def test_overrides_take_the_recipes_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 3\nseed = 4\n")
    assert read_recipe(path, {"epochs": 9, "flip_probability": 0.0}) == Recipe(
        epochs=9, seed=4, flip_probability=0.0
    )


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--epochs 0", "incab-train: --epochs: epochs must be at least 1"),
        ("--learning-rate nan", "--learning-rate: learning_rate must be above 0, not nan."),
        ("--accumulate 3", "accumulate must divide batch_size (16)"),
        ("--quantize True --model i3d", "mobilenet3d only"),
        ("--quantize True --precision bfloat16", "float32"),
        ("--resize 100", "crop"),
    ],
)
def test_an_override_that_makes_no_sense_is_one_line(
    tiny_store: Store, tmp_path: Path, options: str, named: str, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("training.hardware.keep_freed_memory", lambda: None)
    (tmp_path / "plain.toml").write_text("")
    place = ["--data", str(tiny_store.folder), "--out", str(tmp_path / "out")]
    assert main(["fit", str(tmp_path / "plain.toml"), *place, *options.split()]) == 1
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "option", ["--workers -1", "--in-memory --workers 2", "--device tpu", "--precision float16"]
)
def test_wrong_usage(option: str) -> None:
    assert main(["fit", *NEEDED, *option.split()]) == 2


def test_ctrl_c_before_anything_is_saved_does_not_advise_to_resume(
    tiny_store: Store, tmp_path: Path, capsys, monkeypatch
) -> None:
    def pressed(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.hardware.keep_freed_memory", lambda: None)
    monkeypatch.setattr("training.run.Run.__init__", pressed)
    (tmp_path / "plain.toml").write_text("")
    place = ["--data", str(tiny_store.folder), "--out", str(tmp_path / "out")]
    assert main(["fit", str(tmp_path / "plain.toml"), *place]) == 1
    assert capsys.readouterr().err == "Stopped before anything was saved; call it again.\n"
