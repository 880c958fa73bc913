"""From a weighed sheet to the Report that is printed and written: the same shape as after a live run."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from weighbridge import __version__
from weighbridge.stats import Rule
from weighbridge.weigh.breakdown import groups_result
from weighbridge.weigh.outcome import verdict_result
from weighbridge.weigh.records import (
    CandidateResult,
    Failure,
    ItemView,
    RecordedElsewhere,
    Report,
    Result,
    Source,
)

from .gather import Gathered
from .recorded import Log
from .scale import Scale
from .sheet import Sheet
from .weighing import Weighed

LITTLE_SHARED = 0.5
"""Share of a candidate's items that all others have, below which it is said aloud."""


def make_report(
    *,
    logs: Sequence[Log],
    gathered: Gathered,
    weighed: Weighed,
    names: Sequence[str],
    rule: Rule,
    scale: Scale,
    seed: int,
    items: tuple[ItemView, ...],
    started_at: float,
    elapsed_s: float,
) -> Report:
    sheet = gathered.sheet
    groups = weighed.breakdown.groups(rule.alpha)
    recorded = _recorded(logs, gathered, weighed, names=names, scale=scale, seed=seed)
    result = Result(
        task=_title([log for log in logs if gathered.samples[str(log.path)]] or logs),
        items=len(weighed.rows),
        candidates=tuple(_line(sheet, name, weighed) for name in names),
        verdict=verdict_result(weighed.verdict, rule),
        calls_used=sum(_answers(sheet, name, weighed) for name in names),
        calls_full=sum(_answers(sheet, name, weighed) for name in names),
        report=None,
        groups=groups_result(groups, rule.alpha),
        outcomes=weighed.outcomes if weighed.outcomes.usd or weighed.outcomes.latency_s else None,
        repeats=weighed.repeats,
        recorded=recorded,
    )
    return Report(
        result=result,
        rule=rule,
        description="Results recorded elsewhere, weighed without asking any model.",
        started_at=started_at,
        elapsed_s=elapsed_s,
        looks=tuple(weighed.looks.taken),
        comparisons=weighed.verdict.comparisons,
        groups=groups,
        failures=_failures(sheet, names),
        items=items,
        items_total=len(weighed.rows),
        provenance=_provenance(recorded, weighed),
        candidates=tuple(_candidate(logs, name) for name in names),
        eliminated=weighed.drawing.eliminated,
    )


def _title(logs: Sequence[Log]) -> str:
    """The tasks' names, or the files'."""
    tasks = list(dict.fromkeys(log.task for log in logs if log.task))
    named = tasks or list(dict.fromkeys(log.name for log in logs))
    return (
        named[0] if len(named) == 1 else f"{', '.join(named[:3])}" + (f" and {len(named) - 3} more" * (len(named) > 3))
    )


def _answers(sheet: Sheet, name: str, weighed: Weighed) -> int:
    column = sheet.columns[name]
    return int((np.array(column.count)[weighed.rows] + np.array(column.failed)[weighed.rows]).sum())


def _line(sheet: Sheet, name: str, weighed: Weighed) -> CandidateResult:
    column = sheet.columns[name]
    estimate = next(one for one in weighed.verdict.estimates if one.name == name)
    seconds = column.seconds.means(len(sheet.items))[weighed.rows]
    seconds = seconds[~np.isnan(seconds)]
    tokens = [one.total(weighed.rows) for one in (column.tokens_in, column.tokens_out)]
    return CandidateResult(
        name=name,
        model=name,
        score=estimate.mean,
        interval=estimate.interval,
        calls=_answers(sheet, name, weighed),
        failed=int(np.array(column.failed)[weighed.rows].sum()),
        cost_usd=column.usd.total(weighed.rows),
        latency_p50_s=float(np.quantile(seconds, 0.5)) if len(seconds) else None,
        latency_p95_s=float(np.quantile(seconds, 0.95)) if len(seconds) else None,
        tokens_in=None if tokens[0] is None else int(tokens[0]),
        tokens_out=None if tokens[1] is None else int(tokens[1]),
    )


def _failures(sheet: Sheet, names: Sequence[str]) -> tuple[Failure, ...]:
    found = [
        Failure(candidate=name, reason=reason, count=count, example=sheet.columns[name].examples[reason])
        for name in names
        for reason, count in sheet.columns[name].reasons.items()
    ]
    return tuple(sorted(found, key=lambda failure: -failure.count))


