"""The report as a document: sections in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.activities import title_of
from training.confusion import confusion_matrix
from training.experiments import EXPERIMENTS, TABLE_1
from training.report import paper
from training.report.bootstrap import REPLICATES
from training.report.charts.bubbles import Bubble, figure_3
from training.report.charts.curves import Line, curves
from training.report.charts.intervals import Bar, forest
from training.report.charts.matrix import confusion
from training.report.claims import Claim, claims
from training.report.document import (
    Block,
    Document,
    Figure,
    Folded,
    Section,
    Table,
    Text,
    cells,
)
from training.report.environment import environment
from training.report.names import NAMES, SHORT
from training.report.results import Results
from training.report.tables import (
    ROWS,
    calibration_table,
    claims_table,
    latency_of,
    mean_of,
    table_1,
    table_2,
    table_3,
)

_TONE = {"holds": "good", "does not hold": "bad", "reported": "quiet", "not measured": "quiet"}


def document(results: Results) -> Document:
    """Everything that a reproduction has found so far."""
    found = claims(results)
    return Document(
        "Quantized distillation, reproduced",
        _subtitle(results),
        (
            _summary(results, found),
            Section(
                "Table II: accuracy, size and time",
                (
                    Text(
                        "Mean per-class accuracy in percent, below each row the paper's figures "
                        "on Drive&Act, whose split 1 is our split 0. A split's figure is the mean "
                        "over its seeds. " + _on_time(results)
                    ),
                    table_2(results),
                    _figure_3(results),
                ),
            ),
            _sweeps(results),
            Section(
                "Table III: class by class",
                (
                    Text(
                        "Share of the test clips of each activity that are named rightly, in "
                        "percent, mean over all runs. The paper compares MobileNet and QD, whose "
                        "difference in points has its own column; its figures for each class are "
                        "not repeated here."
                    ),
                    table_3(results),
                ),
            ),
            _curves(results),
            _confusions(results),
            Section(
                "Calibration",
                (
                    Text(
                        "On the test people, mean over runs, with the temperature that was fitted "
                        "on the validation people. Expected calibration error: mean gap between "
                        "confidence and accuracy over 15 bins."
                    ),
                    calibration_table(results),
                ),
            ),
            _method(results),
            environment(results),
        ),
    )


def _data(results: Results) -> str:
    origin: Mapping[str, Any] = results.record["data"]
    made = origin.get("synthetic")
    if made:
        return "the synthetic cabin" + (f", seed {made['seed']}" if "seed" in made else "")
    view = results.record["view"]
    return "Drive&Act" + (f", {view}" if view else "")


def _subtitle(results: Results) -> str:
    record = results.record
    profile = record["profile"] or "the paper's settings"
    return (
        f"Data: {_data(results)}. Profile: {profile}. "
        f"Splits {', '.join(map(str, record['splits']))}; "
        f"seeds {', '.join(map(str, record['seeds']))}. "
        f"Compared with {paper.TITLE}."
    )


def _summary(results: Results, found: list[Claim]) -> Section:
    tested = [claim for claim in found if claim.bound is not None]
    counts = {
        verdict: sum(claim.verdict == verdict for claim in tested)
        for verdict in ("holds", "does not hold", "not measured")
    }
    there = sum(run.val is not None for run in results.runs.values())
    blocks: list[Block] = [
        Text(
            f"Of {len(tested)} claims: {counts['holds']} held, {counts['does not hold']} not held, "
            f"{counts['not measured']} not measured. {there} of {len(results.runs)} models "
            "are trained. Differences are in percentage points of mean per-class accuracy on the "
            "test people. “Not clearly”: the 95 % interval reaches across what the claim asks "
            "for, or there is none."
        ),
        claims_table(found),
    ]
    bars = [
        Bar(
            claim.short,
            claim.found.estimate * 100,
            None if claim.found.low is None else claim.found.low * 100,
            None if claim.found.high is None else claim.found.high * 100,
            None if claim.bound is None else claim.bound * 100,
            _TONE[claim.verdict] if claim.bound is None or claim.is_clear else "open",
        )
        for claim in found
        if claim.found is not None and claim.is_difference
    ]
    if bars:
        blocks.append(
            Figure(
                forest(bars, "difference [points of mean per-class accuracy, test]"),
                f"Dots: measured. Bars: 95 % interval over {_drawn(results)}. Upright strokes: "
                "what the claim asks for; it holds to the right of them.",
                "claims",
            )
        )
    return Section("Claims", tuple(blocks))


def _drawn(results: Results) -> str:
    """What the intervals are taken over; one seed says nothing about others."""
    measured = {key for name in ROWS for key in results.counts(name)}
    splits, seeds = (len({key[part] for key in measured}) > 1 for part in (0, 1))
    return _listed(["people", *["splits"] * splits, *["seeds"] * seeds])


def _listed(values: Sequence[object]) -> str:
    *others, last = map(str, values)
    return f"{', '.join(others)} and {last}" if others else last


def _on_time(results: Results) -> str:
    for name in ROWS:
        latency = latency_of(results, name)
        if latency is None:
            continue
        about = next(
            run.predictions.about
            for run in results.of(name)
            if run.predictions is not None and run.predictions.about["latency"] is not None
        )
        frames, height, width, _ = about["clip_shape"]
        return (
            f"Time: mean of up to 1000 passes of one clip of {frames} frames of {height}×{width} "
            f"pixels through the {about['engine']} engine, threads: {latency['threads']}, on "
            f"{about['cpu']}; the paper timed PyTorch on 16×224×224 on its own CPU."
        )
    return "Nothing has been timed yet."


def _figure_3(results: Results) -> Figure:
    ours = []
    for name in ROWS:
        latency, accuracy = latency_of(results, name), mean_of(results.of(name), "test")
        size = next((run.file_mb for run in results.of(name) if run.file_mb is not None), None)
        if latency and accuracy is not None and size is not None:
            ours.append(Bubble(SHORT[name], name, latency["mean_ms"], accuracy, size))
    theirs = [
        Bubble(SHORT[name], name, row.time_ms, row.mean_test / 100, row.file_mb)
        for name, row in paper.TABLE_2.items()
    ]
    return Figure(
        figure_3([("Ours", ours), ("The paper, on Drive&Act", theirs)]),
        "Figure 3: accuracy over the time of one clip. The area of a circle is the size of the "
        "model file; better is up and to the left. Data, machine and engine differ between the "
        "two, so compare the shapes, not the heights.",
        "figure3",
    )


def _sweeps(results: Results) -> Section:
    blocks: list[Block] = [
        Text(
            f"Mean per-class accuracy of KD on the validation people of split "
            f"{results.splits[0]}, seed {results.seeds[0]}. This table chooses settings, so it "
            "does not look at the test people. One run each: differences of a point or two may "
            "be chance."
        )
    ]
    blocks += [table_1(results, setting) for setting in TABLE_1]
    return Section("Table I: width, temperature, teacher's weight", tuple(blocks))


def _curves(results: Results) -> Section:
    panels: dict[str, tuple[str, list[Line]]] = {}
    for name in ROWS:
        if name not in EXPERIMENTS:
            continue
        lines = []
        for run in results.of(name):
            val = [
                (entry["epoch"] + 1, entry["val"]["mean_per_class_accuracy"])
                for entry in run.epochs
                if "val" in entry
            ]
            train = [(entry["epoch"] + 1, entry["train_top1"]) for entry in run.epochs]
            lines += [Line(tuple(val)), Line(tuple(train), dashed=True)]
        panels[name] = (NAMES[name], lines)
    return Section(
        "Learning curves",
        (
            Figure(
                curves(panels),
                "Accuracy in percent over epochs. Solid: mean per-class accuracy on the "
                "validation people, one line for each run. Dashed: share of training clips named "
                "rightly, augmented and balanced over the classes.",
                "curves",
            ),
        ),
    )


def _confusions(results: Results) -> Section:
    titles = [title_of(label) for label in results.record["labels"]]
    folded: list[Block | Folded] = []
    for name in ROWS:
        matrix = np.zeros((len(titles), len(titles)), np.int64)
        runs = 0
        for run in results.of(name):
            if (found := run.predictions) is not None:
                runs += 1
                matrix += confusion_matrix(
                    found.targets.astype(np.intp), found.answers, len(titles)
                )
        if not runs:
            folded.append(Text(f"{NAMES[name]}: not measured."))
            continue
        counts = matrix.tolist()

        def describe(row: int, column: int, counts: list[list[int]] = counts) -> str:
            part, total = counts[row][column], sum(counts[row])
            return f"{titles[row]} answered as {titles[column]}: {part} of {total} clips"

        drawing = confusion(counts, titles, describe)
        caption = (
            f"{NAMES[name]}, test clips of {runs} {'run' if runs == 1 else 'runs'}. Rows: truth; "
            "columns: answer; numbers: share of the row in percent, from 5 % on."
        )
        folded.append(Folded(NAMES[name], (Figure(drawing, caption),)))
    return Section("Confusion matrices", tuple(folded))


def _method(results: Results) -> Section:
    people = results.record["people"]
    rows = tuple(
        cells(
            (
                split,
                *(
                    f"{found[subset]['people']} people, {found[subset]['clips']} clips"
                    for subset in ("train", "val", "test")
                ),
            )
        )
        for split, found in people.items()
    )
    return Section(
        "How it was measured",
        (
            Table(("split", "train", "val", "test"), rows, text_columns=4),
            Text(
                "All students of one profile share one recipe but for what their row is about, and "
                "start from random weights. A teacher is trained once for each split and teaches "
                "the students of every seed, so intervals do not cover the chance in its own "
                "training. The best epoch and the temperature are chosen on the validation people. "
                "The figures of the test people come from one last step, after all training; each "
                "model file holds its own as well, and nothing here chooses by them. A QAT network "
                "is asked as it validates, adding whole numbers: that its int8 file answers alike "
                "shows that conversion loses nothing, not that training in real values would."
            ),
            *(
                Text(
                    f"Of the test people of split {one}, {_listed(people)} are validation people "
                    f"of split {other}: whatever was tuned by hand on split {other} was tuned on "
                    "them."
                )
                for (one, other), people in results.chosen_elsewhere().items()
            ),
            Text(
                f"Intervals: {REPLICATES:,} bootstrap replicates. Each draws runs (a run is one "
                "split with one seed) and people of the test set, both with replacement, and "
                "computes every figure anew; a person brings all of their clips along, and a "
                "difference is taken within the same people and runs. Of n runs or people n − 1 "
                "are drawn, which makes up for what resampling few of them hides. The interval is "
                "the estimate ± t times their standard deviation, Student's t for the degrees of "
                "freedom that so few runs and people leave: two seeds that differ much make it "
                "very wide. In simulations with 3 to 9 people and 1 to 6 runs it held the truth "
                "in 91 to 99 of 100 cases."
            ),
            Text(
                "A claim holds when its estimate reaches the bound. “Not clearly” means that the "
                "interval reaches across the bound, or that there is none: other people or seeds "
                "could have said otherwise."
            ),
        ),
    )
