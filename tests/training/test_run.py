from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console

from core.errors import DataError, ModelFileError
from core.fusion import fuse
from core.quantization import QatMobileNet3D
from tests.training.runs import new_run, weights_in
from training.checkpoint import read_description, write_description
from training.config import Recipe
from training.loop import fit, train_epoch
from training.models import new_model
from training.people import check_apart
from training.prepare import prepare
from training.run import Run
from training.store import Store


def test_people_to_train_and_to_validate_on_are_needed(
    tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"split 2 .*no train"):
        new_run(tiny, tiny_store, tmp_path, split=2)
    splits = {0: tiny_store.splits[0] | {"val": ()}}
    with pytest.raises(DataError, match=r"split 0 .*no val"):
        new_run(tiny, replace(tiny_store, splits=splits), tmp_path)


def test_an_epoch_smaller_than_a_batch_is_refused(
    tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    """It would make no step at all, and keep an untrained student."""
    with pytest.raises(DataError, match="batch_size"):
        new_run(replace(tiny, batch_size=13), tiny_store, tmp_path)
    with pytest.raises(DataError, match="batch_size"):
        new_run(replace(tiny, clips_per_epoch=3), tiny_store, tmp_path)
    new_run(replace(tiny, batch_size=12), tiny_store, tmp_path)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"width_multiplier": 0.5}, "width_multiplier"),
        ({"learning_rate": 0.01}, "learning_rate"),
        ({"seed": 5}, "seed"),
        ({"quantize": True}, "quantize"),
    ],
)
def test_another_recipe_is_refused(
    start: Path, tiny_store: Store, tiny: Recipe, changes: dict, named: str
) -> None:
    """The file would claim a training that did not happen."""
    run = new_run(
        replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps", **changes), tiny_store, start
    )
    with pytest.raises(DataError, match=f"{named}.*--out"):
        run.resume()


