"""Which part of a timeline is on the screen. No Qt."""

from __future__ import annotations

_SHORTEST_S = 2.0


class Zoom:
    """A part of a window of time; at first, and when zoomed out far enough, all of it."""

    def __init__(self) -> None:
        self._part_s: tuple[float, float] | None = None

    @property
    def whole(self) -> bool:
        """Whether all of it is shown."""
        return self._part_s is None

    def reset(self) -> None:
        """Show all of it."""
        self._part_s = None

    def of(self, window_s: tuple[float, float]) -> tuple[float, float]:
        """The times at the left and right edge of the part of this window that is shown."""
        return self._part_s or window_s

    def zoom(self, window_s: tuple[float, float], at_s: float, factor: float) -> None:
        """Show a part `factor` times as long, in which `at_s` keeps its place."""
        start_s, end_s = self.of(window_s)
        length_s = max((end_s - start_s) * factor, _SHORTEST_S)
        if length_s >= window_s[1] - window_s[0]:
            self.reset()
            return
        share = (at_s - start_s) / (end_s - start_s)
        self._place(window_s, at_s - share * length_s, length_s)

    def scroll(self, window_s: tuple[float, float], share: float) -> None:
        """Move by a share of what is shown, to the right when positive."""
        if self._part_s is not None:
            start_s, end_s = self._part_s
            self._place(window_s, start_s + share * (end_s - start_s), end_s - start_s)

    def follow(self, window_s: tuple[float, float], now_s: float) -> None:
        """Turn the page when the present moment is no longer on it."""
        if self._part_s is not None and not self._part_s[0] <= now_s <= self._part_s[1]:
            length_s = self._part_s[1] - self._part_s[0]
            self._place(window_s, now_s - 0.05 * length_s, length_s)

    def _place(self, window_s: tuple[float, float], start_s: float, length_s: float) -> None:
        start_s = max(window_s[0], min(start_s, window_s[1] - length_s))
        self._part_s = (start_s, start_s + length_s)
