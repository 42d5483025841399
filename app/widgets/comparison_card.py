"""What quantization costs and what it buys, in four numbers."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout

from app import theme
from app.messages import SLOTS, EngineReport, ModelPair, Numbers, Slot
from app.ratios import ratio_in_words
from app.theme import DARK
from app.widgets.controls import NumberTile, label, set_role
from core.engine_choice import why_int8_gains_nothing


class ComparisonCard(QFrame):
    """Agreement and divergence of the two models, and how they differ in speed and size."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Comparison")
        self.setMinimumHeight(theme.FIGURES_HEIGHT[0])
        self.setMaximumHeight(theme.FIGURES_HEIGHT[1])
        self.agreement = NumberTile("agreement", DARK.good)
        self.divergence = NumberTile("KL divergence")
        self.speed = NumberTile("faster", DARK.int8)
        self.size = NumberTile("smaller", DARK.int8)
        self.agreement.setToolTip("Share of clips for which both models name the same activity.")
        self.divergence.setToolTip(
            "Mean KL divergence of int8's probabilities from fp32's, in nats; 0 is identical."
        )
        self.speed.setToolTip("Median time of fp32 against median time of int8, same clips.")
        self.size.setToolTip("Size of the fp32 file against the int8 file.")
        self.origin = label("", "quiet", name="How the two models are related")
        self.origin.setWordWrap(True)
        self.no_gain = label("", "warning", name="Speed of int8 on this CPU")
        self.no_gain.setWordWrap(True)
        self.no_gain.hide()

        grid = QGridLayout()
        grid.setHorizontalSpacing(22)
        grid.setVerticalSpacing(6)
        for column, tile in enumerate((self.agreement, self.divergence, self.speed, self.size)):
            grid.addWidget(tile, 0, column)
            grid.setColumnStretch(column, 1)
            tile.setMinimumWidth(108)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 10)
        layout.setSpacing(6)
        self.clips = label("", "quiet", name="Clips compared")
        self.clips.setMinimumWidth(110)
        self.clips.setAlignment(Qt.AlignmentFlag.AlignRight)
        head = QHBoxLayout()
        head.addWidget(label("INT8 against FP32", "title"))
        head.addStretch()
        head.addWidget(self.clips)
        layout.addLayout(head)
        layout.addLayout(grid)
        layout.addStretch()
        layout.addWidget(self.no_gain)
        layout.addWidget(self.origin)

    def show_models(self, models: ModelPair) -> None:
        """Say whether the difference is quantization or two trainings."""
        if len(models.models) < len(SLOTS):
            set_role(self.origin, "quiet")
            self.origin.setText("Two models are needed for a comparison.")
        elif models.twins:
            set_role(self.origin, "quiet")
            self.origin.setText("Twins: INT8 was fine-tuned from exactly this FP32 student.")
        else:
            set_role(self.origin, "warning")
            self.origin.setText("Not twins: this compares two trainings, not only quantization.")

    def show_engines(self, reports: Mapping[Slot, EngineReport]) -> None:
        """Say so where int8 was not faster than fp32 when both were tried."""
        tried = [reports[slot].probed for slot in SLOTS if slot in reports]
        sentence = why_int8_gains_nothing(*tried) if len(tried) == len(SLOTS) else None
        self.no_gain.setText(sentence or "")
        self._show_no_gain(sentence is not None)

    def _show_no_gain(self, visible: bool) -> None:
        self.no_gain.setVisible(visible)
        line = self.no_gain.fontMetrics().height() + self.layout().spacing()
        self.setMinimumHeight(theme.FIGURES_HEIGHT[0] + (line if visible else 0))

    def show_numbers(self, numbers: Numbers) -> None:
        """Show the figures as they are now."""
        share, divergence = numbers.agreement, numbers.kl_divergence
        self.clips.setText(f"{numbers.clips} clips" if numbers.clips else "")
        if share is None or divergence is None:
            self.agreement.show_number("–", colour=DARK.quiet)
            self.divergence.show_number("–")
        else:
            self.agreement.show_number(f"{share * 100:.1f} %", colour=_colour_of_agreement(share))
            self.divergence.show_number(f"{divergence:.3f}" if divergence >= 0.001 else "< 0.001")
        faster = numbers.speed_ratio is None or numbers.speed_ratio >= 1
        self.speed.show_number(
            *ratio_in_words(numbers.speed_ratio, "faster", "slower"),
            DARK.int8 if faster else DARK.warning,
        )
        # What is measured on real clips outweighs the brief trial.
        measured_faster = numbers.speed_ratio is not None and numbers.speed_ratio > 1
        self._show_no_gain(bool(self.no_gain.text()) and not measured_faster)
        self.size.show_number(*ratio_in_words(numbers.size_ratio, "smaller", "larger"))


def _colour_of_agreement(share: float) -> str:
    """Twins should agree on 95 % of clips; far below that something is wrong."""
    return DARK.good if share >= 0.95 else DARK.warning if share >= 0.8 else DARK.bad
