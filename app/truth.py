"""The annotated activity at each frame of a video, where an annotation file is given."""

from __future__ import annotations

from pathlib import Path

from core.annotations import label_frames, read_annotations
from core.errors import AnnotationError


def truth_of_video(
    annotations: Path | None, source: Path, labels: tuple[str, ...], frames: int
) -> list[str | None] | None:
    """Activity (or None where unlabelled) at each of `frames` frames; None without annotations.

    A CSV usually covers many runs; the one whose file_id ends the video's path is taken, or the
    only one there is.

    Raises:
        AnnotationError: the file cannot be used, or covers several runs and none is this video.
    """
    if annotations is None:
        return None
    table = read_annotations(annotations, labels)
    stem = source.with_suffix("").as_posix()
    matching = [file_id for file_id in table.file_ids if f"/{stem}".endswith(f"/{file_id}")]
    if not matching and len(table.file_ids) == 1:
        matching = list(table.file_ids)
    if not matching:
        raise AnnotationError(
            f"{annotations} annotates {len(table.file_ids)} runs, none of them {source.name}; "
            "give the CSV of the same view and run."
        )
    return label_frames(table.of_run(matching[0]), frames)
