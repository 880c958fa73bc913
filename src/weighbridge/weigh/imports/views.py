"""The items that tell most, side by side: their texts are read from the logs again, once it is known which they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weighbridge.weigh.records import ItemView, Sample
from weighbridge.weigh.shown import Kept, clip, clipped_value

from .gather import Gathered, candidate_of
from .recorded import Log, Recorded
from .weighing import Weighed


def item_views(logs: Sequence[Log], gathered: Gathered, weighed: Weighed, names: Sequence[str]) -> tuple[ItemView, ...]:
    """The items with the largest differences first, each with the first answer of every candidate."""
    kept = weighed.shown.best_first()
    texts = _texts(logs, gathered, {one.place for one in kept}, names)
    return tuple(_view(one, texts.get(one.place, {}), gathered, names) for one in kept)


def _texts(
    logs: Sequence[Log], gathered: Gathered, wanted: set[int], names: Sequence[str]
) -> dict[int, dict[str, Recorded]]:
    """By row and candidate the first answer, its texts cut."""
    found: dict[int, dict[str, Recorded]] = {row: {} for row in wanted}
    for log in logs:
        if str(log.path) not in gathered.with_texts:
            continue
        by_content, metric = gathered.by_content[log.task], gathered.metrics.get(log.task, "")
        for sample in log.read():
            row = gathered.sheet.find(log.task, sample, by_content=by_content)
            if row not in found or (metric not in sample.scores and not sample.failed):
                continue
            name = candidate_of(log, sample)
            name = log.given if log.given and log.given in gathered.sheet.columns else name
            if name in names and name not in found[row]:
                sample.answer, sample.asked = clip(sample.answer), clipped_value(sample.asked)
                found[row][name] = sample
    return found


def _view(kept: Kept, answers: dict[str, Recorded], gathered: Gathered, names: Sequence[str]) -> ItemView:
    sheet, row = gathered.sheet, kept.place
    first = next(iter(answers.values()), None)
    fields: dict[str, Any] = {} if first is None or first.asked is None else {"asked": first.asked}
    expected = {} if first is None or first.expected is None else {"expected": clipped_value(first.expected)}
    task = list(sheet.task_names)[sheet.tasks[row]]
    samples = (
        _sample(name, row, score, answers.get(name), gathered) for name, score in zip(names, kept.scores, strict=True)
    )
    return ItemView(
        id=f"{task}: {sheet.items[row]}" if len(sheet.task_names) > 1 else sheet.items[row],
        order=1 - kept.before,
        tags=sheet.tags_of_row(row),
        fields=fields,
        reference=expected,
        samples=tuple(samples),
        spread=kept.spread,
    )


def _sample(name: str, row: int, score: float, answer: Recorded | None, gathered: Gathered) -> Sample:
    """The first answer with the mean score of all; failed where none has a score."""
    column = gathered.sheet.columns[name]
    answers = column.count[row]
    failed = math.isnan(score)
    note = "" if answer is None else answer.note
    if answers > 1:
        first = " the first is shown." if answer is not None and answer.answer else ""
        note = f"mean of {answers} answers, {column.passes[row]} with a full score.{first} {note}".strip()
    reason = None if not failed else (answer.failed if answer is not None else None) or "no score"
    return Sample(
        item=row,
        candidate=name,
        text="(no text recorded)" if answer is None or not answer.answer else answer.answer,
        score=None if failed else score,
        note=note,
        failed=reason,
        error=None if not failed or answer is None else answer.error or None,
        usd=None if answer is None else answer.usd,
        latency_s=None if answer is None else answer.latency_s,
    )
