"""Videos are found by name: what lies in them does not matter here."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.driveact import STREAM_SUFFIX, find_video, find_videos
from core.errors import DataError


@pytest.mark.parametrize(
    "file_id",
    ["vp1/../../secret", "/vp1/run", "vp1/run\0", "vp1/..", "run1", "", "vp1/" + "ä" * 200],
)
def test_a_file_id_never_leads_out_of_the_dataset(tmp_path: Path, file_id: str) -> None:
    with pytest.raises(DataError):
        find_video(tmp_path, "inner_mirror", file_id)


def test_of_two_endings_mp4_is_read(tmp_path: Path) -> None:
    for ending in (".avi", ".mp4"):
        path = (tmp_path / "inner_mirror/vp1/run1.ids_1").with_suffix(f".ids_1{ending}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert find_video(tmp_path, "inner_mirror", "vp1/run1.ids_1").suffix == ".mp4"
    problems: list[str] = []
    ((file_id, found),) = find_videos(tmp_path, "inner_mirror", problems)
    assert (file_id, found.suffix, problems) == ("vp1/run1.ids_1", ".mp4", [])


def test_every_view_has_its_stream() -> None:
    assert len(set(STREAM_SUFFIX.values())) == len(STREAM_SUFFIX) == 8
