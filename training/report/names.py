"""What the rows of the tables are called, and how their figures are written."""

from __future__ import annotations

from training.report.bootstrap import Interval
from training.report.charts.drawing import signed
from training.report.document import Cell
from training.reproduce.plan import POST_TRAINING

MISSING = "not measured"

NAMES = {
    "i3d": "I3D (teacher)",
    "mobilenet3d": "3D MobileNet (baseline)",
    "kd": "KD",
    "quantization": "Quantization",
    "qd": "QD",
    POST_TRAINING: "KD, quantized after training",
}
SHORT = NAMES | {
    "i3d": "I3D",
    "mobilenet3d": "MobileNet",
    POST_TRAINING: "KD, post-training int8",
}
# Column heading and caption of each sweep.
SWEEPS = {
    "width_multiplier": ("width", "Width multiplier"),
    "temperature": ("T", "Temperature T"),
    "beta": ("β", "Weight β of the teacher"),
}


def percent(value: float | None) -> str:
    """A share as a number of percent; the unit stands in the heading."""
    return MISSING if value is None else f"{value * 100:.1f}"


def share_cell(value: float | None) -> Cell:
    """A share as a cell, quiet where it is missing."""
    return Cell("—", "quiet") if value is None else Cell(percent(value))


def range_of(interval: Interval | None, is_difference: bool = False, digits: int = 1) -> str:
    """The interval's ends in percent or points, without the estimate."""
    if interval is None:
        return ""
    if interval.low is None or interval.high is None:
        alone = interval.runs == interval.people == 1
        return "nothing to resample" if alone else "nothing varied"
    ends = (interval.low * 100, interval.high * 100)
    return " to ".join(signed(end) if is_difference else f"{end:.{digits}f}" for end in ends)
