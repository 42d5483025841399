"""Swaps the models that are compared, on request, while the video plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject

from app.messages import Models, Slot
from app.model_choice import ModelChoice
from app.recording.in_use import being_recorded
from app.session import Session
from app.widgets.banner import Banner
from app.widgets.model_chooser import ModelChooser
from core.errors import ModelFileError
from core.modelfile import kind_and_family

MODEL_ENDING = ".safetensors"
TEACHER_FAMILY = "i3d"
KEYS = (("M", "Choose the models to compare, a teacher beside them, and their engines"),)


class ModelPresenter(QObject):
    """Connects the chooser with the session, and takes model files that are dropped."""

    def __init__(
        self, session: Session, chooser: ModelChooser, banner: Banner, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._chooser = chooser
        self._banner = banner
        chooser.show_choice(session.answers.choice)
        chooser.chosen.connect(self._choose)
        session.answers.models_changing.connect(self._on_changing)
        session.answers.models_refused.connect(self._on_refused)
        session.answers.models_described.connect(self._on_described)
        session.answers.teacher_changed.connect(self._on_described)

    def _choose(self, choice: ModelChoice) -> None:
        for path in choice.paths.values():
            if being_recorded(path):
                self._on_refused(f"{path} is a recording; choose a model file.")
                return
        self._session.answers.set_models(choice)

    def drop(self, path: Path, slot: Slot | None) -> None:
        """Use a model file in one place; without one in the place of its kind."""
        if slot is None:
            try:
                slot = _place_of(path)
            except ModelFileError as error:
                self._banner.show_problem(str(error))
                return
        choice = self._session.answers.choice
        self._session.answers.set_models(replace(choice, paths={**choice.paths, slot: path}))

    def _on_changing(self, choice: ModelChoice | None) -> None:
        if choice is None:
            self._chooser.show_state("", busy=False)
            return
        models = self._session.answers.models
        now = {} if models is None else {s: m.file_name for s, m in models.models.items()}
        # Those that stay the same need not be made ready; after a failure all are the same.
        others = [slot for slot in choice.paths if choice.paths[slot].name != now.get(slot)]
        names = " and ".join(choice.paths[slot].name for slot in others or choice.paths)
        self._chooser.show_choice(choice)
        self._chooser.show_state(f"Making {names} ready; the present models go on.", busy=True)

    def _on_refused(self, sentence: str) -> None:
        self._chooser.show_state(sentence, problem=True)
        self._banner.show_problem(sentence)

    def _on_described(self, models: Models) -> None:
        self._chooser.show_choice(self._session.answers.choice)


def _place_of(path: Path) -> Slot:
    """Where a model belongs by its file: a network of another family than the students teaches.

    Raises:
        ModelFileError: the file cannot be read or is no model.
    """
    kind, family = kind_and_family(path)
    if kind == "int8":
        return "int8"
    return "teacher" if family == TEACHER_FAMILY else "fp32"
