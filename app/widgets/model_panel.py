"""One model: what it sees, how sure it is, and how fast it is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout

from app import theme
from app.messages import (
    EngineReport,
    ModelDescription,
    ModelNumbers,
    Slot,
    TeacherNumbers,
    engine_title,
)
from app.theme import Tone
from app.widgets.activity_bars import ActivityBars
from app.widgets.controls import NumberTile, label, plain_tip, set_role, set_tone
from app.widgets.fit_label import FitLabel
from app.widgets.sparkline import Sparkline
from core.activities import title_of
from core.comparison import Prediction
from core.decisions import Decision

# In a panel lower than this the bars need the room of the lesser figures.
_ROOMY = 350
_LOWEST = 280
# What its usual letters need, and what the smallest ones need.
WIDE, NARROWEST = 272, 208
_EDGE, _NARROW_EDGE = 14, 8
_NOTHING_DERIVED = "could do – FPS (derived)"


class ModelPanel(QFrame):
    """The card of one model."""

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self._description: ModelDescription | None = None
        self._failed = False
        self._narrow = False
        # Of a teacher that never rests there is nothing to derive.
        self._as_fast_as_it_can = slot == "teacher"
        self.setProperty("role", "card")
        self.setMinimumSize(WIDE, _LOWEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

        self.title = label("Teacher" if slot == "teacher" else f"{slot.upper()} student", "title")
        set_tone(self.title, slot)
        self.setAccessibleName(self.title.text())
        self.file = label("", "quiet", name="Model file")
        self.activity = FitLabel(theme.LABEL_PX, 2, "Activity")
        self.confidence = label("", name="Confidence")
        self.confidence.setFont(theme.font(theme.LABEL_PX, bold=True))
        self.confidence.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.confidence.setFixedWidth(self.confidence.fontMetrics().horizontalAdvance("100 %") + 2)
        self.bars = ActivityBars()
        self.message = label("", name="Model state")
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.bars)
        self._pages.addWidget(self.message)
        self.live_fps = NumberTile("FPS live", slot)
        self.p50 = NumberTile("ms p50")
        self.p95 = NumberTile("ms p95")
        self.p99 = NumberTile("ms p99")
        self.live_fps.setToolTip("Clips that this model really answered in a second.")
        for tile, share in ((self.p50, "Half"), (self.p95, "95 of 100"), (self.p99, "99 of 100")):
            tile.setToolTip(f"{share} of the last minute's clips were answered within this time.")
        self.sparkline = Sparkline(slot, "Latency of the last minute")
        self.sparkline.setToolTip("Time of each clip in the last minute, from zero.")
        self.engine = label("", "quiet", name="Engine")
        self.derived = label(_NOTHING_DERIVED, "quiet", name="Derived speed")
        self.accuracy = label("", "quiet", name="Accuracy")
        self.pace = label("", "quiet", name="How it keeps up")
        self.pace.setToolTip(
            "It answers the newest clip when it is done with the one before. Its label is of a "
            "clip that ended so long ago, and the clips in between it never sees."
        )
        self._lay_out()
        self.show_loading()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch()
        head.addWidget(self.file)
        answer = QHBoxLayout()
        answer.setSpacing(6)
        answer.addWidget(self.activity, 1)
        answer.addWidget(self.confidence)
        tiles = QHBoxLayout()
        tiles.setSpacing(4)
        row = (self.live_fps, self.p50, self.p95, self.p99)
        NumberTile.write_alike(row)
        for tile in row:
            tiles.addWidget(tile, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_EDGE, 8, _EDGE, 8)
        layout.setSpacing(5)
        layout.addLayout(head)
        layout.addLayout(answer)
        layout.addWidget(self._pages, 1)
        layout.addLayout(tiles)
        layout.addWidget(self.sparkline)
        remarks = QVBoxLayout()
        remarks.setSpacing(0)
        for line in (self.engine, self.pace, self.derived, self.accuracy):
            remarks.addWidget(line)
        layout.addLayout(remarks)
        self.pace.hide()
        self.accuracy.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        roomy = self.height() >= _ROOMY
        self.sparkline.setVisible(roomy)
        self.derived.setVisible(roomy and not self._as_fast_as_it_can)
        if (self.width() < WIDE) is not self._narrow:
            self._narrow = not self._narrow
            self._set_letters()

    def _set_letters(self) -> None:
        edge = _NARROW_EDGE if self._narrow else _EDGE
        self.layout().setContentsMargins(edge, 8, edge, 8)
        small_px = theme.SMALLEST_PX if self._narrow else theme.SMALL_PX
        for remark in (self.engine, self.pace, self.derived, self.accuracy):
            remark.setFont(theme.font(small_px))
        for tile in (self.live_fps, self.p50, self.p95, self.p99):
            tile.set_caption_px(small_px)

    # -- what the model is ---------------------------------------------------------------------

    def show_loading(self) -> None:
        """The engine is being made ready."""
        self._say("loading model…", "The engine proves itself on the model's golden answers.")

    def show_trial(self, engine: str) -> None:
        """The engine runs in a child process before it may run here."""
        self._say(
            f"checking {engine_title(engine)} on this CPU…",
            "This happens once for each model: a process of its own computes the golden answers "
            "and times them, so that a crash takes nothing down.",
        )

    def show_engine(self, report: EngineReport) -> None:
        """Show which engine runs the model, how fast it was when tried, and what was left out."""
        self._failed = False
        title = engine_title(report.probed.engine)
        latency_ms = report.probed.latency_ms
        if len(report.left_out) > 1:
            remark = f"{len(report.left_out)} engines left out"
        elif report.left_out:
            remark = f"{engine_title(report.left_out[0].engine)} left out"
        else:
            remark = "checked" if latency_ms is None else f"checked, {latency_ms:.1f} ms"
        self.engine.setText(f"{title} · {remark}")
        set_role(self.engine, "warning" if report.left_out else "quiet")
        explanation = [f"{title} gives the model's golden answers on this CPU."]
        if latency_ms is not None:
            explanation.append(
                f"It took {latency_ms:.2f} ms (median) for a clip when it was tried."
            )
        explanation += [result.problem or "" for result in report.left_out]
        self.engine.setToolTip("\n".join(explanation))

    def show_description(self, description: ModelDescription) -> None:
        """Show what the model file says of itself."""
        self._description = description
        self.title.setText(description.title)
        self.setAccessibleName(description.title)
        self.file.setText(f"{description.file_mb:.2f} MB")
        self.file.setToolTip(
            plain_tip(f"{description.file_name}\n{len(description.labels)} activities")
        )

    def show_fault(self, headline: str, sentence: str) -> None:
        """Its engine failed and is tried again or replaced; nothing else is shown until it runs."""
        self._failed = True
        self._say(headline, sentence, "warning")

    def show_stall(self, headline: str, sentence: str) -> None:
        """It is kept waiting for too long; an answer takes this away."""
        if not self._failed:
            self._say(headline, sentence, "warning")

    def show_failure(self, sentence: str) -> None:
        """The model does not run; the other one goes on."""
        self._failed = True
        self._say("not running", sentence, "bad")

    def show_waiting(self, text: str) -> None:
        """There is nothing to say yet: no video, or the clip buffer is filling."""
        if self._failed:
            return
        self.activity.show_text(text, "quiet")
        self._show_confidence(None)
        self.bars.show_rows([])
        self._pages.setCurrentWidget(self.bars)

    def _show_confidence(self, confidence: float | None) -> None:
        # Without a number its place belongs to the words.
        self.confidence.setVisible(confidence is not None)
        self.confidence.setText("" if confidence is None else f"{confidence * 100:.0f} %")

    def _say(self, headline: str, sentence: str, tone: Tone = "quiet") -> None:
        self.activity.show_text(headline, tone)
        self._show_confidence(None)
        self.message.setText(sentence)
        self._pages.setCurrentWidget(self.message)

    # -- what it answers -----------------------------------------------------------------------

    def show_answer(self, prediction: Prediction, decision: Decision) -> None:
        """Show the steady label and, as bars, the raw probabilities."""
        if self._failed or self._description is None:
            return
        labels = self._description.labels
        if decision.class_index is not None:
            self.activity.show_text(title_of(labels[decision.class_index]))
            self._show_confidence(decision.confidence)
        else:
            self.activity.show_text("uncertain", "quiet")
            self._show_confidence(None)
        self.bars.show_rows([(labels[index], share) for index, share in prediction.top(5)])
        self._pages.setCurrentWidget(self.bars)

    def show_numbers(self, numbers: ModelNumbers) -> None:
        """Show speed and accuracy as they are now."""
        latency = numbers.latency
        self.live_fps.show_number(f"{numbers.fps:.1f}" if latency else "–")
        self.p50.show_number(milliseconds(latency.p50) if latency else "–")
        self.p95.show_number(milliseconds(latency.p95) if latency else "–")
        self.p99.show_number(milliseconds(latency.p99) if latency else "–")
        self.sparkline.show_values(numbers.recent_ms)
        could_do = numbers.could_do_fps
        self.derived.setText(
            f"could do {could_do:.0f} FPS (derived)" if could_do else _NOTHING_DERIVED
        )
        self.derived.setToolTip("One second divided by the median time of one clip.")
        self.accuracy.setVisible(numbers.accuracy is not None)
        if numbers.accuracy is not None:
            self.accuracy.setText(
                f"{numbers.accuracy * 100:.1f} % mean per class · {numbers.labelled_clips} clips"
            )
            self.accuracy.setToolTip(
                "Mean over the activities seen of each one's share of clips named rightly."
            )

    def show_pace(self, numbers: TeacherNumbers | None) -> None:
        """Show how old a teacher's label is, and how many clips it has skipped."""
        self.pace.setVisible(numbers is not None)
        if numbers is not None:
            age = "" if numbers.age_ms is None else f"label {numbers.age_ms / 1000:.1f} s old · "
            self.pace.setText(f"{age}{numbers.skipped:,} clips skipped")


def milliseconds(value: float) -> str:
    """A time with as many digits as can be told apart."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
