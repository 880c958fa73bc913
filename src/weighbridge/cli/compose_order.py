"""Joins what the order of a run's items goes by: earlier answers in the ledger, or recorded results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.earlier import Earlier
    from weighbridge.weigh.task import Task


def earlier_for(task: Task, ledger: Ledger, settings: Settings, run_id: str) -> Earlier | None:
    """What the run's order goes by; None where it is random. What a run began with is what it goes on with.

    Raises InputError where too little is known, or nothing that could be weighted would be left to say.
    """
    from weighbridge.weigh.earlier import check_weightable, from_ledger, keep, kept

    check_weightable(task)
    if task.limits.order == "random":
        return None
    from weighbridge.weigh.imports.earlier import from_results

    known = kept(settings.data_dir, run_id)
    if known is not None:
        return known
    path = task.limits.earlier
    found = from_ledger(task, ledger) if path is None else from_results(task, Path(task.folder, path))
    return keep(settings.data_dir, run_id, found)
