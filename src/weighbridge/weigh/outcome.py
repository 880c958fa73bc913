"""From what a run counted to the Report: the figures of each candidate, the verdict, and how to repeat it."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from weighbridge import __version__
from weighbridge.dispatch import Door
from weighbridge.stats import Rule, Verdict

from .drawing import Drawing
from .meter import Accounts, Meter
from .records import CandidateResult, Failure, Result, VerdictResult
from .task_record import Task


def make_result(task: Task, door: Door, drawing: Drawing, verdict: Verdict, accounts: Accounts) -> Result:
    """What `--json` prints."""
    estimates = {estimate.name: estimate for estimate in verdict.estimates}
    candidates = []
    for candidate in task.candidates:
        meter, estimate = accounts.meters[candidate.name], estimates[candidate.name]
        answered = meter.landed - meter.failed
        candidates.append(
            CandidateResult(
                name=candidate.name,
                model=candidate.model or candidate.backend.model or door.engines[candidate.backend.name].model,
                score=estimate.mean,
                interval=estimate.interval,
                calls=accounts.calls(candidate.name),
                failed=meter.failed,
                cost_usd=meter.usd if answered and candidate.backend.price is not None else None,
                latency_p50_s=meter.latencies.quantile(0.5),
                latency_p95_s=meter.latencies.quantile(0.95),
                tokens_in=meter.tokens_in if answered else None,
                tokens_out=meter.tokens_out if answered else None,
            )
        )
    return Result(
        task=task.name,
        items=drawing.weighed,
        candidates=tuple(candidates),
        verdict=verdict_result(verdict, task.rule),
        calls_used=sum(one.calls for one in candidates),
        calls_full=len(task.candidates) * _could_be_drawn(task, drawing) * task.limits.repeats,
        report=None,
    )


def _could_be_drawn(task: Task, drawing: Drawing) -> int:
    """Items of a run that never decides, drawn alike."""
    if drawing.draws is None:
        return len(drawing.order)
    return min(len(task.items), task.limits.max_items or len(task.items))


def verdict_result(verdict: Verdict, rule: Rule) -> VerdictResult:
    """A finished verdict in the shape that is printed."""
    assert verdict.basis is not None, "the contest was finished"
    return VerdictResult(
        decision=verdict.decision,
        winner=verdict.winner,
        alpha=rule.alpha,
        margin=rule.margin,
        basis=verdict.basis,
        reason=verdict.reason,
        goal=rule.goal,
        chosen=verdict.chosen,
        not_worse=verdict.not_worse,
        worse=verdict.worse,
    )


def failures(meters: Mapping[str, Meter]) -> tuple[Failure, ...]:
    """Every reason of every candidate, the commonest first."""
    found = [
        Failure(candidate=name, reason=reason, count=count, example=meter.examples[reason])
        for name, meter in meters.items()
        for reason, count in meter.reasons.items()
    ]
    return tuple(sorted(found, key=lambda failure: -failure.count))


def candidate_settings(task: Task, door: Door, about: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Per candidate everything that was asked how of what; `about` adds facts on a backend's weights."""
    return tuple(
        {
            "name": candidate.name,
            "model": candidate.model or candidate.backend.model or door.engines[candidate.backend.name].model,
            "endpoint": candidate.endpoint,
            "prompt": _plain(candidate.prompt),
            "answer": _plain(candidate.answer),
            "backend": _plain(candidate.backend),
            "fingerprint": door.engines[candidate.backend.name].fingerprint(),
            **about.get(candidate.backend.name, {}),
        }
        for candidate in task.candidates
    )


def provenance(
    task: Task, door: Door, *, run_id: str, seed: int, accounts: Accounts, left_out: Sequence[str]
) -> dict[str, Any]:
    """What it takes to repeat the run, and what the run itself paid. left_out: tags no groups were made of."""
    spending = door.ledger.spending(run_id)
    return {
        "task": {"folder": str(task.folder), "fingerprint": task.fingerprint, "items": len(task.items)},
        "run": run_id,
        "seed": seed,
        "limits": _plain(task.limits),
        "scores": _plain(task.scores),
        "ledger": str(door.ledger.path),
        **({"tags with too many values to group by": list(left_out)} if left_out else {}),
        "calls": {
            "sent now": sum(accounts.budget.sent.values()),
            "answers reused": sum(meter.reused for meter in accounts.meters.values()),
            "paid by this run, usd": None if spending.unpriced else round(spending.paid_usd, 9),
            "cut off when an earlier process of this run ended": accounts.before.cut_off,
            "may be billed for calls that broke or were cut off, usd at most": round(spending.held_usd, 9),
        },
        "versions": {
            "weighbridge": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "sqlite": sqlite3.sqlite_version,
            "platform": platform.platform(),
        },
    }


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)
