"""`incab demo`: the bundled clip in the window, or as a picture where there is no screen."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from app import resources
from app.commands.common import EXIT_DONE
from app.commands.replay import Replay
from app.commands.window import Window
from app.ending import EndNow
from app.machine import has_display

_PICTURE = Path("build/demo.png")
_PICTURE_AFTER_S = 43.0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Open the window on the bundled clip; without a screen replay it and draw the window.

    The clip shows a synthetic person whom the bundled models never saw in training.
    """

    picture: Path = _PICTURE
    """Where the picture of the window goes when there is no screen."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self) -> int:
        window = Window(source=str(resources.DEMO_CLIP), annotations=resources.DEMO_ANNOTATIONS)
        if has_screen():
            return window.run()
        print("There is no screen here: replaying the demonstration clip instead.\n")
        Replay(source=resources.DEMO_CLIP, annotations=resources.DEMO_ANNOTATIONS).run()
        from app.snapshot import render_snapshot

        self.picture.parent.mkdir(parents=True, exist_ok=True)
        render_snapshot(window.options(), self.picture, _PICTURE_AFTER_S)
        print(f"\nThis is what the window shows: {self.picture}")
        raise EndNow(EXIT_DONE)


def has_screen() -> bool:
    """Whether a window could be seen."""
    if sys.platform == "linux" and os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    return has_display()
