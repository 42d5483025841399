"""How a window moves over frames, rows and columns, and what it leaves of them.

Legend: T frames, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a 3-D window moves over its input.

    `padding` stands before the first and behind the last value of T, H and W; where the two
    differ, `padding_back` is what stands behind.
    """

    stride: Triple
    padding: Triple
    groups: int = 1
    padding_back: Triple | None = None

    def __post_init__(self) -> None:
        # One way to write each geometry, so that equal ones compare equal.
        if self.padding_back == self.padding:
            object.__setattr__(self, "padding_back", None)

    @property
    def back(self) -> Triple:
        """Padding behind the last value of T, H and W."""
        return self.padding if self.padding_back is None else self.padding_back

    @property
    def symmetric(self) -> bool:
        """Whether as much stands before the input as behind it."""
        return self.padding_back is None

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """(before, behind) for T, H and W, as numpy.pad takes them."""
        return tuple(zip(self.padding, self.back, strict=True))

    def output_size(self, size: Triple, kernel: Triple) -> Triple:
        """T×H×W of the output for an input of T×H×W."""
        t, h, w = (
            (n + before + behind - k) // s + 1
            for n, (before, behind), k, s in zip(size, self.pads, kernel, self.stride, strict=True)
        )
        return (t, h, w)


def same_padding(size: Triple, kernel: Triple, stride: Triple) -> tuple[Triple, Triple]:
    """Padding before and behind T×H×W that TensorFlow's SAME means: ceil(size / stride) outputs.

    What cannot be split evenly stands behind, so it depends on the size of the input.
    """
    totals = [
        max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride, strict=True)
    ]
    (t, h, w), (tt, hh, ww) = ([total // 2 for total in totals], totals)
    return (t, h, w), (tt - t, hh - h, ww - w)
