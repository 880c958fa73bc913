"""Weigh recorded scores as if calls were made.

Drawing and deciding are those of a live run (drawing.py); only the answers are already there. A replay calls nothing
and writes no ledger rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from weighbridge.errors import InputError
from weighbridge.stats import Estimate, Rule

from .drawing import Drawing, draw_order
from .earlier import Earlier, earlier_of, order_result
from .other_columns import read_others
from .outcome import verdict_result
from .records import CandidateResult, Result
from .table import read_table
from .weighted_order import weighted_order


def replay(
    path: Path,
    candidates: Sequence[str],
    *,
    rule: Rule,
    seed: int = 0,
    max_items: int | None = None,
    rows_are_items: bool = False,
    discordant: bool = False,
) -> Result:
    """Draw items from a wide table until it is decided which candidate is better.

    Only items with a score for every named candidate are drawn, at most `max_items`. Calls are counted as a live run
    would make them: one for each item and candidate that is still in. With `rows_are_items` the first column is no id
    and may say the same twice, like a subject. With `discordant` items on which the other columns differ come up more
    often. Raises UsageError for names that are no columns, InputError for a table that cannot be used.
    """
    table = read_table(path, candidates, rows_are_items=rows_are_items)
    total = len(table.scores)
    if not total:
        raise InputError(
            f"none of the {table.rows} items has a score for all of: {', '.join(candidates)}",
            where=path.name,
            next_move="Name candidates that were scored on the same items.",
        )
    earlier = _others(path, candidates) if discordant else None
    if earlier is None:
        drawing = Drawing(candidates, rule, draw_order(total, seed, max_items), of=total)
    else:
        order, draws = weighted_order(earlier.predictions, rule, seed, max_items)
        drawing = Drawing(candidates, rule, order.astype(np.uint32), of=total, draws=draws)
    calls = dict.fromkeys(candidates, 0)
    for position, place in enumerate(drawing.order):
        for name in drawing.active:
            calls[name] += 1
        drawing.land(position, table.scores[place].tolist())
        if drawing.decided:
            break
    verdict = drawing.finish()
    return Result(
        task=path.name,
        items=drawing.weighed,
        candidates=tuple(_line(estimate, calls[estimate.name]) for estimate in verdict.estimates),
        verdict=verdict_result(verdict, rule),
        calls_used=sum(calls.values()),
        calls_full=min(total, max_items or total) * len(candidates),
        report=None,
        order=None if earlier is None else order_result(earlier, drawing),
    )


def _others(path: Path, candidates: Sequence[str]) -> Earlier:
    others = read_others(path, candidates)
    return earlier_of(path.name, others.scores, others.names)


def _line(estimate: Estimate, calls: int) -> CandidateResult:
    """Nothing is known of a recorded score but the score."""
    return CandidateResult(
        name=estimate.name,
        model=estimate.name,
        score=estimate.mean,
        interval=estimate.interval,
        calls=calls,
        failed=0,
        cost_usd=None,
        latency_p50_s=None,
        latency_p95_s=None,
        tokens_in=None,
        tokens_out=None,
    )
