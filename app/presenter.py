"""Carries what the session says to the widgets that show it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QStackedWidget

from app.messages import (
    SLOTS,
    STUDENTS,
    EngineReport,
    Models,
    Numbers,
    Picture,
    Shown,
    Slot,
    SourceInfo,
    engine_title,
)
from app.session import Session
from app.signal_text import no_signal
from app.state import State
from app.theme import DARK
from app.widgets.banner import Banner
from app.widgets.comparison_card import ComparisonCard
from app.widgets.latency_plot import LatencyPlot
from app.widgets.model_panel import ModelPanel
from app.widgets.status_bar import StatePill, StatusBar
from app.widgets.timeline import Timeline
from app.widgets.transport import Transport, TransportActions
from app.widgets.video_view import Caption, Mark, VideoView
from app.widgets.welcome import Welcome
from core.activities import title_of
from core.source_state import SourceStatus

# Faster than this nobody reads percentages; the newest answer waits for the next refresh.
_REFRESH_S = 0.12
# The plot is drawn between two updates of everything else, so that no picture waits for both.
_PLOT_AFTER_MS = 200

Labels = tuple[dict[Slot, int | None], str | None]

_MARKS: Mapping[State, Mark] = {
    State.PAUSED: "paused",
    State.ENDED: "ended",
    State.OPENING: "opening",
}


@dataclass(frozen=True, slots=True)
class Widgets:
    """The parts of the window that show something."""

    stage: QStackedWidget
    welcome: Welcome
    video: VideoView
    panels: Mapping[Slot, ModelPanel]
    timeline: Timeline
    latency: LatencyPlot
    comparison: ComparisonCard
    transport: Transport
    transport_actions: TransportActions
    status: StatusBar
    pill: StatePill
    banner: Banner

    @property
    def shown_panels(self) -> dict[Slot, ModelPanel]:
        """The panels of the places that are taken."""
        return {slot: panel for slot, panel in self.panels.items() if not panel.isHidden()}


class Presenter(QObject):
    """Listens to one session for the life of the window."""

    def __init__(self, session: Session, widgets: Widgets, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._widgets = widgets
        self._shown: Shown | None = None
        self._refreshed_s = 0.0
        self._painted: Labels | None = None
        self._failed: set[Slot] = set()
        self._no_signal: tuple[str, str] | None = None

        self._plot_timer = QTimer(self, interval=_PLOT_AFTER_MS, singleShot=True)
        self._plot_timer.timeout.connect(widgets.latency.refresh)
        session.answers.models_described.connect(self._on_models)
        session.answers.engine_tried.connect(self._on_engine_tried)
        session.answers.model_ready.connect(self._on_model_ready)
        session.answers.model_failed.connect(self._on_model_failed)
        session.source_changed.connect(self._on_source)
        session.state_changed.connect(self._on_state)
        session.picture.connect(self._on_picture)
        session.answers.restarted.connect(self._on_restart)
        session.answers.answered.connect(self._on_answer)
        session.numbers.connect(self._on_numbers)
        session.signal_changed.connect(self._on_signal)
        session.problem.connect(widgets.banner.show_problem)

    # -- models --------------------------------------------------------------------------------

    def _on_models(self, models: Models) -> None:
        self._failed.clear()
        for slot, description in models.models.items():
            self._widgets.panels[slot].show_description(description)
        self._widgets.comparison.show_models(models)

    def _on_engine_tried(self, engine: str) -> None:
        for slot, panel in self._widgets.panels.items():
            if slot not in self._session.answers.engines and slot not in self._failed:
                panel.show_trial(engine)

    def _on_model_ready(self, slot: Slot, report: EngineReport) -> None:
        self._failed.discard(slot)
        panel = self._widgets.panels[slot]
        panel.show_engine(report)
        panel.show_waiting(self._waiting_text())
        self._widgets.comparison.show_engines(self._session.answers.engines)
        if report.left_out:
            self._widgets.banner.show_problem(_why_other_engines(self._session.answers.engines))

    def _on_model_failed(self, slot: Slot, sentence: str) -> None:
        self._failed.add(slot)
        if self._failed.issuperset(STUDENTS):
            # The picture goes on, and nobody will name what is in it.
            self._forget_label()

    def _forget_label(self) -> None:
        self._shown = None
        self._widgets.video.show_caption(None)

    def _waiting_text(self) -> str:
        if self._session.source is None:
            return "no video yet"
        if self._session.state is State.FAILED:
            return "no signal" if self._session.wants_live else "no video"
        return "no signal" if self._no_signal is not None else "warming up"

    # -- source and state ----------------------------------------------------------------------

    def _on_source(self, info: SourceInfo) -> None:
        widgets = self._widgets
        widgets.latency.clear()
        widgets.video.clear()
        self._no_signal = None
        widgets.transport.show_source(info)
        widgets.banner.source_changed()

    def _on_state(self, state: State) -> None:
        widgets = self._widgets
        source = self._session.source
        widgets.pill.show_state(state, self._session.wants_live)
        widgets.transport_actions.show_state(state, source)
        widgets.video.show_mark(_MARKS.get(state, "none"))
        waiting_for_first = source is None and state is State.OPENING
        if state is State.FAILED:
            headline = "No signal" if self._session.wants_live else "Cannot be played"
            widgets.video.show_no_signal((headline, "Press Space to try again."))
            self._forget_label()
            self._show_waiting()
        elif waiting_for_first:
            widgets.video.show_no_signal(("Opening…", "Waiting for the first picture."))
        else:
            self._show_signal()
        widgets.stage.setCurrentWidget(widgets.welcome if state is State.IDLE else widgets.video)
        if self._shown is None and widgets.video.picture is not None:
            self._explain_missing_label(widgets.video.picture)
        self._refresh()

    def _on_signal(self, status: SourceStatus, waited_s: int) -> None:
        before, self._no_signal = self._no_signal, no_signal(status, waited_s)
        if self._shown is None and (before is None) != (self._no_signal is None):
            self._show_waiting()
        if self._session.state is State.PLAYING:
            self._show_signal()

    def _show_signal(self) -> None:
        """Grey the picture of a source that should be live and is not."""
        missing = self._no_signal if self._session.state is State.PLAYING else None
        self._widgets.video.show_no_signal(missing)
        self._widgets.pill.show_silence(missing is not None)

    # -- pictures and answers ------------------------------------------------------------------

    def _on_picture(self, picture: Picture) -> None:
        widgets = self._widgets
        widgets.video.show_picture(picture)
        widgets.transport.show_time(picture.frame.time_s)
        if self._shown is None:
            self._explain_missing_label(picture)

    def _explain_missing_label(self, picture: Picture) -> None:
        """Say over the picture why nothing is recognised yet."""
        video, models = self._widgets.video, self._session.answers.models
        if picture.filled >= picture.needed or self._failed.issuperset(STUDENTS):
            loading = self._session.answers.loading_models
            video.show_caption(
                Caption("loading models…", None, "", DARK.quiet) if loading else None
            )
        elif self._session.state is State.ENDED and models is not None:
            looked_at = f"{models.span_s:g} s" if models.span_s else f"{picture.needed} frames"
            explanation = f"The models look at {looked_at} at a time."
            video.show_caption(Caption("video too short", None, explanation, DARK.quiet))
        else:
            video.show_warming_up(picture.filled, picture.needed)

    def _on_restart(self, slots: tuple[Slot, ...]) -> None:
        self._forget_label()
        self._show_waiting(slots)

    def _show_waiting(self, slots: tuple[Slot, ...] = SLOTS) -> None:
        for slot in self._session.answers.engines.keys() & set(slots):
            self._widgets.panels[slot].show_waiting(self._waiting_text())

    def _on_answer(self, shown: Shown) -> None:
        self._widgets.latency.add(shown.answer)
        if shown.decisions.keys() == {"teacher"}:
            # It comes later than the students' answers and less often; the caption is theirs.
            self._show_predictions(shown)
            return
        self._shown = shown
        # A label that changed is shown at once; its percentage need not flicker. Of a frame that
        # rests no other answer follows.
        resting = self._session.state is not State.PLAYING
        due = resting or time.monotonic() - self._refreshed_s >= _REFRESH_S
        if due or _labels_of(shown) != self._painted:
            self._refresh()

    def _refresh(self) -> None:
        """Show the newest answer."""
        self._refreshed_s = time.monotonic()
        shown = self._shown
        self._painted = None if shown is None else _labels_of(shown)
        if shown is None:
            return
        self._show_predictions(shown)
        self._caption(shown)

    def _show_predictions(self, shown: Shown) -> None:
        for slot, prediction in shown.answer.predictions.items():
            self._widgets.panels[slot].show_answer(prediction, shown.decisions[slot])

    def _caption(self, shown: Shown) -> None:
        # The int8 student is the product; the fp32 twin speaks only where int8 cannot.
        slot = next((slot for slot in STUDENTS if slot in shown.decisions), None)
        models = self._session.answers.models
        if slot is None or models is None:
            self._widgets.video.show_caption(None)
            return
        decision, description = shown.decisions[slot], models.models[slot]
        truth = f"truth: {title_of(shown.truth)}" if shown.truth else ""
        if decision.class_index is not None:
            title = title_of(description.labels[decision.class_index])
            caption = Caption(title, round(decision.confidence, 2), description.title)
        else:
            caption = Caption("uncertain", None, description.title, DARK.quiet)
        self._widgets.video.show_caption(caption, truth)

    # -- twice a second ------------------------------------------------------------------------

    def _on_numbers(self, numbers: Numbers) -> None:
        widgets = self._widgets
        for slot, panel in widgets.panels.items():
            panel.show_numbers(numbers.models[slot])
        widgets.comparison.show_numbers(numbers)
        widgets.status.show_numbers(numbers)
        widgets.pill.show_fps(numbers.shown_fps)
        self._refresh()
        if not self._plot_timer.isActive():
            self._plot_timer.start()


def _labels_of(shown: Shown) -> Labels:
    """What the panels and the caption say, without how sure they are."""
    said = {slot: made.class_index for slot, made in shown.decisions.items()}
    return said, shown.truth


def _why_other_engines(engines: Mapping[Slot, EngineReport]) -> str:
    """Which models run on another engine than the preferred one, and why."""
    reasons: dict[str, None] = {}
    running: list[str] = []
    for slot, report in engines.items():
        if report.left_out:
            # Both models often have the same reason.
            reasons |= dict.fromkeys(result.problem or "" for result in report.left_out)
            running.append(f"{slot.upper()} runs on {engine_title(report.probed.engine)}")
    return " ".join([*reasons, f"{', '.join(running)}."])
