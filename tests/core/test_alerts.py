from __future__ import annotations

import pytest

from core.alerts import AlertMonitor, AlertRule

PHONE = AlertRule("talking_on_phone", 5.0)


def watching(*rules: AlertRule) -> AlertMonitor:
    monitor = AlertMonitor()
    monitor.watch(rules)
    return monitor


def told(monitor: AlertMonitor, times_s: list[float], activity: str | None) -> list[float]:
    return [t for t in times_s if monitor.update(t, activity)]


def test_an_activity_is_noticed_once_when_it_lasted_long_enough() -> None:
    monitor = watching(PHONE)
    assert told(monitor, [0, 1, 4.9, 5, 6, 20], PHONE.activity) == [5]


def test_it_is_noticed_again_when_it_ended_in_between() -> None:
    monitor = watching(PHONE)
    assert told(monitor, [0, 5], PHONE.activity) == [5]
    assert told(monitor, [6, 7], "drinking") == []
    assert told(monitor, [8, 12, 13], PHONE.activity) == [13]


def test_a_moment_of_doubt_does_not_end_an_activity_a_long_one_does() -> None:
    monitor = watching(PHONE)
    monitor.update(0, PHONE.activity)
    monitor.update(3, PHONE.activity)
    monitor.update(3.9, None)
    assert told(monitor, [4.5, 5], PHONE.activity) == [5]
    monitor = watching(PHONE)
    monitor.update(0, PHONE.activity)
    told(monitor, [0.5, 1.2], None)
    assert told(monitor, [2, 5, 6.9, 7], PHONE.activity) == [7]


def test_rules_can_be_off_and_change_while_it_lasts() -> None:
    monitor = watching(AlertRule("writing", 1.0, enabled=False))
    assert told(monitor, [0, 2], "writing") == []
    monitor.watch([AlertRule("writing", 1.0)])
    assert told(monitor, [2.1, 2.2], "writing") == [2.1]
    monitor.watch([AlertRule("writing", 1.0), AlertRule("writing", 3.0)])
    assert told(monitor, [2.3, 3, 3.1], "writing") == [3]


def test_going_back_in_time_begins_anew() -> None:
    monitor = watching(PHONE)
    told(monitor, [10, 14], PHONE.activity)
    assert told(monitor, [11, 15, 16], PHONE.activity) == [16]
    monitor.reset()
    assert told(monitor, [17, 21], PHONE.activity) == []


@pytest.mark.parametrize(("activity", "after_s"), [("", 1.0), ("writing", -1.0), ("writing", 4e3)])
def test_a_rule_without_sense_is_refused(activity: str, after_s: float) -> None:
    with pytest.raises(ValueError, match="alert"):
        AlertRule(activity, after_s)
