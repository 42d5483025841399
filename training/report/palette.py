"""Colours of the report, light and dark, as CSS variables that the page and its drawings share."""

from __future__ import annotations

# Variable, light, dark. Text colours keep 4.5:1 on `ground` and `card`.
_COLOURS = (
    ("ground", "#eef1f5", "#0c1016"),
    ("card", "#ffffff", "#141a23"),
    ("raised", "#f3f6f9", "#1a222d"),
    ("line", "#d3dae3", "#2b3645"),
    ("text", "#121923", "#edf2f8"),
    ("quiet", "#53606f", "#a7b4c5"),
    ("accent", "#0a58b4", "#5aa9ff"),
    ("good", "#0a6537", "#4ade9b"),
    ("bad", "#ac1f1a", "#ff8080"),
    ("open", "#874900", "#ffbf5e"),
    ("cell", "#0b3d82", "#7fbcff"),
    ("i3d", "#0a58b4", "#5aa9ff"),
    ("mobilenet3d", "#53606f", "#b4c0cf"),
    ("kd", "#854a00", "#f6b758"),
    ("quantization", "#7a3ea8", "#c9a0f2"),
    ("qd", "#00665c", "#2fd6c0"),
    ("kd_post_training", "#a83a5b", "#ff93b3"),
)


def variables(selector: str) -> str:
    """CSS that defines every colour for `selector`, as the reader's system prefers it."""
    light, dark = ("".join(f"--{row[0]}:{row[column]};" for row in _COLOURS) for column in (1, 2))
    return (
        f"{selector}{{{light}color-scheme:light dark}}\n"
        f"@media (prefers-color-scheme:dark){{{selector}{{{dark}}}}}"
    )
