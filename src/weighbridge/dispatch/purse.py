"""The part of a budget that this process may hand out, and the holds taken from it.

    free = lent to this process - held for calls under way - cost of calls that ended

A call is admitted when the most it could cost is free in every purse it is paid from (key, team, route); that much is
held until its cost is known. Whoever runs the process sees to it that purses are filled (ledger/leases.py): several
processes together are then never lent more than the budget has left, so however many calls come at once, what is
spent beyond it is nothing but what single calls cost more than was held for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .allowance import Allowance

ROUNDING_USD = 1e-9
"""Sums of dollars are off by less; a cent in ten million."""


class Purse:
    """Of one budget. Not thread-safe: it belongs to one event loop."""

    __slots__ = ("allowance", "dry_until", "free", "kind", "name", "used_at")

    def __init__(self, kind: str, name: str, allowance: Allowance) -> None:
        """`kind`: `key`, `team` or `route`."""
        self.kind = kind
        self.name = name
        self.allowance = allowance
        self.free = 0.0
        self.dry_until = float("-inf")
        """Until then, on the process's clock, nobody needs to ask whether there is more: there was not."""
        self.used_at = float("-inf")

    def __str__(self) -> str:
        return f"the budget of {self.kind} {self.name!r}, {self.allowance}"


def hold(purses: Sequence[Purse], usd: float, now: float) -> Purse | None:
    """Set money aside in all of them, or, where one cannot pay, in none: then that one. `now` is on the process's
    clock."""
    for purse in purses:
        free = purse.free
        if free <= 0.0 or free + ROUNDING_USD < usd:
            return purse
    for purse in purses:
        purse.free -= usd
        purse.used_at = now
    return None


def settle(purses: Sequence[Purse], held_usd: float, cost_usd: float) -> None:
    """The call cost that much; the rest of its hold is free again."""
    for purse in purses:
        purse.free += held_usd - cost_usd
