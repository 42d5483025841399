"""The objects people handle, by kind; each is drawn from a place and its own numbers."""

from __future__ import annotations

from collections.abc import Callable

from training.synthetic import props_food, props_luggage, props_reading
from training.synthetic.body import Body
from training.synthetic.people import Person
from training.synthetic.scene import Scene
from training.synthetic.vectors import Vec

_DRAW: dict[str, Callable[[Scene, Vec, dict[str, float], dict[str, Vec], Body, Person], None]] = {
    "bottle": props_food.draw_bottle,
    "cap": props_food.draw_cap,
    "food": props_food.draw_food,
    "box": props_food.draw_box,
    "phone": props_reading.draw_phone,
    "newspaper": props_reading.draw_newspaper,
    "magazine": props_reading.draw_magazine,
    "notepad": props_reading.draw_notepad,
    "pen": props_reading.draw_pen,
    "laptop": props_luggage.draw_laptop,
    "backpack": props_luggage.draw_backpack,
    "bundle": props_luggage.draw_bundle,
    "cloth": props_luggage.draw_cloth,
    "shades": props_luggage.draw_shades,
}


def draw_prop(
    scene: Scene,
    kind: str,
    at: Vec,
    numbers: dict[str, float],
    points: dict[str, Vec],
    body: Body,
    person: Person,
) -> None:
    """Add one object to the scene; `points` are the frame's anchors."""
    _DRAW[kind](scene, at, numbers, points, body, person)
