"""Does one frame give away which of two opposite activities is shown? It must not.

A small network is trained to name the member of each pair on planned runs of some people, and
asked about runs of other people: once with single frames, once with eight frames of the chunk in
order. The first should do little better than guessing, the second well. A control, two activities
with different things in the hand, shows that single frames can be told apart where there is a cue.

Legend: N samples, F frames, H = W = 80.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from training.synthetic.choreography import PAIRS
from training.synthetic.people import generator, sample_person
from training.synthetic.schedule import annotate, plan_run
from training.synthetic.session import SessionRenderer
from training.workers import MOST_PROCESSES

CONTROL = ("drinking", "eating")
FRAMES = 8
_SIZE, _CROP = 80, 72
_MINUTES, _FPS = 4.0, 30.0
_PEOPLE, _RUNS, _EPOCHS = 60, 2, 12
U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Leak:
    """Shares 0-1 of right answers about people never trained on; guessing gives 0.5.

    `clips` is how many clips were asked about.
    """

    pair: tuple[str, str]
    one_frame: float
    in_order: float
    clips: int


def measure_leaks(
    *,
    seed: int,
    difficulty: float,
    processes: int | None,
    report: Callable[[int, int], None],
) -> tuple[Leak, ...]:
    """Measure every pair on two runs of each person; a third of the people is asked about.

    `report` is called with (rendered people, all people).
    """
    everybody = range(1, _PEOPLE + 1)
    pairs = (*PAIRS, CONTROL)
    clips: dict[int, dict[str, list[U8]]] = {}
    report(0, _PEOPLE)
    context = multiprocessing.get_context("spawn")
    names = frozenset(name for pair in pairs for name in pair)
    workers = min(processes or os.cpu_count() or 1, MOST_PROCESSES)
    with ProcessPoolExecutor(workers, context) as pool:
        futures = {
            pool.submit(_render, seed, person, _RUNS, difficulty, names): person
            for person in everybody
        }
        for future in as_completed(futures):
            clips[futures[future]] = future.result()
            report(len(clips), _PEOPLE)
    asked = frozenset(person for person in everybody if person % 3 == 0)
    found = []
    for pair in pairs:
        sets = []
        for chosen in (lambda p: p not in asked, lambda p: p in asked):
            own = [
                (clip, label)
                for person in everybody
                if chosen(person)
                for label, name in enumerate(pair)
                for clip in clips[person][name]
            ]
            sets.append((np.stack([clip for clip, _ in own]), np.array([n for _, n in own])))
        (x, y), (asked_x, asked_y) = sets
        one = _accuracy(
            x.reshape(-1, 1, _SIZE, _SIZE),
            np.repeat(y, FRAMES),
            asked_x.reshape(-1, 1, _SIZE, _SIZE),
            np.repeat(asked_y, FRAMES),
        )
        found.append(Leak(pair, one, _accuracy(x, y, asked_x, asked_y), len(asked_y)))
    return tuple(found)


def leak_table(leaks: Sequence[Leak]) -> Table:
    """One row a pair; the last one is the control."""
    table = Table(title="Told apart on people never trained on (guessing: 50 %)")
    for column in ("pair", "one frame", f"{FRAMES} frames in order", "clips"):
        table.add_column(column, justify="left" if column == "pair" else "right")
    for leak in leaks:
        table.add_row(
            " / ".join(leak.pair), f"{leak.one_frame:.0%}", f"{leak.in_order:.0%}", str(leak.clips)
        )
    return table


def _render(
    seed: int, person: int, runs: int, difficulty: float, names: frozenset[str]
) -> dict[str, list[U8]]:
    """uint8 [F, H, W] of one chunk, drawn at random, of each instance in the person's runs."""
    cv2.setNumThreads(1)
    rng = generator(seed, person, 21)
    clips: dict[str, list[U8]] = {name: [] for name in names}
    for run in range(1, runs + 1):
        schedule = plan_run(seed, sample_person(seed, person), run, _MINUTES, _FPS)
        renderer = SessionRenderer(
            seed, person, run, fps=_FPS, difficulty=difficulty, schedule=schedule
        )
        chunks: dict[int, list[tuple[str, int, int]]] = {}
        for chunk in annotate(schedule, person, "", _FPS):
            if chunk.activity in names:
                chunks.setdefault(chunk.annotation_id, []).append(
                    (chunk.activity, chunk.frame_start, chunk.frame_end)
                )
        for own in chunks.values():
            name, start, end = own[int(rng.integers(len(own)))]
            frames = np.linspace(start, end - 1, FRAMES).round().astype(int)
            clips[name].append(
                np.stack(
                    [
                        cv2.resize(
                            renderer.frame(int(i)), (_SIZE, _SIZE), interpolation=cv2.INTER_AREA
                        )
                        for i in frames
                    ]
                )
            )
    return clips


class _Network(nn.Sequential):
    """Four strided convolutions over [N, F, H, W] and a linear layer for two classes."""

    def __init__(self, frames: int) -> None:
        layers: list[nn.Module] = []
        channels = frames
        for width in (16, 32, 64, 64):
            layers += [
                nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels = width
        super().__init__(
            *layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Dropout(0.3), nn.Linear(9 * 64, 2)
        )


def _accuracy(x: U8, y: NDArray[np.int64], asked_x: U8, asked_y: NDArray[np.int64]) -> float:
    """Train on x uint8 [N, F, H, W] and labels y [N]; the share of right answers elsewhere."""
    torch.manual_seed(0)
    generator_ = torch.Generator().manual_seed(0)
    network = _Network(x.shape[1])
    # The same number of steps whether a clip is one sample or eight.
    batch = max(8, min(64, len(x) // 24))
    steps = _EPOCHS * -(-len(x) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    data, labels = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(_EPOCHS):
        for own in torch.randperm(len(data), generator=generator_).split(batch):
            top, left = torch.randint(_SIZE - _CROP + 1, (2,), generator=generator_).tolist()
            loss = functional.cross_entropy(
                network(_cut(data[own], top, left)), labels[own], label_smoothing=0.05
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    middle = (_SIZE - _CROP) // 2
    with torch.inference_mode():
        told = torch.cat(
            [
                network(_cut(p, middle, middle)).argmax(1)
                for p in torch.from_numpy(asked_x).split(64)
            ]
        )
    return float((told == torch.from_numpy(asked_y)).float().mean())


def _cut(pixels: Tensor, top: int, left: int) -> Tensor:
    """uint8 [N, F, H, W] cut and brought to mean 0 and deviation 1 in each sample."""
    cut = pixels[..., top : top + _CROP, left : left + _CROP].float()
    deviation, mean = torch.std_mean(cut, dim=(1, 2, 3), keepdim=True)
    return (cut - mean) / (deviation + 1.0)
