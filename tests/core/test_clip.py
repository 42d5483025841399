"""Clips: which frames are sampled, the rolling clip that gathers them, and their specification."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.clip
from core.clip import TIME_TOLERANCE_S, ClipSpec, RollingClip, sample_positions
from core.video import Frame

# Small pictures, so that thousands of frames cost nothing; the sampling is that of the real spec.
SMALL = ClipSpec(resize=4, crop=4)
# The buffer may leave out frames nearer than this to each other.
SPACING_S = 0.0035


def frame(index: int, time_s: float) -> Frame:
    """A picture that tells its own number."""
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, :, :] = (index % 256, index // 256 % 256, index // 65536)
    return Frame(image, time_s, index)


def slow_positions(times_s: list[float], span_s: float | None, frames: int) -> list[int]:
    """The last frame that was up at the end of each of `frames` equal parts of the span."""
    newest = len(times_s) - 1
    if span_s is None:
        return [max(newest - back, 0) for back in reversed(range(frames))]
    chosen = []
    for back in reversed(range(frames)):
        wanted_s = times_s[newest] - (span_s / frames) * back
        up = [i for i, time_s in enumerate(times_s) if time_s <= wanted_s + TIME_TOLERANCE_S]
        chosen.append(up[-1] if up else 0)
    return chosen


gaps_s = st.floats(0.0002, 0.4, allow_nan=False)
constant_rates = st.tuples(st.floats(0.5, 1000), st.integers(1, 200)).map(
    lambda rate: [1 / rate[0]] * rate[1]
)
variable_rates = st.lists(gaps_s, min_size=1, max_size=200)
jittered = st.builds(
    lambda fps, noise: [max(1 / fps + n, 0.0002) for n in noise],
    st.floats(5, 60),
    st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=150),
)
histories = st.one_of(constant_rates, variable_rates, jittered).map(
    lambda gaps: [0.0, *np.cumsum(gaps).tolist()]
)
spans_s = st.one_of(st.none(), st.just(3.0), st.floats(0.05, 10))


# Sampling


@given(histories, spans_s, st.integers(1, 32))
def test_sampling_equals_the_obvious_way(
    times_s: list[float], span_s: float | None, frames: int
) -> None:
    positions = sample_positions(np.array(times_s), span_s, frames)
    assert positions.tolist() == slow_positions(times_s, span_s, frames)


@given(histories, spans_s, st.integers(1, 32))
def test_the_newest_frame_ends_every_clip_and_order_is_kept(
    times_s: list[float], span_s: float | None, frames: int
) -> None:
    positions = sample_positions(np.array(times_s), span_s, frames)
    assert len(positions) == frames
    assert positions[-1] == len(times_s) - 1
    assert positions.min() >= 0
    assert (np.diff(positions) >= 0).all()


def test_a_slow_source_repeats_frames() -> None:
    positions = sample_positions(np.arange(4.0), 3.0, 6)
    assert positions.tolist() == [0, 1, 1, 2, 2, 3]


def test_ninety_frames_at_30_fps_give_sixteen_different_ones() -> None:
    """A Drive&Act chunk: the newest frame and every 5.625th before it, rounded to older ones."""
    positions = sample_positions(np.arange(90) / 30, 3.0, 16)
    expected = [89 - int(np.ceil(5.625 * back)) for back in reversed(range(16))]
    assert positions.tolist() == expected
    assert positions[0] == 4


def test_consecutive_frames_when_there_is_no_span() -> None:
    assert sample_positions(np.arange(20.0), None, 4).tolist() == [16, 17, 18, 19]
    assert sample_positions(np.arange(2.0), None, 4).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("fps", [10, 15, 23.976, 24, 25, 29.97, 30, 50, 59.94, 60])
def test_times_rounded_to_a_millisecond_choose_the_same_frames(fps: float) -> None:
    """MKV and WebM round; the same recording as MP4 must not become another clip."""
    exact_s = np.arange(int(fps * 5)) / fps
    for newest in range(int(fps * 3), len(exact_s)):
        rounded_s = np.round(exact_s[: newest + 1], 3)
        exact = sample_positions(exact_s[: newest + 1], 3.0, 16)
        assert sample_positions(rounded_s, 3.0, 16).tolist() == exact.tolist()


# RollingClip


def ready_by(times_s: list[float], spec: ClipSpec) -> bool:
    if spec.span_s is None:
        return len(times_s) >= spec.frames
    oldest_wanted_s = times_s[-1] - spec.span_s * (spec.frames - 1) / spec.frames
    return times_s[0] <= oldest_wanted_s + TIME_TOLERANCE_S


def boundary(times_s: list[float], spec: ClipSpec) -> bool:
    """Whether readiness hangs on the last bit of a float."""
    if spec.span_s is None:
        return False
    age_s = times_s[-1] - times_s[0] + TIME_TOLERANCE_S
    return abs(age_s - spec.span_s * (spec.frames - 1) / spec.frames) < 1e-9


@settings(max_examples=60)
@given(
    histories.map(
        lambda times_s: np.cumsum(
            [0.0, *(max(gap, SPACING_S * 1.001) for gap in np.diff(times_s))]
        ).tolist()
    ),
    st.one_of(st.none(), st.just(3.0), st.floats(0.2, 5)),
    st.integers(1, 20),
)
def test_the_rolling_clip_equals_sampling_from_everything(
    times_s: list[float], span_s: float | None, frames: int
) -> None:
    """Up to 285 fps not one frame is missing, whatever the rate does."""
    spec = replace(SMALL, span_s=span_s, frames=frames)
    rolling = RollingClip(spec)
    for index, time_s in enumerate(times_s):
        rolling.push(frame(index, time_s))
        seen_s = times_s[: index + 1]
        clip = rolling.clip()
        if not boundary(seen_s, spec):
            assert (clip is not None) == ready_by(seen_s, spec)
        if clip is not None:
            positions = sample_positions(np.array(seen_s), span_s, frames).tolist()
            assert clip.frame_indices == tuple(positions)
            assert clip.frame_index == index
            assert clip.time_s == time_s
    if clip is not None:
        expected = np.stack([frame(i, 0).image for i in clip.frame_indices])
        np.testing.assert_array_equal(clip.pixels, expected)


@pytest.mark.parametrize("fps", [24, 29.97, 30, 59.94, 60, 120, 239.76, 240])
@pytest.mark.parametrize("decimals", [3, 9])
def test_no_frame_of_a_common_rate_is_left_out(fps: float, decimals: int) -> None:
    times_s = [round(index / fps, decimals) for index in range(int(fps * 3.5))]
    rolling = RollingClip(SMALL)
    for index, time_s in enumerate(times_s):
        rolling.push(frame(index, time_s))
    clip = rolling.clip()
    assert clip is not None
    assert list(clip.frame_indices) == sample_positions(np.array(times_s), 3.0, 16).tolist()


@settings(max_examples=15)
@given(st.floats(100, 1000), st.integers(0, 2**32 - 1))
def test_a_very_fast_source_is_sampled_within_the_spacing_and_in_bounded_memory(
    fps: float, seed: int
) -> None:
    noise = np.random.default_rng(seed).uniform(0.5, 1.5, int(fps * 4))
    times_s = np.cumsum(noise) / fps
    rolling = RollingClip(SMALL)
    most = 0
    for index, time_s in enumerate(times_s.tolist()):
        rolling.push(frame(index, time_s))
        most = max(most, len(rolling._frames))
    clip = rolling.clip()
    assert clip is not None
    ideal_s = times_s[sample_positions(times_s, 3.0, 16)]
    chosen_s = times_s[list(clip.frame_indices)]
    assert (chosen_s <= ideal_s).all()
    assert (ideal_s - chosen_s).max() < SPACING_S
    assert clip.frame_index == len(times_s) - 1
    assert most <= 3 / SPACING_S + 3


def test_the_longest_span_of_large_pictures_at_a_fast_rate_stays_in_its_memory() -> None:
    """What a hostile model file and a fast camera ask for would be 43 GB."""
    spec = ClipSpec(frames=16, span_s=60.0, resize=1024, crop=1024)
    rolling = RollingClip(spec)
    bytes_each = 1024 * 1024 * 3
    # What is kept depends on times alone; views of one picture cost nothing.
    shared = np.zeros((1024, 1024, 3), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.clip, "model_frame", lambda image, spec: shared)
        most = 0
        for index in range(61 * 240):
            rolling.push(Frame(shared, index / 240, index))
            most = max(most, len(rolling._frames))
    assert most * bytes_each <= 256 * 2**20 + 3 * bytes_each
    times_s = np.array([time_s for time_s, _, _ in rolling._frames])
    # Sixteen pictures are wanted of these, one each 3.75 s.
    assert np.diff(times_s).max() < 1.0
    assert rolling.ready


def test_a_paper_clip_at_the_fastest_rate_is_not_thinned_for_memory() -> None:
    assert RollingClip(ClipSpec())._spacing_s == SPACING_S
    # At 30 fps no frame may go at any span up to 58 s.
    assert RollingClip(ClipSpec(span_s=58.0))._spacing_s < 1 / 30


def test_a_slow_source_keeps_only_what_the_span_needs() -> None:
    rolling = RollingClip(SMALL)
    for index in range(100):
        rolling.push(frame(index, index * 2.0))
        assert len(rolling._frames) <= 3


def test_warming_up_counts_the_frames_that_are_there() -> None:
    rolling = RollingClip(SMALL)
    assert (rolling.filled, rolling.ready, rolling.clip()) == (0, False, None)
    counted = []
    for index in range(91):
        rolling.push(frame(index, index / 30))
        counted.append(rolling.filled)
        assert rolling.ready == (rolling.filled == 16)
        assert (rolling.clip() is not None) == rolling.ready
    assert counted[0] == 1
    assert counted == sorted(counted)
    # 15 steps of 3/16 s are 84.4 frames at 30 fps: the clip is full with the 86th frame.
    assert counted.index(16) == 85
    assert counted[5] == 1
    assert counted[6] == 2


def test_warming_up_without_a_span_counts_frames() -> None:
    rolling = RollingClip(replace(SMALL, span_s=None, frames=4))
    counted = []
    for index, time_s in enumerate([0.0, 10.0, 10.001, 10.002, 10.003, 10.004]):
        rolling.push(frame(index, time_s))
        counted.append(rolling.filled)
    assert counted == [1, 2, 3, 4, 4, 4]
    clip = rolling.clip()
    assert clip is not None
    assert clip.frame_indices == (2, 3, 4, 5)


def test_clear_forgets_everything_and_allows_earlier_times() -> None:
    rolling = RollingClip(SMALL)
    for index in range(100):
        rolling.push(frame(index, index / 30))
    rolling.clear()
    assert (rolling.filled, rolling.clip()) == (0, None)
    rolling.push(frame(7, 0.1))
    assert rolling.filled == 1


@pytest.mark.parametrize("time_s", [1.0, 0.5, -1.0])
def test_time_must_go_forward(time_s: float) -> None:
    rolling = RollingClip(SMALL)
    rolling.push(frame(0, 1.0))
    with pytest.raises(ValueError, match="clear the clip after a jump"):
        rolling.push(frame(1, time_s))
    rolling.push(frame(2, 1.1))


def test_a_picture_that_cannot_be_used_changes_nothing() -> None:
    rolling = RollingClip(replace(SMALL, span_s=0.016, frames=4))
    for index in range(20):
        rolling.push(frame(index, index * 0.001))
    before = rolling.clip()
    with pytest.raises(IndexError):
        rolling.push(Frame(np.zeros((4, 4), np.uint8), 0.1, 20))
    after = rolling.clip()
    assert before is not None
    assert after is not None
    assert after.frame_indices == before.frame_indices


def test_a_clip_stays_as_it_was_when_the_source_goes_on() -> None:
    rolling = RollingClip(replace(SMALL, span_s=None, frames=2))
    rolling.push(frame(0, 0.0))
    rolling.push(frame(1, 1.0))
    clip = rolling.clip()
    assert clip is not None
    pixels = clip.pixels.copy()
    rolling.push(frame(2, 2.0))
    np.testing.assert_array_equal(clip.pixels, pixels)


# ClipSpec


def test_the_defaults_are_those_of_the_paper() -> None:
    spec = ClipSpec()
    assert spec.clip_shape == (16, 224, 224, 3)
    assert (spec.span_s, spec.resize, spec.channels) == (3.0, 256, "rgb")
    assert replace(spec, channels="grey").clip_shape == (16, 224, 224, 1)
    assert replace(spec, channels="bgr").channel_count == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": 0},
        {"frames": 257},
        {"frames": 16.0},
        {"frames": True},
        {"span_s": 0.0},
        {"span_s": -1.0},
        {"span_s": 61.0},
        {"span_s": float("nan")},
        {"crop": 0},
        {"crop": 257},
        {"crop": 224.5},
        {"resize": 223},
        {"resize": 1025},
        {"resize": 256.0},
        {"channels": "rgba"},
        {"channels": None},
    ],
    ids=str,
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ClipSpec(**wrong)


def test_keep_aspect_must_be_true_or_false() -> None:
    with pytest.raises(ValueError, match="keep_aspect must be true or false"):
        ClipSpec(keep_aspect=1)
