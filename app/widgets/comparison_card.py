"""What quantization costs and what it buys, in four numbers: so far, and in the last minute."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout

from app import theme
from app.messages import STUDENTS, Compared, EngineReport, Models, Numbers, Slot
from app.ratios import faster_or_slower, ratio_in_words
from app.theme import Tone
from app.widgets.controls import NumberTile, label, set_role
from core.engine_choice import why_int8_gains_nothing


class ComparisonCard(QFrame):
    """Agreement and divergence of the two models, and how they differ in speed and size."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Comparison")
        self.setMinimumHeight(theme.FIGURES_HEIGHT)
        self.agreement = NumberTile("agreement", "good")
        self.divergence = NumberTile("KL divergence")
        self.speed = NumberTile("faster", "int8")
        self.size = NumberTile("smaller", "int8")
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
        self.teacher = label("", "quiet", name="Agreement with the teacher")
        self.teacher.setToolTip("Share of the clips that both answered, named alike.")
        self.teacher.hide()

        self._recent = {
            tile: label("", "quiet", name=f"{name}, last minute")
            for tile, name in (
                (self.agreement, "agreement"),
                (self.divergence, "KL divergence"),
                (self.speed, "speed ratio"),
            )
        }
        times = label("session", "quiet"), label("last minute", "quiet")
        times[0].setToolTip("Since this source or these models were chosen.")
        times[1].setToolTip("The same figures over the clips of the last 60 s alone.")
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(2)
        for column, tile in enumerate((self.agreement, self.divergence, self.speed, self.size)):
            grid.addWidget(tile, 0, column + 1)
            grid.setColumnStretch(column + 1, 1)
            tile.setMinimumWidth(92)
            if tile in self._recent:
                grid.addWidget(self._recent[tile], 1, column + 1)
        for row, caption in enumerate(times):
            grid.addWidget(caption, row, 0, Qt.AlignmentFlag.AlignTop)
        times[0].setContentsMargins(0, 7, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 0, 14, 6)
        layout.setSpacing(3)
        self.clips = label("", "quiet", name="Clips compared")
        self.clips.setMinimumWidth(110)
        self.clips.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(grid)
        layout.addStretch()
        layout.addWidget(self.no_gain)
        layout.addWidget(self.origin)
        layout.addWidget(self.teacher)

    def recent_texts(self) -> list[str]:
        """What is said of the last minute: agreement, divergence, speed."""
        return [part.text() for part in self._recent.values()]

    def show_models(self, models: Models) -> None:
        """Say whether the difference is quantization or two trainings."""
        if not models.models.keys() >= set(STUDENTS):
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
        tried = [reports[slot].probed for slot in STUDENTS if slot in reports]
        sentence = why_int8_gains_nothing(*tried) if len(tried) == len(STUDENTS) else None
        self.no_gain.setText(sentence or "")
        self._show_no_gain(sentence is not None)

    def _show_no_gain(self, visible: bool) -> None:
        self.no_gain.setVisible(visible)
        self._make_room()

    def _make_room(self) -> None:
        line = self.no_gain.fontMetrics().height() + self.layout().spacing()
        more = (not self.no_gain.isHidden()) + (not self.teacher.isHidden())
        self.setMinimumHeight(theme.FIGURES_HEIGHT + line * more)

    def show_teacher(self, present: bool) -> None:
        """Whether there is a line for the teacher."""
        self.teacher.setVisible(present)
        self.teacher.setText(_agreement_with_teacher({}))
        self._make_room()

    def show_numbers(self, numbers: Numbers) -> None:
        """Show the figures as they are now."""
        session = numbers.session
        self.clips.setText(f"{session.clips} clips" if session.clips else "")
        agreement, divergence = _words(session)
        self.agreement.show_number(agreement, tone=_tone_of_agreement(session.agreement))
        self.divergence.show_number(divergence)
        ratio = session.speed_ratio
        self.speed.show_number(
            *ratio_in_words(ratio, "faster", "slower"),
            "int8" if not ratio or ratio >= 1 else "warning",
        )
        agreement, divergence = _words(numbers.last_minute)
        for tile, text in (
            (self.agreement, agreement),
            (self.divergence, divergence),
            (self.speed, faster_or_slower(numbers.last_minute.speed_ratio)),
        ):
            self._recent[tile].setText(text)
        # What is measured on real clips outweighs the brief trial.
        measured_faster = ratio is not None and ratio > 1
        self._show_no_gain(bool(self.no_gain.text()) and not measured_faster)
        shares = numbers.teacher.agreement if numbers.teacher is not None else {}
        self.teacher.setText(_agreement_with_teacher(shares))
        self.size.show_number(*ratio_in_words(numbers.size_ratio, "smaller", "larger"))


def _words(compared: Compared) -> tuple[str, str]:
    """Agreement and divergence as they are written."""
    share, divergence = compared.agreement, compared.kl_divergence
    if share is None or divergence is None:
        return "–", "–"
    return f"{share * 100:.1f} %", f"{divergence:.3f}" if divergence >= 0.001 else "< 0.001"


def _agreement_with_teacher(shares: Mapping[Slot, float]) -> str:
    said = (
        f"{slot.upper()} {shares[slot] * 100:.1f} %" if slot in shares else f"{slot.upper()} –"
        for slot in STUDENTS
    )
    return f"Agreement with the teacher: {' · '.join(said)}"


def _tone_of_agreement(share: float | None) -> Tone:
    """Twins should agree on 95 % of clips; far below that something is wrong."""
    if share is None:
        return "quiet"
    return "good" if share >= 0.95 else "warning" if share >= 0.8 else "bad"
