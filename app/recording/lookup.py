"""Which recorded clip belongs to a frame of the video."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.messages import STUDENTS
from app.recording.reader import RecordedSession
from app.recording.tables import NONE

# What was said longer ago says nothing about now: clips were skipped, or nothing was recorded.
_LONGEST_SILENCE_S = 1.0


# Times that are not apart by this much are moved apart: frames of a video have times of their own.
_SMALLEST_STEP_S = 0.001


class Lookup:
    """Finds clips by frame index; where a frame was answered twice, the later answer counts.

    What a teacher alone answered counts less: it says nothing of the students' labels.

    Args:
        session: the recording.
        blank: the frames are those of BlankVideo, one for each clip in the order of time.
    """

    def __init__(self, session: RecordedSession, *, blank: bool = False) -> None:
        self.session = session
        clips = session.clips
        by_student = _answered_by_student(session)
        best_first = np.lexsort((by_student, clips.frame))[::-1]
        frames, first = np.unique(clips.frame[best_first], return_index=True)
        self._frames = frames
        self._positions = best_first[first]
        times_s = clips.time_s[self._positions]
        if blank:
            order = np.argsort(times_s, kind="stable")
            self._positions, times_s = self._positions[order], times_s[order]
            self._frames = np.arange(len(frames))
        # Places of the clips whose labels hold until the next one's.
        lasting = np.flatnonzero(by_student[self._positions])
        self._lasting = lasting if len(lasting) else np.arange(len(frames))
        self._lasting_frames = self._frames[self._lasting]
        steps = np.arange(len(times_s)) * _SMALLEST_STEP_S
        # Strictly increasing, whatever a file holds.
        self.times_s: NDArray[np.float64] = np.maximum.accumulate(times_s - steps) + steps

    @property
    def positions(self) -> NDArray[np.intp]:
        """Positions of the clips that count, in the order of their frames."""
        return self._positions

    def at(self, frame: int) -> int | None:
        """Position of the clip that ends with exactly this frame."""
        place = int(np.searchsorted(self._frames, frame))
        found = place < len(self._frames) and self._frames[place] == frame
        return int(self._positions[place]) if found else None

    def at_or_before(self, frame: int) -> int | None:
        """Position of the newest clip up to this frame, unless it is too old to speak for it.

        One that a student answered, where any student answered at all.
        """
        count = int(np.searchsorted(self._lasting_frames, frame, side="right"))
        if not count:
            return None
        place = self._lasting[count - 1]
        silence = frame - int(self._frames[place])
        fps = self.session.fps
        return int(self._positions[place]) if silence <= _LONGEST_SILENCE_S * fps else None


def _answered_by_student(session: RecordedSession) -> NDArray[np.bool_]:
    """N bool, one for each clip."""
    answered = np.zeros(len(session.clips.frame), np.bool_)
    for answers in session.answers.values():
        if answers.model.slot in STUDENTS:
            answered |= answers.best != NONE
    return answered
