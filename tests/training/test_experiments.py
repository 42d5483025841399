from __future__ import annotations

import tomllib
from dataclasses import asdict

import pytest

from training.config import RECIPES, find_recipe, read_recipe
from training.experiments import EXPERIMENTS, ROW_SETTINGS, TABLE_1, TABLE_2, recipe_of


def test_the_rows_are_those_of_the_paper() -> None:
    assert [row.name for row in TABLE_2] == ["i3d", "mobilenet3d", "kd", "quantization", "qd"]
    axes = {axis: tuple(rows) for axis, rows in TABLE_1.items()}
    assert axes == {
        "width_multiplier": (0.5, 1.0, 1.5),
        "temperature": (1, 3, 5, 7, 9),
        "beta": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    }
    # T 5 is width 0.5, T 3 is beta 0.7, and beta 0.9 is Table II's best setting.
    assert TABLE_1["width_multiplier"][0.5] is TABLE_1["temperature"][5]
    assert TABLE_1["temperature"][3] is TABLE_1["beta"][0.7]
    assert TABLE_1["beta"][0.9] is EXPERIMENTS["kd"]
    assert len(EXPERIMENTS) == 5 + 11
    assert all(set(row.overrides) <= ROW_SETTINGS for row in EXPERIMENTS.values())


@pytest.mark.parametrize("profile", [None, "quick"])
def test_each_row_of_table_1_has_its_value_and_else_what_the_others_have(
    profile: str | None,
) -> None:
    fixed = {
        "width_multiplier": {"temperature": 5, "beta": 0.7},
        "temperature": {"width_multiplier": 0.5, "beta": 0.7},
        "beta": {"width_multiplier": 0.5, "temperature": 3},
    }
    for axis, rows in TABLE_1.items():
        for value, experiment in rows.items():
            recipe = recipe_of(experiment, profile, {"seed": 4})
            assert getattr(recipe, axis) == value
            assert recipe.seed == 4
            assert experiment.teacher == "i3d"
            for name, expected in fixed[axis].items():
                assert getattr(recipe, name) == expected


@pytest.mark.parametrize("profile", [None, "quick"])
def test_students_differ_in_what_they_compare_and_in_nothing_else(profile: str | None) -> None:
    rows = {row.name: asdict(recipe_of(row, profile)) for row in TABLE_2[1:]}
    compared = {
        "beta",
        "quantize",
        "quantize_from_epoch",
        "freeze_batch_norm_epoch",
        "freeze_observers_epoch",
    }
    common = [
        {name: value for name, value in row.items() if name not in compared}
        for row in rows.values()
    ]
    assert all(row == common[0] for row in common)
    assert [row["beta"] for row in rows.values()] == [0, 0.9, 0, 0.9]
    assert [row["quantize"] for row in rows.values()] == [False, False, True, True]


def test_the_text_is_the_recipe() -> None:
    """Section IV of the paper; what its code has instead is a profile."""
    for row in TABLE_2:
        recipe = recipe_of(row)
        assert (recipe.resize, recipe.crop, recipe.epochs) == (256, 224, 200)
        assert (recipe.optimizer, recipe.learning_rate, recipe.momentum) == ("sgd", 0.05, 0.9)
        assert (recipe.schedule, recipe.milestones, recipe.gamma) == ("steps", (70, 100, 150), 0.2)
        assert recipe.weight_decay == (0 if row.name == "i3d" else 1e-4)
        assert (recipe.dropout, recipe.flip_probability) == (0.5, 0.5)
        assert recipe.freeze_batch_norm_epoch == recipe.freeze_observers_epoch == 150
        assert (recipe.width_multiplier, recipe.temperature) == (0.5, 3)
    published = recipe_of(EXPERIMENTS["kd"], "published")
    assert (published.learning_rate, published.weight_decay) == (0.1, 1e-5)
    assert (published.milestones, published.dropout) == ((50, 100, 200), 0.2)
    assert all(recipe_of(each, "published").published_loss for each in EXPERIMENTS.values())
    assert not any(recipe_of(each, "quick").published_loss for each in EXPERIMENTS.values())


def test_the_quick_teacher_shows_the_clips_of_its_students() -> None:
    teacher, student = (recipe_of(EXPERIMENTS[name], "quick") for name in ("i3d", "kd"))
    assert teacher.clip == student.clip
    assert student.stored_draws > 0


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_profile_loads(path) -> None:
    profiles = tomllib.loads(path.read_text()).get("profiles", {})
    if path.stem in EXPERIMENTS:
        assert set(profiles) == {"published", "quick"}
    for profile in profiles:
        assert read_recipe(path, profile=profile) != read_recipe(path)
    assert find_recipe(path.stem) == path
