"""Opposite activities share their movement, so that one frame cannot tell them apart."""

from __future__ import annotations

import pytest

from training.synthetic.choreography import PAIRS, sample_span_s, write_script
from training.synthetic.people import Wear, generator, sample_person


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_each_is_the_other_backwards(pair: tuple[str, str]) -> None:
    person = sample_person(0, 3)
    for take in range(4):
        there, back = (
            write_script(name, person, 3.0, generator(take), Wear(belted=True)) for name in pair
        )
        for t in (0.0, 0.5, 1.25, 1.75, 2.25, 3.0):
            one, other = there.at(t), back.at(3.0 - t)
            assert one.places == other.places
            assert one.scalars == other.scalars
            assert [(p.kind, p.place, p.numbers) for p in one.props] == [
                (p.kind, p.place, p.numbers) for p in other.props
            ]
        assert there.at(0.5).places != back.at(0.5).places


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_both_take_as_long(pair: tuple[str, str]) -> None:
    """Chunks are cut from the start: longer ones would show more of one end."""
    person = sample_person(0, 3)
    one, other = (sample_span_s(name, person, generator(1)) for name in pair)
    assert one == other
