"""What is needed next is prepared beside what is being computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], count: int = 1) -> Generator[T]:
    """The items in order, `count` of them prepared in one thread while the caller uses another.

    The thread ends with the iterator, which the caller closes (`contextlib.closing`). An error in
    preparing an item comes where the item would have come.
    """
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="clips")
    waiting = deque(thread.submit(next, items, None) for _ in range(count))
    try:
        while (item := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, items, None))
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
