"""Loading a task from its folder; `check.py` lists all mistakes, this stops at the first."""

from __future__ import annotations

from pathlib import Path

from weighbridge.formats.problems import Problems
from weighbridge.weigh.loading import read_task
from weighbridge.weigh.task_record import Task

__all__ = ["Task", "load_task"]


def load_task(folder: Path, *, cache_dir: Path | None = None) -> Task:
    """The task in a folder, every file read and checked; calls no model. Raises InputError for the first mistake.

    With `cache_dir` the index of the items is kept there, so that the next start does not scan a large file again.
    """
    task = read_task(folder, Problems(first_raises=True), cache_dir)
    assert task is not None  # the first problem raised
    return task
