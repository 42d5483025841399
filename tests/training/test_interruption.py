from __future__ import annotations

import os
import signal
import threading

import pytest

from training.interruption import StopRequest


def press(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_old_handlers_come_back(number: int, capfd) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest() as stop:
        assert not stop.asked
        press(number)
        assert stop.asked
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert capfd.readouterr().err.count("\n") == 1


def test_only_a_later_ctrl_c_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [50.0]
    monkeypatch.setattr("training.interruption.time.monotonic", lambda: now_s[0])
    with StopRequest() as stop:
        press(signal.SIGINT)
        now_s[0] += 0.2
        press(signal.SIGINT)  # torchrun passes on what came already
        now_s[0] += 5.0
        press(signal.SIGTERM)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            press(signal.SIGINT)


def test_other_threads_leave_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def elsewhere() -> None:
        with StopRequest() as stop:
            seen.extend((signal.getsignal(signal.SIGINT), stop.asked))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before, False]


def test_a_request_reaches_the_context_around_it() -> None:
    """A run that ends while it is asked to stop must not let the next one begin."""
    with StopRequest() as around:
        with StopRequest() as inner:
            os.kill(os.getpid(), signal.SIGINT)
        assert inner.asked
        assert around.asked
    with StopRequest() as around, StopRequest():
        pass
    assert not around.asked
