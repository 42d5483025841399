"""Notices when an activity lasts longer than a rule allows, and logs it."""

from __future__ import annotations

import logging
from datetime import datetime

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from app.alerts import default_rules
from app.messages import STUDENTS, Models, Shown
from app.session import Session
from app.settings import Settings
from app.widgets.alert_panel import AlertPanel
from app.widgets.banner import Banner
from app.widgets.timeline_paint import clock_time
from core.activities import title_of
from core.alerts import Alert, AlertMonitor, AlertRule

_log = logging.getLogger(__name__)


class AlertPresenter(QObject):
    """Watches the steady label of the int8 student, or of fp32 where int8 does not run."""

    raised = Signal(object)  # Alert

    def __init__(
        self,
        session: Session,
        panel: AlertPanel,
        banner: Banner,
        settings: Settings,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._panel = panel
        self._banner = banner
        self._settings = settings
        self._monitor = AlertMonitor()
        panel.rules_changed.connect(self._on_rules)
        panel.sound_changed.connect(self._on_sound)
        panel.defaults_wanted.connect(self._on_defaults)
        session.answers.models_described.connect(self._on_models)
        session.answers.answered.connect(self._on_answer)
        session.answers.restarted.connect(self._monitor.reset)
        self.show()

    def show(self) -> None:
        """Take what the settings say."""
        self._monitor.watch(self._settings.alert_rules)
        self._panel.show_rules(self._settings.alert_rules)
        self._panel.sound.setChecked(self._settings.alert_sound)

    def _on_rules(self, rules: tuple[AlertRule, ...]) -> None:
        self._settings.alert_rules = rules
        self._monitor.watch(rules)

    def _on_sound(self, sound: bool) -> None:
        self._settings.alert_sound = sound

    def _on_defaults(self) -> None:
        self._settings.alert_rules = default_rules()
        self.show()

    def _on_models(self, models: Models) -> None:
        labels = next((description.labels for description in models.models.values()), ())
        self._panel.show_labels(labels)

    def _on_answer(self, shown: Shown) -> None:
        models = self._session.answers.models
        slot = next((slot for slot in STUDENTS if slot in shown.decisions), None)
        if slot is None or models is None:
            return
        index = shown.decisions[slot].class_index
        activity = None if index is None else models.models[slot].labels[index]
        for alert in self._monitor.update(shown.answer.offer.clip.time_s, activity):
            self._raise(alert)

    def _raise(self, alert: Alert) -> None:
        title = title_of(alert.rule.activity)
        what = f"{title} for more than {alert.rule.after_s:g} s"
        at = clock_time(alert.time_s)
        _log.info("alert: %s, at %s of the source", what, at)
        now = datetime.now().strftime("%H:%M:%S")
        self._panel.add_to_log(f"{now}  {title}, {alert.rule.after_s:g} s  (at {at})")
        self._banner.show_notice(f"{title[0].upper()}{what[1:]}")
        if self._settings.alert_sound:
            QApplication.beep()
        self.raised.emit(alert)
