"""Weigh candidates on a task: draw items, ask, score, until the contest decides or the run has to stop.

Each drawn item is asked of all candidates that are still in (comparison.py), several items at once (crew.py), and
weighed in drawn order (drawing.py). Everything goes through the door, so that the same command after a stop or a
`kill -9` finds what was paid for and goes on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from weighbridge.dispatch import Clock, Door

from .askable import check_askable
from .breakdown import groups_result
from .comparison import Abilities, Comparison
from .earlier import Earlier, check_order, order_result
from .outcome import candidate_settings, failures, make_result, provenance
from .progress import Tell, Teller, silent
from .records import Report
from .shown import Reader
from .stops import check_prices
from .task_record import Task


async def weigh(
    task: Task,
    door: Door,
    *,
    clock: Clock,
    run_id: str,
    seed: int,
    abilities: Abilities,
    progress: Tell = silent,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    earlier: Earlier | None = None,
) -> Report:
    """Compare the task's candidates and report. A run that was stopped reports what it has, basis `stopped`.

    abilities: of each backend, by name. about: facts on a backend's weights (licence, revision), by name, for the
    report. earlier: scores that the order of items goes by; None for random order. Raises InputError for a task that
    cannot be weighed, CannotAsk for a candidate that cannot be asked, LedgerError when calls cannot be recorded, and
    KeyboardInterrupt for a second Ctrl-C; the ledger keeps what was paid for in any case.
    """
    check_prices(task.backends().values(), task.limits.max_usd)
    check_askable(task, door)
    check_order(task, earlier)
    with door.ledger.sole_run(run_id):
        started_at, started = clock.now(), clock.elapsed()
        run = Comparison(
            task,
            door,
            run_id=run_id,
            seed=seed,
            abilities=abilities,
            teller=Teller(progress, clock),
            discordance=None if earlier is None else earlier.predictions,
        )
        verdict = await run.make()
        judging = run.judging
        reader = Reader(task, door, abilities, None if judging is None else judging.court)
        result = make_result(task, door, run.drawing, verdict, run.accounts)
        if judging is not None:
            account = judging.account(run.drawing, looked_early=verdict.basis != "exhausted")
            result = msgspec.structs.replace(result, judging=account)
        groups = run.breakdown.groups(task.rule.alpha, run.drawing)
        result = msgspec.structs.replace(
            result,
            groups=groups_result(groups, task.rule.alpha),
            outcomes=run.answers.outcomes(verdict),
            repeats=run.answers.repeats(task.items),
            order=None if earlier is None else order_result(earlier, run.drawing),
        )
        return Report(
            result=result,
            rule=task.rule,
            description=task.description,
            started_at=started_at,
            elapsed_s=clock.elapsed() - started,
            looks=tuple(run.looks.taken),
            comparisons=verdict.comparisons,
            groups=groups,
            failures=failures(run.accounts.meters),
            items=tuple(reader.view(kept) for kept in run.shown.best_first()),
            items_total=len(task.items),
            provenance=provenance(
                task, door, run_id=run_id, seed=seed, accounts=run.accounts, left_out=run.breakdown.left_out
            ),
            candidates=candidate_settings(task, door, about or {}),
            eliminated=run.drawing.eliminated,
            stopped_by=run.stopped_by,
        )


def name_run(task: Task, seed: int) -> str:
    """The same for the same command: the task's name and a hash over its files, candidates, rule and seed.

    A run that goes on after a stop has its name, and so its money, in common with what came before.
    """
    limits = task.limits
    repeats = (limits.repeats,) if limits.repeats > 1 else ()
    order = (limits.order, limits.earlier) if limits.order != "random" else ()
    what = msgspec.json.encode([task.fingerprint, task.candidates, task.rule, seed, *repeats, *order])
    name = re.sub(r"[^A-Za-z0-9]+", "-", task.name).strip("-").lower()[:40] or "task"
    return f"{name}-{hashlib.blake2b(what, digest_size=6).hexdigest()}"
