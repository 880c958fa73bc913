"""What a run tells while it is under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from weighbridge.dispatch import Clock
from weighbridge.stats import Estimate, Interval, Verdict

from .drawing import Drawing
from .meter import Accounts

Stage = Literal["running", "stopping", "done"]

EVERY_S = 0.25
"""Seconds between two tellings at least."""
MOST_SHARE = 0.05
"""Of the time that telling may take: with many candidates a look costs more, and is taken less often."""


class CandidateProgress(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    score: float | None
    interval: Interval
    """Valid at every look."""
    calls: int
    failed: int
    usd: float | None
    """None when a price or a count is unknown."""
    tokens_per_s: float | None
    """Tokens written since the run began, over the time since; None when they are not counted."""
    active: bool
    """False once it is no longer asked."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run at one moment."""

    items: int
    """Weighed so far."""
    total: int
    candidates: tuple[CandidateProgress, ...]
    spent_usd: float
    """What is known to be spent, and the most that calls of unknown cost may have cost."""
    elapsed_s: float
    left_s: float | None
    """Until all items are weighed, at the present pace; the run ends earlier if it is decided earlier."""
    state: str
    """A sentence about the verdict."""
    stage: Stage


Tell = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tells nobody."""


class Teller:
    """Tells how a run stands, often enough to watch it and seldom enough not to slow it down."""

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._started = clock.elapsed()
        self._next = self._started

    def due(self) -> bool:
        return self._clock.elapsed() >= self._next

    def tell(self, stage: Stage, drawing: Drawing, accounts: Accounts, verdict: Verdict) -> None:
        began = self._clock.elapsed()
        elapsed, weighed, total = began - self._started, drawing.weighed, len(drawing.order)
        progress = Progress(
            items=weighed,
            total=total,
            candidates=tuple(_candidate(estimate, accounts, elapsed) for estimate in verdict.estimates),
            spent_usd=accounts.budget.spent_usd,
            elapsed_s=elapsed,
            left_s=elapsed / weighed * (total - weighed) if weighed else None,
            state=verdict.reason,
            stage=stage,
        )
        self._tell(progress)
        took = self._clock.elapsed() - began
        self._next = began + max(EVERY_S, took / MOST_SHARE)


def _candidate(estimate: Estimate, accounts: Accounts, elapsed_s: float) -> CandidateProgress:
    meter = accounts.meters[estimate.name]
    counted = meter.tokens_out is not None and meter.tokens_written and elapsed_s > 0
    return CandidateProgress(
        name=estimate.name,
        score=estimate.mean,
        interval=estimate.interval,
        calls=accounts.calls(estimate.name),
        failed=meter.failed,
        usd=meter.usd,
        tokens_per_s=meter.tokens_written / elapsed_s if counted else None,
        active=estimate.active,
    )
