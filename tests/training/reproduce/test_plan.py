from __future__ import annotations

from pathlib import Path

from training.experiments import EXPERIMENTS
from training.reproduce.plan import POST_TRAINING, Task, plan


def keys(tasks: list[Task]) -> list[tuple[str, int, int]]:
    return [(task.name, task.split, task.seed) for task in tasks]


def test_table_2_needs_five_rows_and_the_cheap_comparison() -> None:
    tasks = plan([0], [0], [2])
    assert [task.name for task in tasks] == [
        "i3d",
        "mobilenet3d",
        "kd",
        "quantization",
        "qd",
        POST_TRAINING,
    ]
    by_name = {task.name: task for task in tasks}
    for name in ("kd", "qd"):
        assert by_name[name].needs == by_name["i3d"]
    assert by_name[POST_TRAINING].needs == by_name["kd"]
    assert by_name["mobilenet3d"].needs is None
    assert all(task.measured for task in tasks)


def test_a_teacher_is_trained_once_for_each_split_and_teaches_every_seed() -> None:
    tasks = plan([0, 2], [5, 6], [2])
    teachers = [task for task in tasks if task.name == "i3d"]
    assert keys(teachers) == [("i3d", 0, 5), ("i3d", 2, 5)]
    students = [task for task in tasks if task.name == "kd"]
    assert [(task.split, task.seed, task.needs.split, task.needs.seed) for task in students] == [
        (0, 5, 0, 5),
        (0, 6, 0, 5),
        (2, 5, 2, 5),
        (2, 6, 2, 5),
    ]


def test_everything_comes_behind_what_it_needs_and_nothing_twice() -> None:
    tasks = plan([0, 1], [0, 1], [1, 2, 3])
    order = keys(tasks)
    assert len(set(order)) == len(order)
    for place, task in enumerate(tasks):
        if task.needs is not None:
            assert keys([task.needs])[0] in order[:place]


def test_table_1_never_meets_the_test_people_but_for_what_is_in_table_2_as_well() -> None:
    alone = plan([0, 1], [0, 1], [1])
    assert not any(task.measured for task in alone)
    assert {(task.split, task.seed) for task in alone} == {(0, 0)}
    # The shared row, its teacher, and eleven runs of their own.
    assert len(alone) == 13
    both = {task.name for task in plan([0], [0], [1, 2]) if task.measured}
    assert both == {"i3d", "mobilenet3d", "kd", "quantization", "qd", POST_TRAINING}


def test_table_3_alone_needs_the_two_that_it_compares_and_the_teacher() -> None:
    assert keys(plan([0], [3], [3])) == [("mobilenet3d", 0, 3), ("i3d", 0, 3), ("qd", 0, 3)]


def test_every_run_has_a_folder_of_its_own() -> None:
    tasks = plan([0, 1], [0, 1], [1, 2, 3])
    assert len({task.folder(Path("out")) for task in tasks}) == len(tasks)
    assert {task.name for task in tasks} <= {*EXPERIMENTS, POST_TRAINING}
