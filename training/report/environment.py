"""Where a reproduction was made, and the commands that make it again."""

from __future__ import annotations

import platform
from typing import Any

from training.experiments import EXPERIMENTS
from training.report.document import Code, Folded, Section, Table, Text, cells
from training.report.results import Results


def environment(results: Results) -> Section:
    """Versions, machines, and commands as they were given and run by run."""
    described = [run.described for run in results.runs.values() if run.described]
    measured = [run.predictions.about for run in results.runs.values() if run.predictions]
    versions: dict[str, set[str]] = {}
    described += [later for run in described for later in run.get("continued", ())]
    for each in [*described, *measured]:
        for name, version in each.get("versions", {}).items():
            versions.setdefault(name, set()).add(version)
    lines = {
        "code, by commit": {str(each.get("commit") or "unknown") for each in described},
        **dict(sorted(versions.items())),
        "trained on": {str(each["device"]) for each in described if "device" in each},
        "measured on": {f"{each['cpu']} ({each['isa']})" for each in measured},
        "engine": {str(each["engine"]) for each in measured},
        "data fingerprint": {results.record["data_fingerprint"]},
        "this page made with Python": {platform.python_version()},
    }
    rows = tuple(
        cells((name, ", ".join(sorted(found)) if found else "—")) for name, found in lines.items()
    )
    single = [
        _fit_command(results, run.task.name, run.task.split, run.task.seed)
        for run in results.runs.values()
        if run.task.is_training
    ]
    return Section(
        "Environment and commands",
        (
            Table(("what", "value"), rows, text_columns=2),
            Text("The commands that made this:"),
            Code("\n".join([*results.record["commands"], "incab-train report DIR"])),
            Folded(
                "Each run by itself",
                (
                    Text("The same runs one by one, with your own folders for `STORE` and `RUNS`:"),
                    Code("\n".join(single)),
                ),
            ),
        ),
    )


def _fit_command(results: Results, name: str, split: int, seed: int) -> str:
    experiment = EXPERIMENTS[name]
    parts = [f"incab-train fit {experiment.recipe} --data STORE --out RUNS/{name}-{split}-{seed}"]
    if results.record["profile"]:
        parts.append(f"--profile {results.record['profile']}")
    parts.append(f"--split {split}")
    if experiment.teacher:
        parts.append(f"--teacher RUNS/{experiment.teacher}-{split}-{results.seeds[0]}")
    overrides = {**experiment.overrides, **results.record["overrides"], "seed": seed}
    parts += [f"--{key.replace('_', '-')} {_argument(value)}" for key, value in overrides.items()]
    return " ".join(parts)


def _argument(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
