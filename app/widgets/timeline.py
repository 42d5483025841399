"""Strips over the whole source: the truth, what int8 says, what fp32 says, and the teacher."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.timeline_record import Moment, TimelineRecord
from app.timeline_zoom import Zoom
from app.widgets import timeline_paint as paint
from app.widgets.controls import plain_tip
from app.widgets.timeline_paint import TITLES, precise_time
from core.activities import title_of

_WHEEL_NOTCH = 120
_ZOOM_A_NOTCH = 0.8
_SCROLL_A_NOTCH = 0.12
_HINT = "The timeline fills while a video plays. A click on it then jumps there."


class Timeline(QWidget):
    """Paints a TimelineRecord; the newest moment is marked, a click or drag asks to go there."""

    seek_requested = Signal(float)  # seconds

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Timeline")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.zoomed = Zoom()
        self._record: TimelineRecord | None = None
        self._palette: paint.Palette | None = None
        self._now_s: float | None = None
        self._hovered_x: int | None = None
        self._dragging = False
        self._with_teacher = False

    def sizeHint(self) -> QSize:
        return QSize(800, 80 + 20 * self._extra_rows)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 66 + 18 * self._extra_rows)

    @property
    def _with_truth(self) -> bool:
        return self._record is not None and self._record.truth is not None

    @property
    def _extra_rows(self) -> int:
        return self._with_truth + self._with_teacher

    def show_teacher(self, present: bool) -> None:
        """Whether there is a strip for the teacher."""
        self._with_teacher = present
        self.updateGeometry()
        self.update()

    def show_record(self, record: TimelineRecord) -> None:
        """Show another record, which may go on growing; call refresh() when it did."""
        self._record = record
        self._palette = paint.Palette(record.labels)
        self._now_s = None
        self.zoomed.reset()
        self.updateGeometry()
        self.update()

    def refresh(self, now_s: float | None) -> None:
        """Paint what was added; `now_s` is the time of the picture on the screen."""
        if not self._dragging and now_s != self._now_s:
            self._now_s = now_s
            if now_s is not None and self._record is not None:
                # There may be pictures without answers where the container promised none.
                self._record.reach(now_s)
                self.zoomed.follow(self._record.window_s, now_s)
        self.update()

    # -- where things are ----------------------------------------------------------------------

    def strips(self) -> dict[str, QRect]:
        """Where each row is painted."""
        return paint.strips(self.width(), self.height(), self._with_truth, self._with_teacher)

    @property
    def shown_s(self) -> tuple[float, float]:
        """The times at the left and right edge of the strips."""
        return self.zoomed.of(self._record.window_s) if self._record is not None else (0.0, 1.0)

    def time_at(self, x: float) -> float:
        """The time that belongs to a horizontal position."""
        area, (start_s, end_s) = self.strips()["int8"], self.shown_s
        share = min(max((x - area.left()) / area.width(), 0.0), 1.0)
        return start_s + share * (end_s - start_s)

    # -- painting ------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.colours().card))
        rects, shown_s = self.strips(), self.shown_s
        area = rects["int8"]
        rows = self._record.columns(area.width(), shown_s) if self._record is not None else {}
        painter.setFont(theme.font(theme.SMALL_PX))
        colours = theme.colours()
        for name, rect in rects.items():
            if name == "differs":
                if name in rows:
                    paint.paint_differences(painter, rect, rows[name])
                continue
            paint.paint_strip(painter, rect, rows.get(name), self._palette)
            painter.setFont(theme.font(theme.SMALL_PX))
            painter.setPen(QColor(colours.quiet if name == "truth" else getattr(colours, name)))
            text = QRect(paint.EDGE, rect.top(), paint.NAMES_WIDTH, rect.height())
            painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter), TITLES[name])
        bottom = max(rect.bottom() for rect in rects.values())
        axis = QRect(area.left(), bottom + 3, area.width(), paint.AXIS_HEIGHT)
        if self._record is None:
            painter.setPen(QColor(colours.quiet))
            painter.drawText(axis, int(Qt.AlignmentFlag.AlignVCenter), _HINT)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint.paint_axis(painter, axis, shown_s)
        if not self.zoomed.whole:
            paint.paint_extent(painter, axis, shown_s, self._record.window_s)
        if self._hovered_x is not None:
            self._paint_line(painter, self._hovered_x, colours.quiet, 1)
        if self._now_s is not None and shown_s[0] <= self._now_s <= shown_s[1]:
            share = (self._now_s - shown_s[0]) / (shown_s[1] - shown_s[0])
            self._paint_line(
                painter, area.left() + round(share * (area.width() - 1)), colours.text, 2
            )

    def _paint_line(self, painter: QPainter, x: int, colour: str, width: int) -> None:
        rects = self.strips()
        top = min(rect.top() for rect in rects.values()) - 3
        height = max(rect.bottom() for rect in rects.values()) + 3 - top
        painter.fillRect(QRect(x - width // 2, top, width, height), QColor(colour))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._record is not None:
            self._palette = paint.Palette(self._record.labels)

    # -- mouse ---------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self._can_seek():
            self._dragging = True
            self._seek(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hovered_x = round(event.position().x())
        if self._dragging:
            self._seek(event.position().x())
        if self._record is not None:
            words = plain_tip(self.describe_at(self._hovered_x))
            QToolTip.showText(event.globalPosition().toPoint() + QPoint(0, 12), words, self)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered_x = None
        self.update()
        super().leaveEvent(event)

    def _can_seek(self) -> bool:
        return self._record is not None and not self._record.live

    def _seek(self, x: float) -> None:
        time_s = self.time_at(x)
        # The mark goes at once; the picture follows.
        self._now_s = time_s
        self.seek_requested.emit(time_s)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel zooms around the pointer; sideways or with Shift it scrolls."""
        if self._record is None:
            return
        sideways, upright = event.angleDelta().x(), event.angleDelta().y()
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            notches = (sideways or upright) / _WHEEL_NOTCH
            self.zoomed.scroll(self._record.window_s, -notches * _SCROLL_A_NOTCH)
        else:
            at_s = self.time_at(event.position().x())
            self.zoomed.zoom(self._record.window_s, at_s, _ZOOM_A_NOTCH ** (upright / _WHEEL_NOTCH))
        event.accept()
        self.update()

    def zoom_by(self, factor: float) -> None:
        """Zoom around the present moment, or the middle when it is not shown."""
        if self._record is None:
            return
        start_s, end_s = self.shown_s
        now_s = self._now_s
        inside = now_s is not None and start_s <= now_s <= end_s
        self.zoomed.zoom(self._record.window_s, now_s if inside else (start_s + end_s) / 2, factor)
        self.update()

    # -- words ---------------------------------------------------------------------------------

    def describe_at(self, x: int) -> str:
        """What is known of the moment at a horizontal position, for the tooltip."""
        if self._record is None:
            return ""
        start_s, end_s = self.shown_s
        column_s = (end_s - start_s) / self.strips()["int8"].width()
        return in_words(self._record.moment(self.time_at(x), column_s))


def in_words(moment: Moment) -> str:
    """A moment in lines: its time, the truth, and what each model holds most probable."""
    lines = [precise_time(moment.time_s)]
    if moment.truth is not None:
        lines.append(f"truth: {title_of(moment.truth)}")
    for slot, top in moment.answers.items():
        named = (
            title_of(name) if share is None else f"{title_of(name)} {share * 100:.0f} %"
            for name, share in top
        )
        lines.append(f"{TITLES[slot]}: {' · '.join(named)}")
    if not moment.answers:
        lines.append("not answered yet")
    return "\n".join(lines)
