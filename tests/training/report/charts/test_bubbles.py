import re

from training.report.charts.bubbles import Bubble, figure_3

# As measured once: four methods in a heap, one of them with a long name.
FIGURES = {
    "I3D": (60.96, 0.895, 49.0),
    "MobileNet": (2.87, 0.7513, 3.52),
    "KD": (2.65, 0.781, 3.52),
    "Quantization": (1.44, 0.7535, 0.94),
    "QD": (1.95, 0.805, 0.94),
    "KD, post-training int8": (1.99, 0.783, 0.94),
}


def test_no_line_to_a_name_passes_through_another_circle() -> None:
    bubbles = [Bubble(name, f"key{i}", *of) for i, (name, of) in enumerate(FIGURES.items())]

    drawn = figure_3([("Ours", bubbles)])

    number = r"([\d.]+)"
    circles = {
        key: (float(x), float(y), float(radius))
        for x, y, radius, key in re.findall(
            rf'<circle cx="{number}" cy="{number}" r="{number}" fill="var\(--(key\d)\)', drawn
        )
    }
    lines = re.findall(
        rf'<path d="M{number} {number}L{number} {number}" stroke="var\(--(key\d)\)', drawn
    )
    assert len(circles) == len(FIGURES)
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