def _recorded(
    logs: Sequence[Log], gathered: Gathered, weighed: Weighed, *, names: Sequence[str], scale: Scale, seed: int
) -> RecordedElsewhere:
    sheet = gathered.sheet
    present = {name: sheet.columns[name].present(len(sheet.items)) for name in names}
    seen = int(np.logical_or.reduce(list(present.values())).sum())
    paired = int(np.logical_and.reduce(list(present.values())).sum())
    return RecordedElsewhere(
        sources=tuple(_source(log, gathered.samples[str(log.path)]) for log in logs),
        metrics=dict(gathered.metrics),
        other_metrics=gathered.others,
        scale=str(scale),
        items_seen=seen,
        items_paired=paired,
        missing={name: seen - int(one.sum()) for name, one in present.items()},
        blank=gathered.blank,
        seed=seed,
        live_items=weighed.live_items,
        live_calls=weighed.live_calls,
        notes=(*_unread(logs, gathered), *_notes(gathered, present, names, paired)),
    )


def _unread(logs: Sequence[Log], gathered: Gathered) -> list[str]:
    """Files that gave nothing."""
    empty = [log for log in logs if not gathered.samples[str(log.path)]]
    named = list(dict.fromkeys(log.task or log.name for log in empty))
    if not named:
        return []
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    return [f"Left out, for no answer has a score by the metric that counts: {', '.join(named[:5])}{more}."]


def _notes(gathered: Gathered, present: dict[str, Any], names: Sequence[str], paired: int) -> list[str]:
    """What a reader of the verdict has to know, a sentence each."""
    sheet = gathered.sheet
    notes = []
    if gathered.others:
        which = ", ".join(dict.fromkeys(gathered.metrics.values()))
        others = ", ".join(gathered.others[:8]) + (" ..." if len(gathered.others) > 8 else "")
        notes.append(f"Scored by {which}. Also recorded: {others}; --metric takes another.")
    few = [name for name in names if paired < LITTLE_SHARED * int(present[name].sum())]
    if few:
        notes.append(
            f"Less than half of the items of {', '.join(few[:5])} could be paired; leaving out a candidate with few "
            "items compares the others on more: --candidates A,B."
        )
    if sheet.rivals:
        notes.append(f"{sheet.rivals:,} items have the id of another one and another content: they are not paired.")
    left = [name for name in sheet.columns if name not in names]
    if left:
        notes.append(f"Left out: {', '.join(left[:5])}" + (f" and {len(left) - 5} more." if len(left) > 5 else "."))
    for name in names:
        means = sheet.columns[name].means(len(sheet.items))[present[name]]
        means = means[~np.isnan(means)]
        if len(means) > 1 and means.min() == means.max():
            notes.append(f"{name} scores {means[0]:g} on every item.")
    return notes


def _source(log: Log, samples: int) -> Source:
    return Source(
        path=str(log.path),
        format=log.format,
        task=log.task,
        candidates=(log.candidate,) if log.candidate else (),
        written=log.written,
        samples=samples,
        notes=tuple(log.notes),
    )


def _candidate(logs: Sequence[Log], name: str) -> dict[str, Any]:
    """What the logs say about how a candidate was asked."""
    own = [log for log in logs if log.candidate == name]
    return {
        "name": name,
        "model": name,
        "recorded by": ", ".join(dict.fromkeys(log.format for log in own or logs)),
        "settings": "; ".join(dict.fromkeys(log.settings for log in own if log.settings)) or None,
        "written": ", ".join(dict.fromkeys(log.written for log in own if log.written)) or None,
    }


def _provenance(recorded: RecordedElsewhere, weighed: Weighed) -> dict[str, Any]:
    left_out = weighed.breakdown.left_out
    return {
        "kind": "reported: the scores were recorded by others; nothing was asked or scored here",
        "seed": recorded.seed,
        "metrics": recorded.metrics,
        "scale": recorded.scale,
        "items": {"seen": recorded.items_seen, "paired": recorded.items_paired, "missing": recorded.missing},
        "notes": list(recorded.notes),
        "sources": [msgspec.structs.asdict(one) for one in recorded.sources],
        **({"tags with too many values to group by": list(left_out)} if left_out else {}),
        "versions": {
            "weighbridge": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": platform.platform(),
        },
    }
