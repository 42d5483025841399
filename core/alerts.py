"""When an activity that lasts too long is worth a notice. Pure logic, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_AFTER_S = 3600.0
# The label may be uncertain for a moment without the activity having ended.
_MAY_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An activity, by its name in the model, and how long it may last.

    Raises:
        ValueError: `after_s` is not 0 to 3600 seconds, or there is no activity.
    """

    activity: str
    after_s: float
    enabled: bool = True

    def __post_init__(self) -> None:
        if not self.activity:
            raise ValueError("an alert rule needs an activity")
        if not 0 <= self.after_s <= LONGEST_AFTER_S:
            raise ValueError(f"an alert comes after 0 to {LONGEST_AFTER_S:g} s")


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule was met: at `time_s` of the source the activity had lasted `lasted_s`."""

    rule: AlertRule
    time_s: float
    lasted_s: float


class AlertMonitor:
    """Watches the steady label; each rule speaks once for each time the activity is met."""

    def __init__(self) -> None:
        self._rules: tuple[AlertRule, ...] = ()
        self._activity: str | None = None
        self._since_s = 0.0
        self._seen_s = 0.0
        self._told: set[AlertRule] = set()

    def watch(self, rules: Iterable[AlertRule]) -> None:
        """From now on these rules hold; one that has spoken and stays does not speak again."""
        self._rules = tuple(rules)
        self._told.intersection_update(self._rules)

    def reset(self) -> None:
        """Forget what was seen, after a seek, a gap or a change of source."""
        self._activity = None
        self._told.clear()

    def update(self, time_s: float, activity: str | None) -> list[Alert]:
        """The steady label at `time_s` (None: uncertain); returns the alerts that begin now."""
        pausing = activity is None and 0 <= time_s - self._seen_s <= _MAY_PAUSE_S
        if time_s < self._seen_s or (activity != self._activity and not pausing):
            self.reset()
            self._activity, self._since_s = activity, time_s
        if activity is not None:
            self._seen_s = time_s
        lasted_s = time_s - self._since_s
        met = [
            rule
            for rule in self._rules
            if rule.enabled
            and rule.activity == activity
            and lasted_s >= rule.after_s
            and rule not in self._told
        ]
        self._told.update(met)
        return [Alert(rule, time_s, lasted_s) for rule in met]
