"""When a second backend is asked beside the first, and how often that may happen.

After a fixed time, or after as long as a share of the calls lately took to their first piece: asking again only what is
slower than usual costs little and cuts the slowest answers most (Dean and Barroso, "The Tail at Scale", 2013). A
backend that is slow for everybody would have every call asked twice and grow slower, so only a share of calls is.

Pure: whoever measures hands the seconds in.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Annotated

import msgspec

KEPT = 200
"""First-piece times remembered, the newest."""
ENOUGH = 20
"""Of them before a percentile is believed."""
BURST = 5.0
"""Second calls that may be made at once, before the share is counted."""
FRESH_EVERY = 10
"""Measurements between two looks at all of them."""


class HedgeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`hedge` of a route: ask a second backend when the first one takes long; whichever answers first is taken."""

    after_s: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    """Seconds without an answer until the second one is asked; with `percentile`, until enough calls were measured."""
    percentile: Annotated[float, msgspec.Meta(gt=0, lt=100)] | None = None
    """Ask after as long as so many percent of the calls took to their first piece."""
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.2
    """Most calls that are asked twice, as a part of all."""


class Hedge:
    """Of one route in one worker."""

    __slots__ = ("_delay_s", "_fresh", "_room", "_seen", "table")

    def __init__(self, table: HedgeTable) -> None:
        self.table = table
        self._seen: deque[float] = deque(maxlen=KEPT)
        self._fresh = 0
        self._delay_s = table.after_s
        self._room = BURST

    @property
    def delay_s(self) -> float:
        """How long to wait for the first backend."""
        return self._delay_s

    def called(self) -> None:
        """A call was made, so a part of another may be made twice."""
        self._room = min(BURST, self._room + self.table.share)

    def measured(self, first_piece_s: float) -> None:
        """A call answered for the first time after so long."""
        if self.table.percentile is None:
            return
        self._seen.append(first_piece_s)
        self._fresh += 1
        if len(self._seen) >= ENOUGH and self._fresh >= FRESH_EVERY:
            self._fresh = 0
            self._delay_s = _percentile(sorted(self._seen), self.table.percentile)

    def may_ask(self) -> bool:
        """Whether a second backend may be asked now; if so, it is counted."""
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True


def _percentile(ordered: list[float], percent: float) -> float:
    """The smallest that at least `percent` of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
