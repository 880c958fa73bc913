"""Everything that is wrong with a task, found without asking any model."""

from __future__ import annotations

from pathlib import Path

from weighbridge.formats.problems import Problem, Problems
from weighbridge.weigh.loading import read_task


def check_task(folder: Path) -> tuple[Problem, ...]:
    """Every mistake, with file, line and field, in the order of the files; empty for a sound task."""
    problems = Problems()
    task = read_task(folder, problems, None)
    if task is not None:
        task.close()
    return tuple(problems.found)
