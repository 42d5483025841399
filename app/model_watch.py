"""How long a worker has been inside of one step. No Qt, no threads."""

from __future__ import annotations

# Between two looks no more than this counts: when the whole process was stopped, or the machine
# asleep, the engine is not to blame.
MOST_BETWEEN_LOOKS_S = 0.5


class StepWatch:
    """Looks at a worker's step again and again; steps are told apart by identity."""

    def __init__(self) -> None:
        self._step: object | None = None
        self._looked_s = 0.0
        self._inside_s = 0.0

    def look(self, step: object | None, now_s: float) -> float:
        """Seconds for which this same step has been seen; 0 for none and for a new one."""
        if step is None or step is not self._step:
            self._step, self._inside_s = step, 0.0
        else:
            self._inside_s += min(now_s - self._looked_s, MOST_BETWEEN_LOOKS_S)
        self._looked_s = now_s
        return self._inside_s
