"""One run of one person, frame by frame, as a pure function of its numbers."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from training.synthetic.backdrop import make_backdrop
from training.synthetic.body import Body, solve_arm, solve_trunk
from training.synthetic.cabin import add_hands, anchors
from training.synthetic.camera import Camera, view_named
from training.synthetic.choreography import write_script
from training.synthetic.draw_body import draw_arm, draw_legs, draw_torso
from training.synthetic.draw_cabin import draw_belt, draw_dashboard, draw_door, draw_wheel
from training.synthetic.draw_head import draw_head
from training.synthetic.people import (
    Person,
    Wear,
    generator,
    sample_person,
    sample_setting,
    sample_wear,
)
from training.synthetic.props import draw_prop
from training.synthetic.scene import Light, Scene
from training.synthetic.schedule import STANDING, Segment, plan_run
from training.synthetic.sensor import Sensor
from training.synthetic.tracks import Placement, Script, Snapshot, blend
from training.synthetic.vectors import Vec, add, along

# Left of this the driver is outside, and the car's shell is painted over him.
_OUTSIDE_X_M = -0.42
# A change from one activity to the next takes at most this long.
_CHANGE_S = 1.4


class SessionRenderer:
    """Renders any frame of a run; the same arguments always give the same bytes.

    Args:
        seed, person, run: what is shown; people and runs count from 1.
        minutes: length of the run.
        fps: frames per second.
        size: picture width and height in pixels.
        view: one of `camera.VIEWS`.
        difficulty: see `synthesize`.
        schedule: what happens, in place of the planned run.
    """

    def __init__(
        self,
        seed: int,
        person: int,
        run: int = 1,
        minutes: float = 4.0,
        fps: float = 30.0,
        size: int = 256,
        view: str = "inner_mirror",
        difficulty: float = 1.0,
        *,
        schedule: tuple[Segment, ...] | None = None,
    ) -> None:
        self.person: Person = sample_person(seed, person)
        self.setting = sample_setting(seed, person, run, difficulty)
        self.fps = fps
        self.difficulty = difficulty
        pose = view_named(view)
        words = (seed, person, run)
        self._words = words
        self.camera = Camera(
            add(pose.position, self.setting.camera_shift_m),
            add(pose.target, self.setting.target_shift_m),
            pose.field_deg + self.setting.field_shift_deg,
            size,
        )
        self.light = Light(self.setting.lamp, self.setting.ambient, self.setting.sun_side)
        self._daylight = Light(
            0.5 * self.setting.lamp, 0.35 + 0.9 * self.setting.daylight / 255, self.setting.sun_side
        )
        self.backdrop = make_backdrop(self.camera, self.light, self.setting, words)
        self.sensor = Sensor(size, self.setting, words)
        self.schedule: tuple[Segment, ...] = (
            plan_run(seed, self.person, run, minutes, fps) if schedule is None else schedule
        )
        self._wear = _wear_before(self.schedule, sample_wear(seed, self.person, run))
        self._driven_s = _driven_s(self.schedule, self.frames, fps)
        self._starts = np.array([start for _, start, _ in self.schedule])
        self._script = lru_cache(maxsize=8)(self._write)
        self._idle_phase = generator(*words, 18).uniform(0, 2 * math.pi, 12)

    @property
    def frames(self) -> int:
        """Length of the run in frames."""
        return self.schedule[-1][2] if self.schedule else 0

    def _write(self, index: int) -> Script:
        name, start, end = self.schedule[index]
        assert name is not None
        rng = generator(*self._words, 17, index)
        wear, span_s = self._wear[index], (end - start) / self.fps
        return write_script(name, self.person, span_s, rng, wear, self.difficulty)

    def _snapshot(self, frame: int) -> Snapshot:
        """The moment shown at a frame; gaps blend from one activity to the next."""
        index = int(np.searchsorted(self._starts, frame, side="right")) - 1
        name, start, end = self.schedule[index]
        if name is not None:
            return self._script(index).at((frame - start) / self.fps)
        before = self._script(index - 1) if index > 0 else None
        after = self._script(index + 1) if index + 1 < len(self.schedule) else None
        if before is None and after is None:
            rng = generator(*self._words, 17, index)
            wear = self._wear[index]
            return write_script("sitting_still", self.person, 5.0, rng, wear).at(0.0)
        if before is None or after is None:
            return after.at(0.0) if after is not None else before.at(math.inf)  # type: ignore[union-attr]
        # A longer gap is a pause first, and then the same brisk change.
        span = min(end - start, round(_CHANGE_S * self.fps))
        t = max(0, frame - (end - span) + 1) / (span + 1)
        return blend(before.at(math.inf), after.at(0.0), t)

    def _idle(self, snapshot: Snapshot, time_s: float) -> None:
        """Breathing, sway and blinks, which never stop."""
        c, p = snapshot.scalars, self._idle_phase
        k = self.person.fidget * self.difficulty
        c["head_yaw"] = c.get("head_yaw", 0.0) + c.get("glance_yaw", 0.0)
        c["head_pitch"] = c.get("head_pitch", 0.0) + c.get("glance_pitch", 0.0)
        for n, (channel, size) in enumerate(
            (("head_yaw", 1.6), ("head_pitch", 1.2), ("lean", 0.5), ("side", 0.5), ("twist", 0.6))
        ):
            rate = 0.23 + 0.11 * n
            c[channel] = c.get(channel, 0.0) + size * k * (
                math.sin(2 * math.pi * rate * time_s + p[n])
                + 0.5 * math.sin(2 * math.pi * rate * 2.3 * time_s + p[n + 5])
            )
        breath = 0.5 * math.sin(2 * math.pi * 0.26 * time_s + p[10])
        c["shrug_l"] = c.get("shrug_l", 0.0) + 0.15 * breath
        c["shrug_r"] = c.get("shrug_r", 0.0) + 0.15 * breath
        cycle = (time_s * (0.22 + 0.03 * self.person.fidget) + p[11]) % 1.0
        c["blink"] = 1.0 if cycle < 0.035 else 0.0

    def frame(self, index: int) -> np.ndarray:
        """Frame `index` as uint8 [size, size]."""
        if not 0 <= index < self.frames:
            raise IndexError(f"frame {index} of a run of {self.frames} frames")
        time_s = index / self.fps
        moment = self._snapshot(index)
        self._idle(moment, time_s)
        channels = moment.scalars
        body = solve_trunk(self.person, channels)
        points = anchors(body, self.person, self.setting, channels.get("door", 0.0))
        self._reach(body, points, moment)
        inside = Scene(self.camera, self.light)
        beyond = Scene(self.camera, self._daylight)
        outside = body.pelvis[0] < _OUTSIDE_X_M
        crew = beyond if outside else inside
        draw_door(beyond, channels.get("door", 0.0), self.setting.trim * 0.8)
        draw_wheel(inside, self.setting.trim)
        draw_dashboard(inside, self.setting.trim, 0.8)
        draw_legs(crew, body, self.person)
        torso = draw_torso(crew, body, self.person, channels)
        draw_head(crew, body, self.person, channels)
        for side in ("l", "r"):
            draw_arm(crew, body, self.person, side, channels)
        tongue = _resolve(moment.places["tongue"], points)
        draw_belt(inside, body, self.person, self.setting, points, tongue, torso)
        for prop in moment.props:
            at = _resolve(prop.place, points)
            draw_prop(crew, prop.kind, at, prop.numbers, points, body, self.person)
        driven_s = float(self._driven_s[index])
        canvas = self.backdrop.outside(1000 + self.setting.scenery_speed * driven_s)
        beyond.paint(canvas)
        np.copyto(canvas, self.backdrop.shell, where=self.backdrop.mask > 0)
        inside.paint(canvas)
        return self.sensor.expose(canvas, time_s, index, driven_s)

    @staticmethod
    def _reach(body: Body, points: dict[str, Vec], moment: Snapshot) -> None:
        """Solve both arms; a hand led by the other one is solved after it."""
        # Between two activities either hand may still follow the other.
        points["hand_l_base"] = points["hand_r_base"] = points["front"]
        points["hand_l"] = points["hand_r"] = points["hands"] = points["front"]
        sides = ["l", "r"]
        if any(name.startswith("hand_r") for name, _, _ in moment.places["l"]):
            sides.reverse()
        for side in sides:
            target = _resolve(moment.places[side], points)
            arm = solve_arm(body, side, target, moment.scalars.get(f"flare_{side}", 0.0))
            body.arms[side] = arm
            points[f"hand_{side}_base"] = along(arm.palm, arm.fingers, 0.02)
        add_hands(points, body)


def _wear_before(schedule: tuple[Segment, ...], wear: Wear) -> tuple[Wear, ...]:
    """What is worn at the start of each segment."""
    worn = []
    for name, _, _ in schedule:
        worn.append(wear)
        wear = wear if name is None else wear.after(name)
    return tuple(worn)


def _driven_s(schedule: tuple[Segment, ...], frames: int, fps: float) -> np.ndarray:
    """Seconds the car has moved at each frame [N]: it stands while anybody gets in or out."""
    moving = np.ones(frames)
    for n, (name, start, end) in enumerate(schedule):
        if name in STANDING:
            # The gaps on both sides too: the car stops before, and starts after.
            first = schedule[n - 1][1] if n else start
            last = schedule[n + 1][2] if n + 1 < len(schedule) else end
            moving[first:last] = 0.0
    return np.cumsum(moving) / fps


def _resolve(place: Placement, points: dict[str, Vec]) -> Vec:
    """The weighted place in cabin metres."""
    x = y = z = 0.0
    for name, offset, weight in place:
        p = points[name]
        x += weight * (p[0] + offset[0])
        y += weight * (p[1] + offset[1])
        z += weight * (p[2] + offset[2])
    return (x, y, z)
