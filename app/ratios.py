"""How numbers are put into words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """2 and "run" as "2 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def ratio_in_words(ratio: float | None, more: str, less: str) -> tuple[str, str]:
    """A ratio a person can read, e.g. ("3.8×", "faster"); below one turned round, 0 is none."""
    if not ratio:
        return "–", more
    return (f"{ratio:.1f}×", more) if ratio >= 1 else (f"{1 / ratio:.1f}×", less)


def faster_or_slower(ratio: float | None) -> str:
    """3.8 as "3.8× faster", 0.5 as "2.0× slower", no ratio as "–"."""
    return " ".join(ratio_in_words(ratio, "faster", "slower")) if ratio else "–"
