from __future__ import annotations

from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from core.errors import DataError
from training.config import RECIPES, Recipe, find_recipe, read_recipe

BUNDLED = sorted(RECIPES.glob("*.toml"))


@pytest.fixture
def toml(tmp_path: Path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "mine.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_there_are_bundled_recipes() -> None:
    assert {"cabin_fp32", "cabin_int8"} <= {path.stem for path in BUNDLED}


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_bundled_recipe_loads(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe != Recipe()
    assert find_recipe(path.stem) == path
    assert recipe.quantize == (path.stem in ("cabin_int8", "quantization", "qd"))


def test_an_int8_recipe_sees_the_clips_of_its_fp32_start() -> None:
    fp32, int8 = (read_recipe(RECIPES / f"cabin_{kind}.toml") for kind in ("fp32", "int8"))
    for name in ("width_multiplier", "resize", "crop", "tie_input_channels"):
        assert getattr(fp32, name) == getattr(int8, name), name


def test_what_is_left_out_is_the_papers_choice(toml) -> None:
    assert read_recipe(toml("")) == Recipe()
    recipe = read_recipe(toml("epochs = 3\nmilestones = [1, 2]\nlearning_rate = 1\n"))
    assert recipe == replace(Recipe(), epochs=3, milestones=(1, 2), learning_rate=1)
    hash(recipe)


@pytest.mark.parametrize(
    ("typo", "right"),
    [
        ("learnig_rate", "learning_rate"),
        ("batchsize", "batch_size"),
        ("Epochs", "epochs"),
        ("freeze_observer_epoch", "freeze_observers_epoch"),
    ],
)
def test_a_typo_is_named_with_the_nearest_key(toml, typo: str, right: str) -> None:
    path = toml(f"quantize = true\n{typo} = 3\n")
    with pytest.raises(DataError) as refusal:
        read_recipe(path)
    assert str(path) in str(refusal.value)
    assert f"no setting {typo!r}; did you mean {right!r}?" in str(refusal.value)


def test_a_key_like_no_other_gets_the_list(toml) -> None:
    with pytest.raises(DataError, match=r"no setting 'zzz'; known: model, .*seed"):
        read_recipe(toml("zzz = 1"))
    with pytest.raises(DataError, match="no setting 'training'"):
        read_recipe(toml("[training]\nepochs = 3"))


@pytest.mark.parametrize(
    "line",
    [
        "epochs = 0",
        "epochs = -1",
        "epochs = 2.5",
        'epochs = "ten"',
        "epochs = true",
        "epochs = [1]",
        "batch_size = 0",
        "batch_size = 2.0",
        "accumulate = 0",
        "accumulate = 3",
        'model = "resnet"',
        'channels = "bgr"',
        'precision = "float16"',
        'quantize = true\nmodel = "i3d"',
        'quantize = true\nprecision = "bfloat16"',
        "validate_every = 0",
        "clips_per_epoch = -3",
        "width_multiplier = 0",
        "width_multiplier = 0.001",
        "early_epochs = 3",
        "early_epochs = 200\nearly_crop = 64",
        "early_crop = 300\nearly_epochs = 3",
        "early_epochs = 3\nearly_crop = 64\nbeta = 0.5",
        "early_epochs = 3\nearly_crop = 64\nstored_draws = 2",
        "stored_draws = -1",
        "draws_seed = -1",
        "learned_step_sizes = true",
        "quantize_from_epoch = 150\nquantize = true",
        'precision = "auto"\nquantize = true',
        "learning_rate = 0",
        "learning_rate = nan",
        "learning_rate = inf",
        'learning_rate = "high"',
        "weight_decay = -1",
        "momentum = 1.5",
        "dropout = 1.5",
        "label_smoothing = -0.1",
        "flip_probability = 2",
        "flip_probability = nan",
        "brightness = -0.2",
        "contrast = 1.5",
        "warmup = 1.5",
        "gamma = 0",
        "average_decay = 1",
        "weight_limit = 0",
        "weight_limit = 128",
        "freeze_observers_epoch = 0",
        "freeze_batch_norm_epoch = -1",
        "crop = 0",
        "crop = 300",
        "resize = 100",
        "resize = 2000",
        'schedule = "cosine"',
        "schedule = 3",
        'quantize = "yes"',
        "quantize = 1",
        "milestones = 70",
        'milestones = [1, "x"]',
        "seed = -1",
        "seed = 0.5",
        "seed = 9223372036854775808",
        "weight_decay = inf",
        "largest_gradient_norm = -1",
        "largest_gradient_norm = inf",
        "milestones = [0, 5]",
        "nesterov = true\nmomentum = 0",
    ],
)
def test_a_value_that_makes_no_sense_is_named(toml, line: str) -> None:
    path = toml(line)
    with pytest.raises(DataError) as refusal:
        read_recipe(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}: ")
    assert line.split(" = ")[0] in message
    assert "'>' not supported" not in message


def test_an_override_is_checked_like_a_recipe() -> None:
    with pytest.raises(ValueError, match="epochs must be"):
        replace(Recipe(), epochs=0)


@pytest.mark.parametrize(
    ("line", "overrides", "blamed", "named"),
    [
        ("", {"learning_rate": nan}, "--learning-rate", "learning_rate must be above 0"),
        ("learning_rate = nan", {"learning_rate": 0.0}, "--learning-rate", "learning_rate must"),
        ("", {"nesterov": True, "momentum": 0.0}, "--momentum, --nesterov", "nesterov needs"),
        ("learning_rate = nan", {"seed": 3}, "{path}", "learning_rate must"),
        ("", {"accumulate": 3, "seed": 3}, "{path} with --accumulate", "accumulate must divide"),
        ("", {"resize": 100}, "{path} with --resize", "crop and resize must be"),
    ],
)
def test_an_error_is_blamed_on_what_set_the_value(
    toml, line: str, overrides: dict[str, object], blamed: str, named: str
) -> None:
    path = toml(line)
    with pytest.raises(DataError) as refusal:
        read_recipe(path, overrides)
    assert str(refusal.value).startswith(f"{blamed.format(path=path)}: {named}")


def test_an_override_of_a_profile_is_blamed_alone_or_beside_it(toml) -> None:
    path = toml(PROFILES)
    with pytest.raises(DataError, match=r"^--epochs: epochs must be at least 1"):
        read_recipe(path, {"epochs": 0}, "quick")
    with pytest.raises(DataError, match=r"mine\.toml, profile quick with --accumulate: accumulate"):
        read_recipe(path, {"accumulate": 3}, "quick")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("epochs 3", "no valid TOML", id="no TOML"),
        pytest.param("epochs = 3\nepochs = 4", "no valid TOML", id="twice"),
        pytest.param(b"seed = '\xff'", "no valid TOML", id="no UTF-8"),
    ],
)
def test_a_broken_file_is_named(toml, content, reason: str) -> None:
    path = toml(content)
    with pytest.raises(DataError, match=reason) as refusal:
        read_recipe(path)
    assert str(path) in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.toml: No such file"):
        read_recipe(find_recipe(str(tmp_path / "nowhere.toml")))
    with pytest.raises(DataError, match="Is a directory"):
        read_recipe(tmp_path)
    with pytest.raises(DataError, match=r"no recipe 'cabin'; bundled are .*cabin_fp32"):
        find_recipe("cabin")


