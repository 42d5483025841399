"""Drive&Act as it lies on disk: where its videos and annotation files are.

<root>/<view>/vp<N>/<run>.<stream>.mp4      full size, or already reduced, also as .avi
<root>/activities_3s/<view>/<level>.chunks_90.csv
<root>/activities_3s/<view>/<level>.chunks_90.split_<0-2>.<train|val|test>.csv
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import DataError

# Views in the order in which they are listed, each with the stream its files are named after.
STREAM_SUFFIX = {
    "inner_mirror": "ids_1",
    "a_column_co_driver": "ids_2",
    "ceiling": "ids_3",
    "steering_wheel": "ids_4",
    "a_column_driver": "ids_5",
    "kinect_color": "kinect_color",
    "kinect_ir": "kinect_ir",
    "kinect_depth": "kinect_depth",
}
LEVELS = ("midlevel", "tasklevel", "objectlevel")
SPLITS = (0, 1, 2)
SUBSETS = ("train", "val", "test")
VIDEO_ENDINGS = (".mp4", ".avi")

# The archive's own folder may have been kept when it was unpacked.
_ANNOTATION_FOLDERS = (
    "activities_3s",
    "iccv_activities_3s/activities_3s",
    "iccv_activities_3s",
)
# A file_id becomes part of a path, which must not lead out of the dataset.
_FILE_ID = re.compile(r"vp(\d{1,6})/([^/\\:\x00-\x1f]{1,200})")


def annotation_folder(root: Path, view: str) -> Path:
    """Where the CSVs of a view lie, or would lie if there were any."""
    folders = [root / name / view for name in _ANNOTATION_FOLDERS]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def annotation_path(
    root: Path, view: str, level: str, split: int | None = None, subset: str = ""
) -> Path:
    """The CSV of one level, of everything or of one subset of one split; it need not exist."""
    part = "" if split is None else f".split_{split}.{subset}"
    return annotation_folder(root, view) / f"{level}.chunks_90{part}.csv"


def find_video(root: Path, view: str, file_id: str) -> Path:
    """The video of one run, full size or already reduced.

    Raises:
        DataError: it is not there, or `file_id` is no vp<N>/<run>; names where it was looked for.
    """
    if _FILE_ID.fullmatch(file_id) is None or file_id.endswith("/.."):
        raise DataError(f"The file_id '{file_id[:80]}' is not vp<N>/<run>; mend it in the CSV.")
    for ending in VIDEO_ENDINGS:
        path = root / view / f"{file_id}{ending}"
        try:
            if path.is_file():
                return path
        except OSError as error:
            raise DataError(f"{path} cannot be looked up: {error.strerror}.") from error
    raise DataError(f"The video {root / view / file_id}.mp4 is missing (.avi neither).")


def person_of(file_id: str) -> int:
    """N of vp<N>/<run>; -1 where the name is another."""
    match = _FILE_ID.fullmatch(file_id)
    return int(match[1]) if match else -1


def find_videos(root: Path, view: str, problems: list[str]) -> Iterator[tuple[str, Path]]:
    """(file_id, path) of every video of a view; of two endings the one that is used."""
    folder = root / view
    for path in sorted(folder.glob("vp*/*")):
        if path.suffix not in VIDEO_ENDINGS or not path.is_file():
            continue
        file_id = path.relative_to(folder).with_suffix("").as_posix()
        if _FILE_ID.fullmatch(file_id) is None:
            problems.append(f"{path} does not lie in a folder vp<N>.")
        elif not path.stem.endswith(f".{STREAM_SUFFIX[view]}"):
            problems.append(f"{path} is not named <run>.{STREAM_SUFFIX[view]}{path.suffix}.")
        elif path == find_video(root, view, file_id):
            yield file_id, path
