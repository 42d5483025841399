"""What the paper reports: arXiv 2311.05970, Tables I and II, on Drive&Act.

Accuracies are mean per-class accuracies in percent.
"""

from __future__ import annotations

from dataclasses import dataclass

TITLE = "Quantized Distillation (Tanama et al., IROS 2023, arXiv 2311.05970)"


@dataclass(frozen=True, slots=True)
class Row:
    """One method of Table II; one value for each of the three splits."""

    val: tuple[float, float, float]
    test: tuple[float, float, float]
    mean_val: float
    mean_test: float
    file_mb: float
    time_ms: float
    fps: float


TABLE_2 = {
    "i3d": Row((67.04, 63.7, 71.31), (60.98, 64.93, 53.09), 67.35, 59.67, 49.41, 703.86, 1.42),
    "mobilenet3d": Row(
        (49.36, 49.09, 48.73), (36.19, 47.02, 36.11), 49.06, 39.77, 3.6, 107.0, 9.34
    ),
    "kd": Row((64.5, 58.73, 62.01), (49.25, 52.11, 44.31), 61.75, 48.56, 3.6, 107.0, 9.34),
    "quantization": Row(
        (41.48, 38.22, 40.52), (34.2, 30.03, 31.65), 40.07, 31.96, 1.03, 76.79, 13.02
    ),
    "qd": Row((59.78, 51.48, 61.35), (50.11, 50.6, 43.79), 57.54, 48.17, 1.03, 76.79, 13.02),
}

# By swept setting and its value; what the others were is in SWEPT_WITH.
TABLE_1 = {
    "width_multiplier": {0.5: 61.89, 1.0: 60.54, 1.5: 61.55},
    "temperature": {1.0: 63.46, 3.0: 63.49, 5.0: 61.89, 7.0: 60.57, 9.0: 60.34},
    "beta": {0.5: 59.05, 0.6: 61.11, 0.7: 63.49, 0.8: 63.93, 0.9: 64.5, 1.0: 62.1},
}
SWEPT_WITH = {
    "width_multiplier": "T = 5, β = 0.7",
    "temperature": "width 0.5, β = 0.7",
    "beta": "width 0.5, T = 3",
}