# Profiles

PROFILES = """
epochs = 30
batch_size = 4
[profiles.quick]
epochs = 3
milestones = [1, 2]
[profiles.slow]
epochs = 300
"""


def test_a_profile_takes_the_place_of_the_top_and_options_that_of_both(toml) -> None:
    path = toml(PROFILES)
    assert read_recipe(path) == Recipe(epochs=30, batch_size=4)
    quick = Recipe(epochs=3, milestones=(1, 2), batch_size=4)
    assert read_recipe(path, profile="quick") == quick
    assert read_recipe(path, {"epochs": 7}, "quick") == replace(quick, epochs=7)


def test_a_profile_that_is_not_there_or_wrong_is_named(toml) -> None:
    path = toml(PROFILES)
    with pytest.raises(DataError, match=r"mine.toml has no profile 'quik'; it has quick, slow\."):
        read_recipe(path, profile="quik")
    with pytest.raises(DataError, match="it has none"):
        read_recipe(toml("epochs = 3"), profile="quick")
    # A typo is found before anybody asks for that profile.
    with pytest.raises(DataError, match=r"profile quick: .*'epoch'; did you mean 'epochs'"):
        read_recipe(toml("[profiles.quick]\nepoch = 3"))
    with pytest.raises(DataError, match="did you mean 'profiles'"):
        read_recipe(toml("[profile.quick]\nepochs = 3"))
    with pytest.raises(DataError, match="profiles are tables"):
        read_recipe(toml("profiles = 3"))
    with pytest.raises(DataError, match=r"mine.toml, profile quick: epochs must be"):
        read_recipe(toml("[profiles.quick]\nepochs = 0"), profile="quick")


def test_early_clips_keep_their_share_of_the_picture() -> None:
    recipe = Recipe(resize=128, crop=112, epochs=4, early_epochs=2, early_crop=64)
    seen = [(recipe.clip_in(epoch).resize, recipe.clip_in(epoch).crop) for epoch in range(4)]
    assert seen == [(73, 64), (73, 64), (128, 112), (128, 112)]
