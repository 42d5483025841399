from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import training.answers as answers_module
from core.errors import DataError
from tests.training.runs import new_run
from training.answers import answers_place, stored_answers
from training.checkpoint import MODEL_FILE
from training.config import Recipe
from training.dataset import Augmentation, ChunkDataset
from training.hardware import as_input
from training.loop import fit
from training.models import Teacher, load_teacher
from training.processes import Processes
from training.store import Store

LIGHT = Augmentation(brightness=0.2, contrast=0.2, window_probability=0.5)
DRAWS = 3


class Eye(nn.Module):
    """Answers with 34 pixels of what it sees, and counts how many clips it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return x.flatten(1)[:, ::97][:, :34]


@pytest.fixture
def data(tiny_store: Store, tiny: Recipe) -> ChunkDataset:
    train = tiny_store.subset(0, "train")
    return ChunkDataset(tiny_store, train, tiny.clip, LIGHT, stored_draws=DRAWS, draws_seed=5)


@pytest.fixture
def ask(data: ChunkDataset, tmp_path: Path) -> Callable[..., Tensor]:
    def asked(
        teacher: nn.Module,
        data: ChunkDataset = data,
        asked: dict | None = None,
        stopping: Callable[[], bool] = lambda: False,
        processes: Processes = Processes(),  # noqa: B008
    ) -> Tensor:
        return stored_answers(
            teacher,
            data,
            answers_place(tmp_path, data, asked or {"teacher": "me"}),
            batch_size=4,
            device=torch.device("cpu"),
            processes=processes,
            stopping=stopping,
            console=Console(quiet=True),
        )

    return asked


# The draws


def test_a_draw_depends_on_chunk_number_and_seed_only(
    data: ChunkDataset, tiny_store: Store, tiny: Recipe
) -> None:
    clip = data.stored_clip(3, 1)
    data.epoch, data.seed = 7, 9
    assert torch.equal(data.stored_clip(3, 1), clip)
    assert not torch.equal(data.stored_clip(3, 2), clip)
    # The same chunk elsewhere in a list is the same chunk.
    alone = partial(ChunkDataset, tiny_store, data.positions[3:4], tiny.clip, LIGHT)
    assert torch.equal(alone(stored_draws=DRAWS, draws_seed=5).stored_clip(0, 1), clip)
    assert not torch.equal(alone(stored_draws=DRAWS, draws_seed=6).stored_clip(0, 1), clip)


def test_training_sees_all_draws_and_each_with_its_own_answer(
    data: ChunkDataset, ask: Callable[..., Tensor]
) -> None:
    """Teacher and student see the same clip: frames, crop, flip and light."""
    eye = Eye()
    data.answers = ask(eye)
    assert eye.seen == len(data) * DRAWS
    met = set()
    for draw in range(12):
        clip, target, answer = data[2, draw]
        assert target == data.targets[2]
        np.testing.assert_allclose(answer, eye(as_input(clip[None]))[0], atol=1e-6)
        met.add(answer.numpy().tobytes())
    assert len(met) == DRAWS
    data.epoch = 1
    later = [data[2, draw][2].numpy().tobytes() for draw in range(12)]
    data.epoch = 0
    assert later != [data[2, draw][2].numpy().tobytes() for draw in range(12)]


# What is kept


def test_answers_are_computed_once(data: ChunkDataset, ask: Callable[..., Tensor]) -> None:
    first, eye = ask(Eye()), Eye()
    assert torch.equal(ask(eye), first)
    assert eye.seen == 0
    assert first.shape == (len(data), DRAWS, 34)


def test_an_interrupted_teacher_goes_on(
    data: ChunkDataset, ask: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(Eye(), asked={"teacher": "other"})
    calls = iter([False, False, True])
    first, second = Eye(), Eye()
    with pytest.raises(KeyboardInterrupt):
        ask(first, stopping=lambda: next(calls))
    assert first.seen == 12
    assert torch.equal(ask(second), whole)
    assert second.seen == len(data) * DRAWS - 12


def test_processes_share_the_work(
    data: ChunkDataset, ask: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes, one after the other here: their shares add up to all answers."""
    whole = ask(Eye())
    monkeypatch.setattr(answers_module, "_write", lambda place, rows: None)
    monkeypatch.setattr(Processes, "total", lambda self, values: values)
    monkeypatch.setattr(
        Processes,
        "everybodys",
        lambda self, thing: [torch.zeros(0, 34) if thing is None else thing],
    )
    eyes = [Eye(), Eye()]
    parts = [
        ask(eye, asked={"teacher": "both"}, processes=Processes(rank, 2))
        for rank, eye in enumerate(eyes)
    ]
    assert [eye.seen for eye in eyes] == [18, 18]
    assert torch.equal(parts[0] + parts[1], whole)


