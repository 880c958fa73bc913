"""What can be said before a run, and instead of one: mistakes, an estimate, a replay. Starts and calls nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.cli.changes import Changes
from weighbridge.cli.compose import change, ruled
from weighbridge.errors import UsageError
from weighbridge.settings import Settings

if TYPE_CHECKING:
    from weighbridge.formats.problems import Problem
    from weighbridge.weigh.plan import Estimate
    from weighbridge.weigh.records import Report
    from weighbridge.weigh.task_record import Task


def check_folder(folder: Path, changes: Changes, settings: Settings) -> tuple[Problem, ...]:
    """Every mistake of a task; weights that were pulled before are looked at where they lie. Of a task without one,
    what its policy would refuse."""
    from weighbridge.cli.compose_weigh_policy import refusals
    from weighbridge.engines.pull import pulled_before
    from weighbridge.weigh.check import check_task
    from weighbridge.weigh.task import load_task

    def changed(task: Task) -> Task:
        return change(task, changes)

    found = check_task(folder, lambda source: pulled_before(source, settings), changed)
    if found:
        return found
    task = changed(load_task(folder))
    try:
        return refusals(task, changes, settings)
    finally:
        task.close()


def estimate_task(folder: Path, changes: Changes, settings: Settings) -> Estimate:
    """What a run would take; reads the task and the ledger, starts and calls nothing."""
    from weighbridge.ledger import Ledger
    from weighbridge.weigh.earlier import check_weightable
    from weighbridge.weigh.plan import estimate
    from weighbridge.weigh.task import load_task

    task = change(load_task(folder, cache_dir=settings.cache_dir), changes)
    try:
        check_weightable(task)
        with Ledger(settings.data_dir) as ledger:
            return estimate(task, ledger, task.limits.seed)
    finally:
        task.close()


def replay_table(table: Path, changes: Changes, *, rows_are_items: bool = False) -> Report:
    """Weigh recorded scores; a Report with nothing but the result, for nothing was asked."""
    from weighbridge.dispatch import SystemClock
    from weighbridge.stats import Rule
    from weighbridge.weigh.records import Report
    from weighbridge.weigh.replay import replay

    if not changes.only:
        raise UsageError("--replay needs --candidates", next_move="Name two or more columns: --candidates A,B")
    rule = ruled(Rule(), changes)
    clock = SystemClock()
    began = clock.elapsed()
    result = replay(
        table,
        changes.only,
        rule=rule,
        seed=changes.seed or 0,
        max_items=changes.max_items,
        rows_are_items=rows_are_items,
        discordant=changes.order == "discordant",
    )
    return Report(
        result=result,
        rule=rule,
        description="",
        started_at=clock.now(),
        elapsed_s=clock.elapsed() - began,
        looks=(),
        comparisons=(),
        groups=(),
        failures=(),
        items=(),
        items_total=result.calls_full // len(changes.only),
        provenance={},
        candidates=(),
    )
