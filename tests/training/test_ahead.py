"""What is prepared beside the computing, and what becomes of the thread that does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from core.errors import DataError
from tests.training.runs import clip_threads
from training.ahead import ahead


class Source:
    """Numbers, and an event for each one that was asked for."""

    def __init__(self, count: int, fails_at: int | None = None) -> None:
        self.made = [threading.Event() for _ in range(count)]
        self._fails_at = fails_at

    def __iter__(self) -> Iterator[int]:
        for number, made in enumerate(self.made):
            if number == self._fails_at:
                raise DataError("it is damaged")
            made.set()
            yield number


@pytest.mark.parametrize("count", [1, 3, 20])
def test_everything_comes_in_order(count: int) -> None:
    with closing(ahead(iter(Source(7)), count)) as items:
        assert list(items) == list(range(7))
    assert list(ahead(iter(Source(0)), count)) == []
    assert clip_threads() == []


@pytest.mark.parametrize("count", [1, 3])
def test_so_many_are_prepared_while_the_caller_is_busy_and_no_more(count: int) -> None:
    source = Source(9)
    with closing(ahead(iter(source), count)) as items:
        assert next(items) == 0
        for number in range(1, count + 1):
            assert source.made[number].wait(20), "nothing is prepared meanwhile"
        assert not source.made[count + 1].is_set()
    assert clip_threads() == []


def test_an_error_comes_where_the_item_would_have_come() -> None:
    with closing(ahead(iter(Source(5, fails_at=2)), 2)) as items:
        assert [next(items), next(items)] == [0, 1]
        with pytest.raises(DataError, match="it is damaged"):
            next(items)
    assert clip_threads() == []


def test_who_asks_for_nothing_starts_no_thread() -> None:
    source = Source(3)
    with closing(ahead(iter(source))):
        assert clip_threads() == []
    assert not source.made[0].is_set()
