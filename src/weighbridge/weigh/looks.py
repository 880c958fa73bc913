"""How the comparison looked at its stages, for the report's chart."""

from __future__ import annotations

from weighbridge.stats import Verdict
from weighbridge.weigh.records import Look

FIRST = 5
"""Items before the first look."""
STEP_OF_FEW, STEP_OF_MANY = 1.15, 2.0
"""Each look comes at so many times the items of the one before: at most 90 looks for a million items of a few
candidates, 20 for many, whose looks cost more."""
MANY_PAIRS = 45


class Looks:
    """Says when to look, and keeps what was seen."""

    def __init__(self, candidates: int) -> None:
        self.taken: list[Look] = []
        many = candidates * (candidates - 1) // 2 > MANY_PAIRS
        self._step = STEP_OF_MANY if many else STEP_OF_FEW
        self._next = FIRST

    def due(self, items: int) -> bool:
        return items >= self._next

    def take(self, verdict: Verdict, items: int, calls: int) -> None:
        """Keep the state at this look; a second look after the same item replaces the first."""
        if self.taken and self.taken[-1].items == items:
            self.taken.pop()
        self.taken.append(look(verdict, items, calls))
        self._next = max(items + 1, round(items * self._step))


def look(verdict: Verdict, items: int, calls: int) -> Look:
    """The pair that decides comes first among a verdict's comparisons."""
    first = verdict.comparisons[0]
    return Look(
        items=items,
        calls=calls,
        means={estimate.name: estimate.mean for estimate in verdict.estimates},
        intervals={estimate.name: estimate.interval for estimate in verdict.estimates},
        evidence=first.evidence,
        threshold=first.threshold,
        decision=verdict.decision,
        winner=verdict.winner,
        pair=(first.first, first.second),
        difference=first.difference,
        difference_interval=first.interval,
    )
