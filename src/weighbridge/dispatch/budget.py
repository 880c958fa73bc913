"""What a run has sent and spent, and what it may still spend.

Money is held before a call is sent and settled after it, so that calls under way cannot overspend together. Near the
limit a call waits for those under way to give back what they did not need; it is refused once nothing is under way and
the limit might still be passed. A call whose cost stays unknown (it broke, it was given up, the backend did not count)
is settled at the most it could have cost: the limit is kept even then.
"""

from __future__ import annotations

import asyncio
from collections import Counter


class Budget:
    """One run's money, in dollars. `max_usd` None is no limit."""

    def __init__(self, max_usd: float | None = None, spent_usd: float = 0.0) -> None:
        self.max_usd = max_usd
        self.spent_usd = spent_usd
        """Settled, what earlier processes of the same run spent included."""
        self.held_usd = 0.0
        self.under_way = 0
        """Calls that money is held for."""
        self.sent: Counter[str | None] = Counter()
        """Calls that were sent, by candidate."""
        self._settled = asyncio.Event()

    async def hold(self, candidate: str | None, most_usd: float) -> bool:
        """Set money aside for a call about to be sent; False, and nothing is held, when it might pass the limit."""
        while self.max_usd is not None and self.spent_usd + self.held_usd + most_usd > self.max_usd:
            if not self.under_way:
                return False
            self._settled.clear()
            await self._settled.wait()
        self.held_usd += most_usd
        self.under_way += 1
        self.sent[candidate] += 1
        return True

    def settle(self, most_usd: float, usd: float | None) -> None:
        """Give back what was held and count what the call cost; unknown counts as the most."""
        self.under_way -= 1
        self.held_usd = self.held_usd - most_usd if self.under_way else 0.0
        self.spent_usd += most_usd if usd is None else usd
        self._settled.set()
