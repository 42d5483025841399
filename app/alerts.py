"""The alert rules at the first start, and how they are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable

from core.alerts import AlertRule

# Hands and eyes off the road: what most rules for drivers name first.
_DEFAULTS_S = {
    "interacting_with_phone": 3.0,
    "talking_on_phone": 5.0,
    "reading_magazine": 3.0,
    "reading_newspaper": 3.0,
    "working_on_laptop": 3.0,
    "writing": 3.0,
}


def default_rules() -> tuple[AlertRule, ...]:
    """The rules at the first start, all of them on."""
    return tuple(AlertRule(activity, after_s) for activity, after_s in _DEFAULTS_S.items())


def rules_to_json(rules: Iterable[AlertRule]) -> str:
    """All rules as one line of text."""
    return json.dumps(
        [{"activity": r.activity, "after_s": r.after_s, "enabled": r.enabled} for r in rules]
    )


def rules_from_json(text: str) -> tuple[AlertRule, ...]:
    """What `rules_to_json` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        return tuple(
            AlertRule(str(entry["activity"]), float(entry["after_s"]), entry["enabled"] is True)
            for entry in json.loads(text)
        )
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r:.80} holds no alert rules") from error
