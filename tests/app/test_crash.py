from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.crash import CrashReporter


@pytest.fixture
def reporter(qtbot: QtBot) -> Iterator[CrashReporter]:
    before = (sys.excepthook, threading.excepthook)
    made = CrashReporter()
    made.install()
    yield made
    made.uninstall()
    assert (sys.excepthook, threading.excepthook) == before


def report(reporter: CrashReporter, error: BaseException) -> None:
    sys.excepthook(type(error), error, None)


def test_the_unforeseen_is_told_and_logged(
    qtbot: QtBot, reporter: CrashReporter, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL), qtbot.waitSignal(reporter.crashed) as crashed:
        report(reporter, ValueError("seven is no colour\nsecond line"))
    assert "ValueError: seven is no colour)" in crashed.args[0]
    assert "seven is no colour" in caplog.text


def test_so_is_what_fails_in_a_thread(qtbot: QtBot, reporter: CrashReporter) -> None:
    def fail() -> None:
        raise RuntimeError("in a thread")

    thread = threading.Thread(target=fail)
    with qtbot.waitSignal(reporter.crashed) as crashed:
        thread.start()
        thread.join()
    assert "RuntimeError: in a thread" in crashed.args[0]


def test_an_error_without_words_is_told_too(qtbot: QtBot, reporter: CrashReporter) -> None:
    with qtbot.waitSignal(reporter.crashed) as crashed:
        report(reporter, KeyError())
    assert "KeyError" in crashed.args[0]


def test_a_keyboard_interrupt_stays_what_it_is(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: seen.append(kind))
    made = CrashReporter()
    made.install()
    with qtbot.assertNotEmitted(made.crashed):
        report(made, KeyboardInterrupt())
    made.uninstall()
    assert seen == [KeyboardInterrupt]
