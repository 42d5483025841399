"""How much a session file may hold: a reader refuses more, a recording goes on in another file.

The reader's limits bound the memory and time that a hostile file can take. Those of a recording lie
far below, so that what was recorded is also read in seconds.
"""

from __future__ import annotations

# 46 hours at 30 clips a second.
MOST_CLIPS = 5_000_000
MOST_MODELS = 64
MOST_EVENTS = 200_000
# Two weeks of two models at 30 clips a second.
LARGEST_BYTES = 8 * 2**30
MOST_EVENT_LETTERS = 2000

# Nine hours at 30 clips a second.
CLIPS_A_FILE = 1_000_000
MODELS_A_FILE = MOST_MODELS // 2
EVENTS_A_FILE = MOST_EVENTS // 2
BYTES_A_FILE = 2 * 2**30
