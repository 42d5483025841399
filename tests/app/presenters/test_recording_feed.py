"""What is put into a recording, and by which clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.messages import Shown
from app.presenters.recording_feed import RecordingFeed
from app.recording.records import ClipRecord, CountersRecord, ModelRecord, Record


def test_clips_are_captured_by_the_wall_clock_after_the_machine_slept_too(
    qtbot: QtBot, make_window: Callable[..., MainWindow], videos: Path
) -> None:
    window = make_window(source=str(videos / "long.mp4"))
    session = window.session
    qtbot.waitUntil(lambda: len(session.answers.engines) == 2, timeout=20_000)
    records: list[Record] = []
    shown: list[Shown] = []
    # Each answer is 40 ms old; after the third one the machine sleeps for an hour.
    slept_s = itertools.chain((0, 0, 0), itertools.repeat(3600))
    feed = RecordingFeed(
        session,
        records.append,
        window,
        capture_clock_s=lambda: shown[-1].answer.offer.captured_s + 0.04,
        unix_s=lambda: 1.8e9 + shown[-1].answer.offer.captured_s + 0.04 + next(slept_s),
    )
    # Before the feed hears of an answer.
    session.answers.answered.disconnect(feed._on_answer)
    session.answers.answered.connect(shown.append)
    session.answers.answered.connect(feed._on_answer)
    feed.begin()
    qtbot.waitUntil(lambda: len(shown) >= 6, timeout=20_000)
    feed.end()
    count = len(shown)
    clips = [record for record in records if isinstance(record, ClipRecord)]
    offsets_s = [
        record.captured_unix_s - one.answer.offer.captured_s
        for record, one in zip(clips, shown, strict=True)
    ]
    assert [round(offset_s - 1.8e9) for offset_s in offsets_s] == [0] * 3 + [3600] * (count - 3)
    # It begins with what answers and ends with how often what was missed.
    assert {record.slot for record in records[:2] if isinstance(record, ModelRecord)} == {
        "int8",
        "fp32",
    }
    assert isinstance(records[-1], CountersRecord)
