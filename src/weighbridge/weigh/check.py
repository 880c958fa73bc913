"""Everything that is wrong with a task, found without asking any model."""

from __future__ import annotations

from pathlib import Path

from weighbridge.formats.problems import Problem, Problems
from weighbridge.weigh.earlier import order_problems
from weighbridge.weigh.loading import read_task
from weighbridge.weigh.weights_here import Pulled


def check_task(folder: Path, pulled: Pulled = lambda _: None) -> tuple[Problem, ...]:
    """Every mistake, with file, line and field, in the order of the files; empty for a sound task.

    `pulled` says where a source's weights are, if they were pulled before.
    """
    problems = Problems()
    task = read_task(folder, problems, None, pulled)
    if task is not None:
        for problem in order_problems(task):
            problems.add(problem)
        task.close()
    return tuple(problems.found)
