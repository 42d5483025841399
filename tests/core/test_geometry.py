from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.geometry import Geometry, same_padding


@pytest.mark.parametrize("size", [(5, 7, 9), (1, 1, 1), (8, 30, 31)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 3, 1)])
def test_output_sizes_are_those_of_numpy_slicing(
    size: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    padded = np.zeros([n + 2 for n in size])
    valid = padded[: padded.shape[0] - 2, : padded.shape[1] - 2, : padded.shape[2] - 2]
    expected = valid[:: stride[0], :: stride[1], :: stride[2]].shape
    assert Geometry(stride, (1, 1, 1), 1).output_size(size, (3, 3, 3)) == expected


@given(st.data())
def test_output_sizes_count_where_the_window_fits(data: st.DataObject) -> None:
    """Counted one position after the other, padding of its own on each side."""
    axes = []
    for _ in range(3):
        kernel = data.draw(st.integers(1, 5))
        front, back = (data.draw(st.integers(0, kernel - 1)) for _ in range(2))
        size = data.draw(st.integers(max(1, kernel - front - back), 9))
        axes.append((size, kernel, data.draw(st.integers(1, 3)), front, back))
    sizes, kernels, strides, fronts, backs = zip(*axes, strict=True)
    geometry = Geometry(strides, fronts, padding_back=backs)
    expected = tuple(
        sum(1 for start in range(-front, size + back) if start + kernel <= size + back)
        if stride == 1
        else len(range(-front, size + back - kernel + 1, stride))
        for size, kernel, stride, front, back in axes
    )
    assert geometry.output_size(sizes, kernels) == expected


def test_one_way_to_write_each_geometry() -> None:
    plain = Geometry((1, 2, 2), (1, 0, 2), 4)
    assert Geometry((1, 2, 2), (1, 0, 2), 4, padding_back=(1, 0, 2)) == plain
    assert plain.symmetric
    assert plain.pads == ((1, 1), (0, 0), (2, 2))
    one_sided = replace(plain, padding_back=(0, 1, 3))
    assert one_sided != plain
    assert not one_sided.symmetric
    assert one_sided.pads == ((1, 0), (0, 1), (2, 3))
    assert one_sided.back == (0, 1, 3)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "front", "back"),
    [
        # 112 outputs reach over 111 · 2 + 7 = 229 pixels: five more than there are.
        (224, 7, 2, 2, 3),
        (221, 7, 2, 3, 3),
        (112, 3, 2, 0, 1),
        (7, 3, 2, 1, 1),
        (7, 2, 2, 0, 1),
        (4, 2, 2, 0, 0),
        (5, 3, 1, 1, 1),
        (5, 2, 1, 0, 1),
        (1, 3, 2, 1, 1),
        (4, 1, 2, 0, 0),
    ],
)
def test_same_padding_worked_out_by_hand(
    size: int, kernel: int, stride: int, front: int, back: int
) -> None:
    got = same_padding((size, 1, 1), (kernel, 1, 1), (stride, 1, 1))
    assert got == ((front, 0, 0), (back, 0, 0))
    geometry = Geometry((stride, 1, 1), got[0], padding_back=got[1])
    assert geometry.output_size((size, 1, 1), (kernel, 1, 1))[0] == -(-size // stride)
