import re

import pytest

from training.report.charts.bubbles import Bubble, figure_3

# As measured: six methods in a heap, one of them with a long name.
APART = {
    "I3D": (60.96, 0.895, 49.0),
    "MobileNet": (2.87, 0.7513, 3.52),
    "KD": (2.65, 0.781, 3.52),
    "Quantization": (1.44, 0.7535, 0.94),
    "QD": (1.95, 0.805, 0.94),
    "KD, post-training int8": (1.99, 0.783, 0.94),
}
OVERLAPPING = {
    "I3D": (125.01, 0.945, 49.29),
    "MobileNet": (5.93, 0.838, 3.52),
    "KD": (5.48, 0.857, 3.52),
    "Quantization": (3.97, 0.843, 0.94),
    "QD": (4.68, 0.858, 0.94),
    "KD, post-training int8": (4.48, 0.856, 0.94),
}
HEAPS = pytest.mark.parametrize("figures", [APART, OVERLAPPING])
NUMBER = r"([\d.]+)"

Figures = dict[str, tuple[float, float, float]]
Box = tuple[float, float, float, float]


def drawing_of(figures: Figures) -> str:
    bubbles = [Bubble(name, f"key{i}", *of) for i, (name, of) in enumerate(figures.items())]
    return figure_3([("Ours", bubbles)])


def circles_in(drawn: str) -> dict[str, tuple[float, float, float]]:
    found = re.findall(
        rf'<circle cx="{NUMBER}" cy="{NUMBER}" r="{NUMBER}" fill="var\(--(key\d)\)', drawn
    )
    return {key: (float(x), float(y), float(radius)) for x, y, radius, key in found}


def names_in(drawn: str) -> dict[str, Box]:
    """Left, top, right and bottom of what the letters of each name cover at least."""
    found = re.findall(
        rf'<text x="{NUMBER}" y="{NUMBER}" text-anchor="(\w+)" fill="var\(--(key\d)\)"[^>]*>'
        "([^<]+)",
        drawn,
    )
    boxes = {}
    for x, y, anchor, key, name in found:
        width = len(name) * 7
        left = float(x) - {"start": 0, "middle": width / 2, "end": width}[anchor]
        boxes[key] = (left, float(y) - 9, left + width, float(y))
    return boxes


@HEAPS
def test_no_line_to_a_name_passes_through_another_circle(figures: Figures) -> None:
    drawn = drawing_of(figures)

    circles = circles_in(drawn)
    lines = re.findall(
        rf'<path d="M{NUMBER} {NUMBER}L{NUMBER} {NUMBER}" stroke="var\(--(key\d)\)', drawn
    )
    assert len(circles) == len(figures)
    assert lines
    for *ends, own in lines:
        from_x, from_y, to_x, to_y = map(float, ends)
        for key, (x, y, radius) in circles.items():
            if key != own:
                way = [
                    (from_x + (to_x - from_x) * at / 100, from_y + (to_y - from_y) * at / 100)
                    for at in range(101)
                ]
                nearest = min(((px - x) ** 2 + (py - y) ** 2) ** 0.5 for px, py in way)
                assert nearest > radius, f"the line of {own} passes through {key}"


@HEAPS
def test_every_name_can_be_read(figures: Figures) -> None:
    drawn = drawing_of(figures)

    names = names_in(drawn)
    covered = {
        key: (x - radius, y - radius, x + radius, y + radius)
        for key, (x, y, radius) in circles_in(drawn).items()
    }
    assert len(names) == len(figures)
    for key, name in names.items():
        for other, box in [*covered.items(), *names.items()]:
            apart = name[2] <= box[0] or box[2] <= name[0] or name[3] <= box[1] or box[3] <= name[1]
            assert apart or name == box, f"the name of {key} covers {other}"
