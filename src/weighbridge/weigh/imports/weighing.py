"""A verdict on results that already exist, by the same test as a live run.

Items are drawn in random order, for files have an order of their own (by subject, by difficulty) that a sequential test
must not follow. Every item is used, since none costs anything: no end comes before the last item, so that the verdict
stands with the scores and intervals of all paired items. Where a live run in this order would have stopped is told
beside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError
from weighbridge.formats.problems import did_you_mean
from weighbridge.stats import Rule, Verdict
from weighbridge.stats.arrays import Floats
from weighbridge.stats.outcomes import PairSums
from weighbridge.stats.repeats import Repeatability, repeatability
from weighbridge.weigh.breakdown import LONGEST_VALUE, MOST_VALUES, Breakdown
from weighbridge.weigh.clusters import draw_clusters
from weighbridge.weigh.drawing import Drawing, draw_order
from weighbridge.weigh.looks import Looks
from weighbridge.weigh.records import Outcomes
from weighbridge.weigh.shown import Failed, Shown

from .sheet import Column, Rows, Sheet

MOST_TAGS = 12
"""Beyond the task; a log's data sets may bring many more."""
EVERY = 500

Tell = Callable[[int, int], None]
"""Told how many items were weighed, and of how many."""


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found, for the report."""

    verdict: Verdict
    drawing: Drawing
    looks: Looks
    breakdown: Breakdown
    shown: Shown
    outcomes: Outcomes
    repeats: tuple[Repeatability, ...]
    rows: Rows
    """The paired items, as rows of the sheet, in drawn order."""
    live_items: int
    live_calls: int


def paired_rows(sheet: Sheet, names: Sequence[str]) -> Rows:
    """Rows that every candidate has a sample of, scored or failed. Raises InputError where there are none."""
    present = [sheet.columns[name].present(len(sheet.items)) for name in names]
    rows = np.flatnonzero(np.logical_and.reduce(present))
    if not len(rows):
        counts = ", ".join(f"{name} has {int(one.sum()):,}" for name, one in zip(names, present, strict=True))
        examples = ", ".join(f"{name}: {_example(sheet, one)!r}" for name, one in zip(names[:3], present, strict=False))
        raise InputError(
            f"no item has an answer of every candidate: {counts}",
            where=f"for example {examples}",
            next_move="Weigh candidates that were given the same items: --candidates A,B. Items are the same where "
            "their task and content are (or, in tables, their ids).",
        )
    return rows


def _example(sheet: Sheet, present: npt.NDArray[np.bool_]) -> str:
    return sheet.items[int(np.argmax(present))]


def weigh_sheet(
    sheet: Sheet, names: Sequence[str], rule: Rule, *, seed: int, max_items: int | None, tell: Tell
) -> Weighed:
    """Weigh the candidates on the items all of them have. Raises InputError."""
    paired = paired_rows(sheet, names)
    order, last, of = _drawn(sheet, paired, rule, seed, max_items)
    columns = [sheet.columns[name] for name in names]
    scores = np.stack([column.means(len(sheet.items))[paired] for column in columns], axis=1)
    answers = np.stack([column.answered(len(sheet.items))[paired] for column in columns], axis=1)
    whole = msgspec.structs.replace(rule, min_items=len(order) if last is None else int(last.sum()))
    drawing = Drawing(names, whole, order, of=of, last=last)
    live = Drawing(names, rule, order, of=of, last=last)
    live_calls = 0
    looks, shown = Looks(len(names)), Shown(len(names))
    breakdown = Breakdown(_tags(sheet, rule.cluster), names, skip_empty=True)
    labels = _labels(sheet, paired, rule.cluster)
    for position, place in enumerate(order.tolist()):
        row = scores[place].tolist()
        if not live.decided:
            live_calls += sum(int(answers[place, names.index(name)]) for name in live.active)
            live.land(position, row)
        drawing.land(position, row)
        breakdown.add([values[place] for values in labels], row)
        shown.add(position, int(paired[place]), tuple(row), _failed(columns, row))
        if looks.due(position + 1):
            looks.take(drawing.contest.verdict(), position + 1, (position + 1) * len(names))
        if position % EVERY == 0:
            tell(position, len(order))
    verdict = drawing.finish()
    looks.take(verdict, len(order), len(order) * len(names))
    rows = paired[order]
    return Weighed(
        verdict=verdict,
        drawing=drawing,
        looks=looks,
        breakdown=breakdown,
        shown=shown,
        outcomes=outcomes_of(columns, rows, len(sheet.items), leader_of(verdict)),
        repeats=_repeats(columns, sheet, rows),
        rows=rows,
        live_items=live.weighed,
        live_calls=live_calls,
    )


def _drawn(
    sheet: Sheet, paired: Rows, rule: Rule, seed: int, max_items: int | None
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_] | None, int]:
    """Paired items in drawn order, which of them end a cluster (None: items are alone), and how many there are to draw.

    Raises InputError for an item that belongs to no cluster."""
    if rule.cluster is None:
        return draw_order(len(paired), seed, max_items), None, len(paired)
    codes = np.zeros(len(sheet.items), dtype=np.int64)
    known = sheet.tags.get(rule.cluster, ())
    codes[: len(known)] = known
    alone = np.flatnonzero(codes[paired] == 0)
    if len(alone):
        raise InputError(
            f"{len(alone):,} of {len(paired):,} items have no {rule.cluster!r} of at most 100 characters; "
            f"for example {sheet.items[int(paired[alone[0]])]!r}",
            where="--cluster",
            next_move=did_you_mean(rule.cluster, sheet.tags) or "Name a field that every item has.",
        )
    drawn = draw_clusters(np.unique(codes[paired], return_inverse=True)[1], seed, max_items)
    return drawn.order, drawn.last, drawn.clusters


def leader_of(verdict: Verdict) -> str:
    """The winner, else the candidate with the best mean."""
    best = max(verdict.estimates, key=lambda one: -1.0 if one.mean is None else one.mean)
    return verdict.winner or best.name


def outcomes_of(columns: Sequence[Column], rows: Rows, items: int, leader: str) -> Outcomes:
    """Dollars and seconds of the leader against each other candidate, on the items compared."""
    names = [column.name for column in columns]
    place = names.index(leader)

    def differences(tables: Sequence[Floats]) -> tuple[object, ...]:
        sums = PairSums(len(names))
        for values in np.stack([table[rows] for table in tables], axis=1):
            sums.add(values)
        return sums.differences(names, place, total=len(rows))

    found = {}
    for what, quantities in (("usd", [one.usd for one in columns]), ("latency_s", [one.seconds for one in columns])):
        if sum(one.known > 0 for one in quantities) > 1:
            found[what] = differences([one.means(items) for one in quantities])
    return Outcomes(**found)  # type: ignore[arg-type]


def _failed(columns: Sequence[Column], scores: Sequence[float]) -> dict[str, Failed]:
    """Candidates that have no scored answer to an item."""
    return {
        column.name: Failed("failed", next(iter(column.examples.values()), ""))
        for column, score in zip(columns, scores, strict=True)
        if math.isnan(score)
    }


def _tags(sheet: Sheet, cluster: str | None) -> list[str]:
    """Ways to group the items: the task where there are several, and tags with more than one value; no clusters."""
    tags = ["task"] if len(sheet.task_names) > 1 else []
    usable = [
        tag
        for tag, values in sheet.tag_values.items()
        if 1 < len(values) <= MOST_VALUES and tag not in ("task", cluster)
    ]
    return [*tags, *usable[:MOST_TAGS]]


def _labels(sheet: Sheet, paired: Rows, cluster: str | None) -> list[list[str]]:
    """By tag, the value of every paired item."""
    found = []
    for tag in _tags(sheet, cluster):
        if tag == "task" and len(sheet.task_names) > 1:
            names, codes = list(sheet.task_names), np.array(sheet.tasks)
        else:
            names = ["", *sheet.tag_values[tag]]
            codes = np.zeros(len(sheet.items), dtype=np.intp)
            known = sheet.tags[tag]
            codes[: len(known)] = known
        found.append([names[code][:LONGEST_VALUE] for code in codes[paired].tolist()])
    return found


def _repeats(columns: Sequence[Column], sheet: Sheet, rows: Rows) -> tuple[Repeatability, ...]:
    """Of each candidate whose items were answered several times; only items that are compared."""
    ids = [sheet.items[row] for row in rows]
    found = []
    for column in columns:
        column.grow(len(sheet.items))
        one = repeatability(column.answers(rows), ids)
        if one is not None:
            found.append(one)
    return tuple(found)
