"""The annotated activity at each frame of a video, where an annotation file is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.annotations import label_frames, read_annotations
from core.errors import AnnotationError

# Nine hours at 30 frames a second: a number in a file shall not fill the memory.
_MOST_FRAMES = 1_000_000


def truth_of_video(
    annotations: Path | None,
    source: Path,
    labels: tuple[str, ...],
    remark: Callable[[str], object] = lambda sentence: None,
) -> list[str | None] | None:
    """Activity (or None where unlabelled) at each frame up to the last labelled one.

    None without annotations. How many frames a video has its container may only estimate, so that
    is not asked. `remark` is told in a sentence of rows that had to be left out.

    A CSV usually covers many runs; the one whose file_id ends the video's path is taken, or the
    only one there is.

    Raises:
        AnnotationError: the file cannot be used, has no row of these activities, or covers several
            runs and none is this video.
    """
    if annotations is None:
        return None
    table = read_annotations(annotations, labels)
    if not table.chunks:
        why = table.problems[0] if table.problems else "its activities are not among the model's"
        raise AnnotationError(f"{annotations} has no row that can be used: {why}.")
    if table.problems:
        count = len(table.problems)
        rows = "One row is" if count == 1 else f"{count} rows are"
        remark(f"{rows} left out of the truth; the first: {table.problems[0]}.")
    stem = source.absolute().with_suffix("").as_posix()
    matching = [file_id for file_id in table.file_ids if stem.endswith(f"/{file_id}")]
    if not matching and len(table.file_ids) == 1:
        matching = list(table.file_ids)
    if not matching:
        raise AnnotationError(
            f"{annotations} annotates {len(table.file_ids)} runs, none of them {source.name}; "
            "give the CSV of the same view and run."
        )
    chunks = table.of_run(matching[0])
    frames = min(max(chunk.frame_end for chunk in chunks), _MOST_FRAMES)
    return label_frames(chunks, frames)
