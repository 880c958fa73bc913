"""Everything that is wrong with a task, found without asking any model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weighbridge.formats.problems import Problem, Problems
from weighbridge.weigh.earlier import order_problems
from weighbridge.weigh.loading import read_task
from weighbridge.weigh.task_record import Task
from weighbridge.weigh.weights_here import Pulled


def check_task(
    folder: Path, pulled: Pulled = lambda _: None, changed: Callable[[Task], Task] = lambda task: task
) -> tuple[Problem, ...]:
    """Every mistake, with file, line and field, in the order of the files; empty for a sound task.

    `pulled` says where a source's weights are, if they were pulled before; `changed` makes of a sound task the one that
    would be run.
    """
    problems = Problems()
    task = read_task(folder, problems, None, pulled)
    if task is not None:
        try:
            for problem in order_problems(task if problems.found else changed(task)):
                problems.add(problem)
        finally:
            task.close()
    return tuple(problems.found)
