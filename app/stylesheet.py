"""Dresses the application in one of the themes: palette, stylesheet, title bars."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from app import theme
from app.theme import DARK, LIGHT, RADIUS, SMALL_PX, TEXT_PX, TITLE_PX, TONES, Colours


def dress(application: QApplication, chosen: Colours = DARK) -> None:
    """Give the whole application the colours of a theme; what is on the screen follows."""
    theme.use(chosen)
    base = application.font()
    base.setPixelSize(TEXT_PX)
    application.setFont(base)
    application.setPalette(palette(chosen))
    application.setStyleSheet(stylesheet(chosen))


def colours_of_system(application: QApplication) -> Colours:
    """What the system asks for; dark where it does not say."""
    light = application.styleHints().colorScheme() is Qt.ColorScheme.Light
    return LIGHT if light else DARK


def palette(colours: Colours) -> QPalette:
    """The colours as Qt's own widgets know them."""
    role = QPalette.ColorRole
    made = QPalette()
    for name, colour in {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.card,
        role.AlternateBase: colours.raised,
        role.Text: colours.text,
        role.PlaceholderText: colours.quiet,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.window,
        role.Link: colours.accent,
    }.items():
        made.setColor(name, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for name in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(disabled, name, QColor(colours.disabled))
    return made


def stylesheet(c: Colours) -> str:
    """Everything that a palette cannot say."""
    return _frames(c) + _tones(c) + _controls(c) + _docks(c)


def _tones(c: Colours) -> str:
    rules = [f'QLabel[tone="{tone}"] {{ color: {c.of(tone)}; }}' for tone in TONES]
    for tone in TONES:
        ground = QColor(c.of(tone))
        tint = f"rgba({ground.red()}, {ground.green()}, {ground.blue()}, 28)"
        rules.append(
            f'QLabel[pill="{tone}"] {{ color: {c.of(tone)}; background: {tint};'
            " padding: 5px 12px; border-radius: 13px; }"
        )
    return "\n".join(rules)


def _frames(c: Colours) -> str:
    return f"""
    QToolTip {{
        background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 5px;
    }}
    QLabel[role="quiet"] {{ color: {c.quiet}; font-size: {SMALL_PX}px; }}
    QLabel[role="title"] {{ font-size: {TITLE_PX}px; font-weight: bold; }}
    QLabel[role="brand"] {{ font-size: 18px; font-weight: bold; }}
    QLabel[role="warning"] {{ color: {c.warning}; font-size: {SMALL_PX}px; }}
    QFrame[role="card"] {{
        background: {c.card}; border: 1px solid {c.line}; border-radius: {RADIUS}px;
    }}
    QFrame[role="bar"] {{ background: {c.card}; border: 0; }}
    QFrame[role="banner"] {{
        background: {c.bad_ground}; border: 1px solid {c.bad}; border-radius: {RADIUS}px;
    }}
    QFrame[role="notice"] {{
        background: {c.notice_ground}; border: 1px solid {c.warning}; border-radius: {RADIUS}px;
    }}
    QFrame[role="sheet"] {{
        background: {c.raised}; border: 1px solid {c.accent}; border-radius: {RADIUS}px;
    }}
    """


def _controls(c: Colours) -> str:
    hover = QColor(c.accent).lighter(115).name()
    return f"""
    QToolButton {{
        background: transparent; color: {c.text}; border: 1px solid transparent;
        border-radius: 6px; padding: 6px 10px;
    }}
    /* Beside text Qt itself leaves room on the right. */
    QToolButton[wide="true"] {{ padding-right: 0px; }}
    QToolButton:hover {{ background: {c.raised}; border-color: {c.line}; }}
    QToolButton:pressed, QToolButton:checked {{ background: {c.raised}; border-color: {c.accent}; }}
    QToolButton:focus {{ border-color: {c.accent}; }}
    QToolButton:disabled {{ color: {c.disabled}; }}
    QToolButton[role="primary"] {{
        background: {c.accent}; color: {c.window}; font-weight: bold; padding: 10px 6px 10px 18px;
    }}
    QToolButton[role="primary"]:hover {{ background: {hover}; }}
    QToolButton[role="primary"]:focus {{ border-color: {c.text}; }}
    QToolButton[role="primary"]:disabled {{ background: {c.raised}; color: {c.disabled}; }}
    QToolButton[role="secondary"] {{
        background: {c.raised}; border-color: {c.line}; padding: 10px 6px 10px 18px;
    }}
    QToolButton[role="secondary"]:hover, QToolButton[role="secondary"]:focus {{
        border-color: {c.accent};
    }}
    QToolButton[role="narrow"] {{ padding: 6px 5px; }}
    QToolButton[role="secondary-small"] {{
        background: {c.raised}; border-color: {c.line}; padding: 3px 4px 3px 10px;
    }}
    QToolButton[role="secondary-small"]:focus, QToolButton[role="secondary-small"]:hover {{
        border-color: {c.accent};
    }}
    QToolButton[role="small"] {{ padding: 1px; border-radius: 4px; }}
    QToolButton[bare="true"] {{ padding-left: 12px; padding-right: 12px; }}
    QMenu {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 6px; }}
    QMenu::icon {{ left: 8px; }}
    QTreeView {{ border: 0; outline: 0; }}
    QTreeView::item {{ padding: 4px 14px 4px 2px; }}
    QTreeView::item:selected {{ background: {c.accent}; color: {c.window}; }}
    QMenu::item {{ padding: 7px 26px 7px 14px; border-radius: 5px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.window}; }}
    QMenu::item:disabled {{ color: {c.quiet}; }}
    QMenu::separator {{ height: 1px; background: {c.line}; margin: 6px 8px; }}
    QHeaderView::section {{
        background: {c.card}; color: {c.quiet}; border: 0; border-bottom: 1px solid {c.line};
        padding: 4px 5px; font-size: {SMALL_PX}px;
    }}
    QHeaderView::down-arrow, QHeaderView::up-arrow {{ subcontrol-position: top center; }}
    QTableView {{
        background: {c.card}; border: 0; gridline-color: {c.line};
        alternate-background-color: {c.window};
        selection-background-color: {c.raised}; selection-color: {c.text};
    }}
    """


def _docks(c: Colours) -> str:
    return f"""
    QFrame[role="dock-head"] {{
        background: {c.card}; border: 1px solid {c.line}; border-bottom: 0;
        border-top-left-radius: {RADIUS}px; border-top-right-radius: {RADIUS}px;
    }}
    QFrame[role="dock-body"] {{
        background: {c.card}; border: 1px solid {c.line}; border-top: 0;
        border-bottom-left-radius: {RADIUS}px; border-bottom-right-radius: {RADIUS}px;
    }}
    QMainWindow::separator {{ background: {c.window}; width: 8px; height: 8px; }}
    QMainWindow::separator:hover {{ background: {c.line}; }}
    QTabBar::tab {{
        background: {c.window}; color: {c.quiet}; padding: 5px 12px; border: 0;
        border-bottom: 2px solid transparent;
    }}
    QTabBar::tab:selected {{ color: {c.text}; border-bottom-color: {c.accent}; }}
    QTabBar::tab:hover {{ color: {c.text}; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: {c.line}; border-radius: 4px; min-height: 24px;
        min-width: 24px; }}
    QScrollBar::handle:hover {{ background: {c.quiet}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """
