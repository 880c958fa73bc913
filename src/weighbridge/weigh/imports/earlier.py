"""Recorded results as what the order of a task's items goes by: items are found by their id."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from weighbridge.errors import InputError
from weighbridge.stats.discordance import EarlierScores
from weighbridge.weigh.earlier import Earlier, earlier_of
from weighbridge.weigh.task_record import Task

from .find import find_logs
from .gather import Wanted, gather
from .naming import named
from .recorded import Taken
from .sheet import Sheet


def from_results(task: Task, path: Path) -> Earlier:
    """Whatever `--from` reads, scores from 0 to 1. Candidates that the task weighs are left out. Raises InputError."""
    logs = named(find_logs([str(path)], Taken()))
    sheet = gather(logs, Wanted(), _quiet).sheet
    weighed = {candidate.name for candidate in task.candidates}
    names = tuple(name for name in sheet.columns if name not in weighed)
    places = _places(task, sheet, path)
    scores = EarlierScores(len(task.items))
    rows = np.array(list(places.values()), dtype=np.intp)
    at = np.array(list(places), dtype=np.intp)
    for name in names:
        values = np.full(len(task.items), np.nan)
        values[at] = sheet.columns[name].means(len(sheet.items))[rows]
        scores.add_all(values)
    return earlier_of(str(path), scores, names)


def _quiet(_name: str, _count: int) -> None:
    """Reading earlier results is no part of the run to be told of."""


def _places(task: Task, sheet: Sheet, path: Path) -> dict[int, int]:
    """Index of a task's item to its row of the sheet."""
    rows = {item: row for row, item in enumerate(sheet.items)}
    found = {item.index: rows[item.id] for item in task.items if item.id in rows}
    if not found:
        theirs, ours = (
            ", ".join(sheet.items[:3]),
            ", ".join(task.items[place].id for place in range(min(3, len(task.items)))),
        )
        raise InputError(
            f"none of the {len(rows):,} items in {path.name} is an item of the task: there {theirs}, here {ours}",
            where=str(path),
            next_move="Items are found by their id; results on other items say nothing about these.",
        )
    return found
