"""Requests and tokens a minute: never more than the limit within any 60 seconds.

Exact, over a sliding minute: what was let through is remembered until it is a minute old, what was let through at one
moment of the clock as one sum. Tokens are counted as they were estimated when a call came in, and as they were counted
once it has ended.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

MINUTE_S = 60.0


class Taken:
    """One amount that was let through."""

    __slots__ = ("amount", "at", "within")

    def __init__(self, at: float, amount: int, within: Taken | None = None) -> None:
        """`within`: the sum of its moment."""
        self.at = at
        self.amount = amount
        self.within = within


class Limit(Protocol):
    """At most `limit` within any minute, in one process (Rate) or in several (shared_rate.py)."""

    limit: int

    def admit(self, now: float, amount: int = 1) -> Taken | float:
        """What was let through, or how long until it may be. An amount above the limit may pass alone."""
        ...

    def correct(self, taken: Taken, amount: int) -> None:
        """What was let through turned out to be another amount; 0 takes it back."""
        ...


class Rate:
    """At most `limit` within any minute. Times are seconds of one clock that never goes back."""

    __slots__ = ("_recent", "_sum", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._recent: deque[Taken] = deque()
        """Sums, one for each moment: as many as the clock has ticks in a minute, whatever the limit."""
        self._sum = 0

    def wait_s(self, now: float, amount: int = 1) -> float:
        """0.0 if `amount` may pass now; else how long until it may, as far as that is known. An amount above the
        limit may pass alone: it could never pass otherwise."""
        recent = self._recent
        while recent and now - recent[0].at >= MINUTE_S:
            self._sum -= recent.popleft().amount
        over = self._sum + min(amount, self.limit) - self.limit
        if over <= 0:
            return 0.0
        for taken in recent:
            over -= taken.amount
            if over <= 0:
                return MINUTE_S - (now - taken.at)  # in this order it is above 0 and at most a minute, rounded or not
        return MINUTE_S

    def admit(self, now: float, amount: int = 1) -> Taken | float:
        """What was let through, or how long until it may be."""
        return self.wait_s(now, amount) or self.take(now, amount)

    def take(self, now: float, amount: int = 1) -> Taken:
        recent = self._recent
        if not recent or recent[-1].at != now:
            recent.append(Taken(now, 0))
        moment = recent[-1]
        moment.amount += amount
        self._sum += amount
        return Taken(now, amount, moment)

    def correct(self, taken: Taken, amount: int) -> None:
        """What was let through turned out to be another amount."""
        if self._recent and taken.within is not None and taken.at >= self._recent[0].at:
            self._sum += amount - taken.amount
            taken.within.amount += amount - taken.amount
        taken.amount = amount
