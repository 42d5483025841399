"""Which activities are noticed after how long, and what was noticed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QListWidget,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.widgets.controls import Button, label, plain_tip
from app.widgets.icons import icon
from core.activities import title_of
from core.alerts import LONGEST_AFTER_S, AlertRule

_MOST_LOGGED = 200
_NEW_AFTER_S = 5.0


class AlertPanel(QWidget):
    """The rules above, each in a row of its own; the log below, newest first."""

    rules_changed = Signal(object)  # tuple[AlertRule, ...]
    sound_changed = Signal(bool)
    defaults_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Alerts")
        self.setMinimumWidth(320)
        self._labels: tuple[str, ...] = ()
        self.rows: list[_RuleRow] = []
        self.add = QAction(icon("add"), "Add rule", self)
        self.add.setToolTip("Notice one activity more")
        self.add.triggered.connect(self._add_rule)
        self.defaults = QAction("Defaults", self)
        self.defaults.setToolTip("Back to the rules InCab comes with")
        self.defaults.triggered.connect(self.defaults_wanted)
        self.sound = QCheckBox("Sound")
        self.sound.setToolTip("Let the system beep at each alert")
        self.sound.setAccessibleName("Sound at each alert")
        self.sound.toggled.connect(self.sound_changed)
        self.log = QListWidget()
        self.log.setAccessibleName("Alerts so far, newest first")
        self.log.setFrameShape(QListWidget.Shape.NoFrame)
        self.log.setWordWrap(True)
        self.log.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._empty = label("No alert yet.", "quiet")

        inner = QWidget()
        self._rules = QVBoxLayout(inner)
        self._rules.setContentsMargins(0, 0, 0, 0)
        self._rules.setSpacing(4)
        self._rules.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # The card shows through.
        inner.setAutoFillBackground(False)
        scroll.viewport().setAutoFillBackground(False)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setAccessibleName("Alert rules")
        buttons = QHBoxLayout()
        buttons.addWidget(Button(self.add, text=True))
        buttons.addWidget(Button(self.defaults, text=True, role="secondary-small"))
        buttons.addStretch()
        buttons.addWidget(self.sound)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 6, 10, 10)
        layout.setSpacing(6)
        layout.addWidget(label("Notice when the INT8 label stays longer than", "quiet"))
        layout.addWidget(scroll, 3)
        layout.addLayout(buttons)
        layout.addWidget(self._empty)
        layout.addWidget(self.log, 2)
        self.log.hide()

    def sizeHint(self) -> QSize:
        return QSize(350, 340)

    def show_labels(self, labels: Sequence[str]) -> None:
        """Let the rules choose among these activities."""
        if tuple(labels) != self._labels:
            self._labels = tuple(labels)
            self.show_rules(self.rules)

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        """The rules as they stand."""
        return tuple(row.rule for row in self.rows)

    def show_rules(self, rules: Sequence[AlertRule]) -> None:
        """Show these rules without saying that they changed."""
        for row in self.rows:
            self._rules.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        for rule in rules:
            self._append(rule)

    def _append(self, rule: AlertRule) -> None:
        row = _RuleRow(rule, self._labels)
        row.changed.connect(self._tell)
        row.removed.connect(lambda row=row: self._remove(row))
        self._rules.insertWidget(len(self.rows), row)
        self.rows.append(row)

    def _add_rule(self) -> None:
        used = {row.rule.activity for row in self.rows}
        fresh = next((name for name in self._labels if name not in used), None)
        if fresh is not None:
            self._append(AlertRule(fresh, _NEW_AFTER_S))
            self._tell()

    def _remove(self, row: _RuleRow) -> None:
        self.rows.remove(row)
        self._rules.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._tell()

    def _tell(self) -> None:
        self.rules_changed.emit(self.rules)

    def add_to_log(self, sentence: str) -> None:
        """One alert more; the oldest of many are dropped."""
        self._empty.hide()
        self.log.show()
        self.log.insertItem(0, sentence)
        while self.log.count() > _MOST_LOGGED:
            self.log.takeItem(self.log.count() - 1)


class _RuleRow(QWidget):
    changed = Signal()
    removed = Signal()

    def __init__(self, rule: AlertRule, labels: Sequence[str]) -> None:
        super().__init__()
        title = title_of(rule.activity)
        self.enabled = QCheckBox()
        self.enabled.setChecked(rule.enabled)
        self.enabled.setAccessibleName(f"Notice {title}")
        self.enabled.setToolTip("Whether this rule holds")
        self.activity = QComboBox()
        # A rule for an activity that these models do not know is kept for those that do.
        for name in labels if rule.activity in labels else (*labels, rule.activity):
            self.activity.addItem(title_of(name), name)
        self.activity.setCurrentIndex(self.activity.findData(rule.activity))
        self.activity.setAccessibleName("Activity")
        self.activity.setToolTip(plain_tip(title))
        self.activity.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.activity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.after = QDoubleSpinBox()
        self.after.setRange(0.0, LONGEST_AFTER_S)
        self.after.setDecimals(1)
        self.after.setSuffix(" s")
        self.after.setValue(rule.after_s)
        self.after.setKeyboardTracking(False)
        self.after.setFixedWidth(78)
        self.after.setAccessibleName(f"Longest time of {title}, seconds")
        self.remove = QAction(icon("close"), "Remove", self)
        self.remove.setToolTip(plain_tip(f"Remove the rule for {title}"))
        self.remove.triggered.connect(self.removed)
        button = Button(self.remove, role="small")
        button.setAccessibleName(f"Remove the rule for {title}")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.enabled)
        layout.addWidget(self.activity, 1)
        layout.addWidget(self.after)
        layout.addWidget(button)
        self.enabled.toggled.connect(lambda: self.changed.emit())
        self.activity.currentIndexChanged.connect(lambda: self.changed.emit())
        self.after.valueChanged.connect(lambda: self.changed.emit())

    @property
    def rule(self) -> AlertRule:
        """The rule as it stands."""
        return AlertRule(self.activity.currentData(), self.after.value(), self.enabled.isChecked())