def test_whatever_answers_depend_on_has_a_file_of_its_own(
    data: ChunkDataset, tiny_store: Store, tmp_path: Path
) -> None:
    def place(asked: str = "me", **changes: object) -> Path:
        other = ChunkDataset(
            tiny_store, data.positions, data.spec, LIGHT, stored_draws=DRAWS, draws_seed=5
        )
        for name, value in changes.items():
            setattr(other, name, value)
        return answers_place(tmp_path, other, {"teacher": asked}).path

    places = [
        place(),
        place("you"),
        place(positions=data.positions[1:]),
        place(spec=replace(data.spec, crop=30)),
        place(augmentation=replace(LIGHT, contrast=0.1)),
        place(stored_draws=2),
        place(draws_seed=6),
    ]
    assert len(set(places)) == len(places)
    assert place() == places[0]
    assert place(seed=8, epoch=3) == places[0]


def test_pixels_that_changed_are_noticed(
    data: ChunkDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of OpenCV may round otherwise; the teacher never saw those clips."""
    before = answers_place(tmp_path, data, {})
    drawn = ChunkDataset.stored_clip
    monkeypatch.setattr(
        ChunkDataset, "stored_clip", lambda self, item, number: drawn(self, item, number) ^ 1
    )
    assert answers_place(tmp_path, data, {}) != before


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_damage_is_named(
    data: ChunkDataset, ask: Callable[..., Tensor], tmp_path: Path, damage: str
) -> None:
    ask(Eye())
    (path,) = tmp_path.glob("answers-*.safetensors")
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-1] ^= 1
    path.write_bytes({"cut": content[:200], "empty": b""}.get(damage, content))
    with pytest.raises(DataError, match=rf"{path.name} is damaged .*delete it"):
        ask(Eye())


def test_a_teacher_that_knows_no_numbers_is_refused(ask: Callable[..., Tensor]) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full((len(x), 34), float("nan"))

    with pytest.raises(DataError, match="no numbers"):
        ask(Broken())


# In a run


def test_a_student_learns_from_stored_answers_as_from_the_teacher_itself(
    finished: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console, monkeypatch
) -> None:
    recipe = replace(tiny, beta=0.9, stored_draws=2, epochs=1)
    live = new_run(recipe, tiny_store, tmp_path / "live", teacher=finished)
    monkeypatch.setattr(live, "ask_teacher", lambda *given: None)
    fit(live, quiet)
    stored = new_run(recipe, tiny_store, tmp_path / "stored", teacher=finished)
    fit(stored, quiet)
    assert live.teacher is not None
    assert stored.teacher is None
    assert stored.history[0]["soft"] == pytest.approx(live.history[0]["soft"], rel=1e-4)
    torch.testing.assert_close(stored.model.classifier.weight, live.model.classifier.weight)

    # Another student, of another seed, finds them where the teacher lies; it is never asked again.
    files = list(finished.glob("answers-*.safetensors"))
    assert len(files) == 1
    monkeypatch.setattr(Teacher, "forward", lambda self, x: 1 / 0)
    again = new_run(replace(recipe, seed=3), tiny_store, tmp_path / "b", teacher=finished)
    fit(again, quiet)
    assert list(finished.glob("answers-*.safetensors")) == files
    files[0].unlink()


def test_a_teacher_that_is_a_file_is_answered_in_the_students_run(
    finished: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path, quiet: Console
) -> None:
    recipe = replace(tiny, beta=0.5, stored_draws=1, epochs=1)
    run = new_run(recipe, tiny_store, tmp_path / "run", teacher=finished / MODEL_FILE)
    fit(run, quiet)
    assert len(list(run.out.glob("answers-*.safetensors"))) == 1
    assert not list(finished.glob("answers-*.safetensors"))


def test_without_a_teacher_the_same_draws_are_seen(
    finished: Path, tiny_store: Store, tiny: Recipe, tmp_path: Path
) -> None:
    with_teacher = new_run(
        replace(tiny, beta=0.5, stored_draws=2), tiny_store, tmp_path, teacher=finished
    )
    without = new_run(replace(tiny, stored_draws=2), tiny_store, tmp_path)
    for pair in ((0, 0), (3, 1), (5, 7)):
        assert torch.equal(with_teacher.train_data[pair][0], without.train_data[pair][0])


def test_a_teacher_answers_in_the_precision_it_was_trained_in(
    finished: Path, tiny_store: Store, tiny: Recipe
) -> None:
    teacher = load_teacher(finished, tiny.clip, tiny_store, 0)
    assert (teacher.precision, teacher.bfloat16) == ("float32", False)
    x = torch.rand(2, 3, 16, 32, 32)
    plain = teacher(x)
    teacher.bfloat16 = True
    assert teacher(x).dtype == torch.bfloat16
    assert 0 < (teacher(x).float() - plain).abs().max() < 0.05 * plain.abs().max()
