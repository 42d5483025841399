"""What whoever answers clips says to the session: models that run, or a recording of them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Answering(QObject):
    """The words of app.inference, app.lineup and app.recording.recorded_models."""

    described = Signal(object)  # Models; first of all, and again whenever the models changed
    trying = Signal(str)  # an engine runs in a child process for the first time on this CPU
    ready = Signal(str, object)  # slot whose engine has proved itself, EngineReport
    faulted = Signal(str, object)  # slot, Fault; something is done about it
    stalled = Signal(object)  # Stall; once a second while clips wait in vain
    failed = Signal(str, str)  # slot, sentence; for good, unless the choice is made again
    idle = Signal()  # every model runs or has failed
    changing = Signal(object)  # ModelChoice that is being made ready; None when that is over
    refused = Signal(str)  # why that choice cannot be used; the present one goes on