def test_other_people_or_another_start_are_refused(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    """Going on with another split would train on people whom the first one tests."""
    recipe = replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps")
    with pytest.raises(DataError, match="split"):
        new_run(recipe, tiny_store, start, split=1).resume()

    quantized = replace(recipe, quantize=True, clips_per_epoch=4)
    run = new_run(quantized, tiny_store, tmp_path / "int8", start=start)
    fit(run, quiet)
    with pytest.raises(DataError, match="start"):
        new_run(quantized, tiny_store, run.out).resume()
    new_run(quantized, tiny_store, run.out, start=start.parent / "." / start.name).resume()


def test_epochs_can_only_be_added_and_only_to_steps(
    start: Path, tiny_store: Store, tiny: Recipe
) -> None:
    """One cycle falls to zero at its last epoch: with more of them every step was another one."""
    recipe = replace(tiny, epochs=2, clips_per_epoch=32)
    described = read_description(start)
    for schedule, epochs in (("one-cycle", 3), ("one-cycle", 1), ("steps", 1)):
        begun = asdict(replace(recipe, schedule=schedule))
        write_description(start, described | {"recipe": begun})
        changed = replace(recipe, schedule=schedule, epochs=epochs)
        with pytest.raises(DataError, match=r"begun with 2 epochs.*--out"):
            new_run(changed, tiny_store, start).resume()


def test_a_setting_newer_than_the_run_cannot_be_slipped_in(
    start: Path, tiny_store: Store, tiny: Recipe
) -> None:
    recipe = replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps")
    described = read_description(start)
    del described["recipe"]["unfamiliar_share"]
    write_description(start, described)
    with pytest.raises(DataError, match="begun with another unfamiliar_share"):
        new_run(replace(recipe, unfamiliar_share=0.5), tiny_store, start).resume()
    new_run(recipe, tiny_store, start).resume()


def test_other_weights_under_the_same_name_are_another_start(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, epochs=1, clips_per_epoch=4, beta=0.5)
    run = new_run(recipe, tiny_store, tmp_path / "next", start=start, teacher=start)
    fit(run, quiet)
    weights = weights_in(start / "best.pt")
    weights["classifier.bias"] += 1
    torch.save(weights, start / "best.pt")
    with pytest.raises(DataError, match="another start, teacher;"):
        new_run(recipe, tiny_store, run.out, start=start, teacher=start).resume()


def test_only_an_int8_twin_is_taught_by_its_own_start(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    """A forgotten --teacher would silently train another row of the tables."""
    kd = replace(tiny, beta=0.5)
    with pytest.raises(DataError, match=r"beta is 0\.5.*with --teacher, or give --beta 0\.$"):
        new_run(kd, tiny_store, tmp_path / "kd", start=start)
    run = new_run(kd, tiny_store, tmp_path / "kd", start=start, teacher=start)
    assert run.started_from[-1] == f"taught   by {start} (mobilenet3d)"
    twin = new_run(replace(kd, quantize=True), tiny_store, tmp_path / "int8", start=start)
    assert twin.started_from[-1] == f"taught   by its own start, {start} (mobilenet3d)"
    alone = new_run(tiny, tiny_store, tmp_path / "alone", start=start)
    assert not any("taught" in line for line in alone.started_from)


def test_opencv_takes_no_more_threads_than_the_run(
    tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    cv2.setNumThreads(3)
    new_run(tiny, tiny_store, tmp_path)
    assert cv2.getNumThreads() == 1


def test_a_twin_without_a_parent_is_refused_before_training(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    weights = weights_in(start / "best.pt")
    weights["classifier.bias"] += 1
    torch.save(weights, start / "best.pt")
    with pytest.raises(DataError, match="was not made from"):
        new_run(replace(tiny, quantize=True), tiny_store, tmp_path / "int8", start=start)
    (start / "model.safetensors").unlink()
    with pytest.raises(ModelFileError, match="No such file"):
        new_run(replace(tiny, quantize=True), tiny_store, tmp_path / "int8", start=start)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None], ids=["empty", "text", "cut"])
def test_a_damaged_checkpoint_is_named(
    start: Path, tiny_store: Store, tiny: Recipe, content: bytes | None
) -> None:
    for name, use in (
        (
            "checkpoint.pt",
            lambda: new_run(
                replace(tiny, epochs=1, clips_per_epoch=32, schedule="steps"), tiny_store, start
            ).resume(),
        ),
        ("best.pt", lambda: new_run(tiny, tiny_store, start.parent / "next", start=start)),
    ):
        path = start / name
        path.write_bytes(path.read_bytes()[:5000] if content is None else content)
        with pytest.raises(DataError, match=f"{name}.* damaged"):
            use()


def test_the_twin_starts_from_exactly_the_float_student(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    run = new_run(replace(tiny, quantize=True), tiny_store, tmp_path / "int8", start=start)
    student = new_model(tiny, 34)
    student.load_state_dict(weights_in(start / "best.pt"))
    for mine, theirs in zip(
        run.fp32_network.convolutions, fuse(student.eval()).convolutions, strict=True
    ):
        assert np.array_equal(mine.weight, theirs.weight)
        assert np.array_equal(mine.bias, theirs.bias)
    assert isinstance(run.model, QatMobileNet3D)
    assert torch.equal(run.model.classifier.weight, student.classifier.weight)
    # Training the twin leaves what it came from alone.
    before = run.fp32_network.classifier.weight.copy()
    train_epoch(run, Console(quiet=True))
    assert np.array_equal(run.fp32_network.classifier.weight, before)


@pytest.mark.parametrize("made", ["nothing", "narrow", "quantized"])
def test_a_start_that_does_not_fit_is_named(
    tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, made: str
) -> None:
    out = tmp_path / "start"
    recipes: dict[str, Recipe] = {
        "narrow": replace(tiny, width_multiplier=0.5),
        "quantized": replace(tiny, quantize=True),
    }
    if made in recipes:
        fit(new_run(replace(recipes[made], epochs=1), tiny_store, out), quiet)
    reason = "no best.pt" if made == "nothing" else "does not fit"
    with pytest.raises(DataError, match=reason) as refusal:
        new_run(replace(tiny, quantize=True), tiny_store, tmp_path / "int8", start=out)
    assert str(out) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_start_that_has_seen_the_test_people_is_refused(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="split 0"):
        new_run(tiny, tiny_store, tmp_path / "next", split=1, start=start)
    new_run(tiny, tiny_store, tmp_path / "next", split=0, start=start)
    (start / "recipe.json").write_text("no JSON")
    with pytest.raises(DataError, match=r"no readable recipe\.json"):
        new_run(tiny, tiny_store, tmp_path / "next", split=0, start=start)


def test_people_are_known_again_in_another_synthetic_set(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    """A synthetic person is its seed and its number, however many others and minutes there are."""

    def made(**settings: int) -> Store:
        origin = {"synthetic": {"seed": 3, "people": 5} | settings}
        return replace(tiny_store, description=tiny_store.description | {"origin": origin})

    described = read_description(start)
    assert described["people"] == {"train": [1, 2, 3], "val": [4]}
    described["data"] = {"synthetic": {"seed": 3, "people": 5}}
    write_description(start, described)
    larger, stranger = made(people=9), made(seed=4)
    for store, split, refused in (
        (larger, 0, False),
        (larger, 1, True),
        (stranger, 1, False),
        (tiny_store, 1, False),
    ):
        if refused:
            with pytest.raises(DataError, match=r"has seen vp1, vp2.*split 1"):
                new_run(tiny, store, tmp_path / "next", split=split, start=start)
        else:
            new_run(tiny, store, tmp_path / "next", split=split, start=start)
    # Whoever chose an epoch is no test person, but may choose again.
    write_description(start, described | {"people": {"train": [], "val": [4, 5]}})
    with pytest.raises(DataError, match="has seen vp5,"):
        new_run(tiny, larger, tmp_path / "next", start=start)
    # And what the start has seen, its child has seen.
    write_description(start, described | {"people": {"train": [8], "val": [4]}})
    child = new_run(tiny, larger, tmp_path / "next", start=start)
    assert child.description()["people"] == {"train": [1, 2, 3, 8], "val": [4]}


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "by split"])
def test_people_of_other_data_are_remembered_through_every_generation(
    start: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, recorded: bool
) -> None:
    """Whoever was taught by one who knows the test people knows something of them too."""

    def made(seed: int) -> Store:
        origin = {"synthetic": {"seed": seed}}
        return replace(tiny_store, description=tiny_store.description | {"origin": origin})

    def kept(run: Run) -> Path:
        """As if it had been trained."""
        shutil.copytree(start, run.out)
        run.describe()
        return run.out

    described = read_description(start) | {"data": {"synthetic": {"seed": 1}}}
    del described["people_elsewhere"]
    if not recorded:
        del described["people"]
    write_description(start, described)
    kd = replace(tiny, beta=0.5)
    taught = kept(new_run(kd, made(2), tmp_path / "taught", teacher=start))
    child = kept(new_run(tiny, made(3), tmp_path / "child", start=taught))
    grandchild = kept(new_run(kd, made(4), tmp_path / "grandchild", start=child, teacher=taught))
    for run, seeds in ((taught, (1, 2)), (child, (1, 2, 3)), (grandchild, (1, 2, 3, 4))):
        known = read_description(run)
        for seed in seeds:
            check_apart(known, run, made(seed), 0)
            with pytest.raises(DataError, match=r"has seen vp1, vp2.*split 1"):
                check_apart(known, run, made(seed), 1)
        check_apart(known, run, made(5), 1)
        assert len(known["people_elsewhere"]) == len(seeds) - 1
    with pytest.raises(DataError, match="taught started or learned from what was trained on this"):
        new_run(tiny, made(1), tmp_path / "next", split=1, start=taught)
    back = new_run(tiny, made(1), tmp_path / "next", start=taught).description()
    assert back["people"] == {"train": [1, 2, 3], "val": [4]}
    assert [each["data"]["synthetic"]["seed"] for each in back["people_elsewhere"]] == [2]


def test_a_start_on_the_same_people_of_another_split_is_fine(
    hand_made_root: Callable, scene: Callable, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    root = hand_made_root()
    for person in (1, 2, 3):
        root.video(f"vp{person}/run1", scene(34, colour=False))
        root.chunk(f"vp{person}/run1", 0, 17, "eating")
        root.chunk(f"vp{person}/run1", 17, 34, "writing")
    root.annotate()
    for split in (0, 1):
        root.split(split, ["vp1"], ["vp2"], ["vp3"])
    store = prepare(root.path, tmp_path / "store", report=lambda line: None)
    recipe = replace(tiny, epochs=1, batch_size=2)
    first = new_run(recipe, store, tmp_path / "first", split=0)
    fit(first, quiet)
    new_run(recipe, store, tmp_path / "second", split=1, start=first.out)
