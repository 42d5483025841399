"""The rolling clips of one source: the students', and the teacher's where it sees another size."""

from __future__ import annotations

from collections.abc import Iterator

from core.clip import Clip, ClipSpec, RollingClip
from core.video import Frame


class ClipBuffers:
    """Cuts every frame for each kind of clip; belongs to the thread that captures.

    All kinds look at the same frames, so that one of them tells when a clip is full.
    """

    def __init__(self, specs: tuple[ClipSpec, ...]) -> None:
        self._buffers = tuple(RollingClip(spec) for spec in specs)

    @property
    def spec(self) -> ClipSpec | None:
        """The first kind; None when nobody wants clips."""
        return self._buffers[0].spec if self._buffers else None

    @property
    def filled(self) -> tuple[int, int]:
        """How many frames of a clip of the first kind are there, and how many it needs."""
        first = self._buffers[0] if self._buffers else None
        return (0, 0) if first is None else (first.filled, first.spec.frames)

    def change(self, specs: tuple[ClipSpec, ...]) -> bool:
        """Keep the kinds that are still wanted; returns whether the first is another one."""
        before, kept = self.spec, {buffer.spec: buffer for buffer in self._buffers}
        self._buffers = tuple(kept.get(spec) or RollingClip(spec) for spec in specs)
        return self.spec != before

    def push(self, frame: Frame) -> None:
        """Add the next frame."""
        for buffer in self._buffers:
            buffer.push(frame)

    def clear(self) -> None:
        """Forget everything, after a jump or a gap."""
        for buffer in self._buffers:
            buffer.clear()

    def clips(self) -> Iterator[tuple[ClipSpec, Clip]]:
        """The clip that ends with the newest frame, of each kind that is full."""
        for buffer in self._buffers:
            clip = buffer.clip()
            if clip is not None:
                yield buffer.spec, clip
