"""Frames and schedules as pure functions of their numbers."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from core.activities import ACTIVITY_NAMES
from training.synthetic.camera import VIEWS
from training.synthetic.choreography import CHOREOGRAPHIES, write_script
from training.synthetic.people import (
    Wear,
    generator,
    sample_person,
    sample_setting,
    sample_wear,
)
from training.synthetic.schedule import STANDING, annotate, plan_run
from training.synthetic.session import SessionRenderer


def _renderer(seed: int = 3, person: int = 2, **kwargs: object) -> SessionRenderer:
    return SessionRenderer(seed, person, 1, 3.5, size=96, **kwargs)  # type: ignore[arg-type]


def test_the_same_numbers_give_the_same_bytes_in_any_order() -> None:
    a, b = _renderer(), _renderer()
    frames = (0, 700, 40, 5999)
    first = {i: a.frame(i).tobytes() for i in frames}
    assert {i: b.frame(i).tobytes() for i in reversed(frames)} == first
    assert len(set(first.values())) == len(frames)


def test_a_frame_is_a_lit_grey_picture() -> None:
    frame = _renderer().frame(1500)
    assert frame.shape == (96, 96)
    assert frame.dtype == np.uint8
    assert 15 < frame.mean() < 200
    assert frame.std() > 10
    assert (frame == 255).mean() < 0.05


def test_people_and_seeds_differ() -> None:
    frame = _renderer().frame(900)
    for changed in (_renderer(person=3), _renderer(seed=4)):
        assert np.abs(changed.frame(900).astype(int) - frame).mean() > 5


def test_no_frame_outside_the_run() -> None:
    renderer = _renderer()
    assert renderer.frames == 6300
    with pytest.raises(IndexError, match="6300"):
        renderer.frame(6300)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_the_driver(view: str) -> None:
    renderer = _renderer(view=view)
    at = next(s for n, s, _ in renderer.schedule if n == "drinking")
    assert renderer.frame(at + 40).std() > 8


@pytest.mark.parametrize("name", ACTIVITY_NAMES)
def test_every_activity_is_drawn_and_its_start_and_end_differ(name: str) -> None:
    renderer = SessionRenderer(
        1, 4, size=96, schedule=((None, 0, 9), (name, 9, 99), (None, 99, 110))
    )
    start, middle, end = (renderer.frame(i).astype(int) for i in (9, 54, 98))
    assert max(np.abs(middle - start).mean(), np.abs(end - middle).mean()) > 0.4
    renderer.frame(0)
    renderer.frame(109)


def test_all_activities_have_a_choreography() -> None:
    assert set(CHOREOGRAPHIES) == set(ACTIVITY_NAMES)


@pytest.mark.parametrize("minutes", [3.5, 4.0, 12.0])
def test_every_activity_occurs_and_the_run_is_filled(minutes: float) -> None:
    for number in range(1, 13):
        segments = plan_run(0, sample_person(0, number), 1, minutes, 30.0)
        acts = [name for name, _, _ in segments if name is not None]
        assert set(acts) == set(ACTIVITY_NAMES)
        assert acts[:2] == ["opening_door_outside", "entering_car"]
        assert acts[-1] == "closing_door_outside"
        assert segments[0][1] == 0
        assert segments[-1][2] == round(minutes * 1800)
        assert all(a[2] == b[1] for a, b in itertools.pairwise(segments))
        for name, start, end in segments:
            if name is not None:
                assert 1.2 <= (end - start) / 30 <= 12.1


def test_classes_are_as_unbalanced_as_life() -> None:
    chunks: Counter[str] = Counter()
    labelled = total = 0
    for number in range(1, 16):
        segments = plan_run(0, sample_person(0, number), 1, 4.0, 30.0)
        total += segments[-1][2]
        for chunk in annotate(segments, number, "", 30.0):
            chunks[chunk.activity] += 1
            labelled += chunk.frame_end - chunk.frame_start
    shares = sorted((count / chunks.total() for count in chunks.values()), reverse=True)
    assert chunks.most_common(1)[0][0] == "sitting_still"
    assert shares[0] > 0.18
    assert shares[0] > 10 * shares[-1]
    assert 0.70 < labelled / total < 0.90


@pytest.mark.parametrize("number", range(1, 9))
def test_nothing_is_put_on_twice(number: int) -> None:
    person = sample_person(0, number)
    worn = sample_wear(0, person, 1)
    for name, _, _ in plan_run(0, person, 1, 9.0, 30.0):
        if name in ("putting_on_jacket", "taking_off_jacket"):
            assert worn.jacketed == (name == "taking_off_jacket")
        if name in ("putting_on_sunglasses", "taking_off_sunglasses"):
            assert worn.shaded == (name == "taking_off_sunglasses")
        if name in ("fastening_seat_belt", "unfastening_seat_belt"):
            assert worn.belted == (name == "unfastening_seat_belt")
        if name in STANDING:
            assert not worn.belted
        worn = worn if name is None else worn.after(name)


def test_difficulty_scales_what_disturbs_and_leaves_the_timetable() -> None:
    easy, usual, hard = (sample_setting(0, 1, 1, difficulty) for difficulty in (0.0, 1.0, 2.0))
    assert easy.noise == 0 < usual.noise
    assert hard.noise == pytest.approx(2 * usual.noise)
    assert hard.camera_shift_m == pytest.approx([2 * m for m in usual.camera_shift_m])
    assert easy.seat == usual.seat == hard.seat
    one, other = _renderer(difficulty=0.0), _renderer(difficulty=2.0)
    assert one.schedule == other.schedule
    assert (one.frame(700) != other.frame(700)).any()


def test_without_difficulty_two_takes_move_alike() -> None:
    def places(run: int, difficulty: float) -> list[float]:
        script = write_script(
            "sitting_still", sample_person(0, 1), 4.0, generator(run), Wear(), difficulty
        )
        return [script.at(t).scalars.get("glance_yaw", 0.0) for t in (0.5, 1.5, 2.5)]

    assert all(places(run, 0.0) == [0.0] * 3 for run in range(20))
    assert any(places(run, 1.0) != [0.0] * 3 for run in range(20))


@pytest.mark.parametrize(("fps", "longest"), [(30.0, 90), (15.0, 45)])
def test_chunks_cut_each_annotation_into_three_seconds(fps: float, longest: int) -> None:
    segments = plan_run(0, sample_person(0, 1), 1, 4.0, fps)
    chunks = annotate(segments, 1, "vp1/run", fps)
    acts = [s for s in segments if s[0] is not None]
    for number, (name, start, end) in enumerate(acts):
        own = [c for c in chunks if c.annotation_id == number]
        assert [c.chunk_id for c in own] == list(range(len(own)))
        assert {c.activity for c in own} == {name}
        assert own[0].frame_start == start
        assert own[-1].frame_end == end
        assert all(c.frame_end - c.frame_start == longest for c in own[:-1])
        assert 0 < own[-1].frame_end - own[-1].frame_start <= longest
        assert all(a.frame_end == b.frame_start for a, b in itertools.pairwise(own))
