"""Percentiles of latencies in bounded memory.

Latencies are counted in bins whose edges grow by 1%, so that a percentile is off by at most 0.5% and a million
calls take no more room than a thousand (Masson, Rim and Lee 2019, DDSketch, VLDB 12).
"""

from __future__ import annotations

import math
from collections import Counter

GROWTH = 1.01
SHORTEST_S = 1e-7
"""Everything quicker falls into the first bin."""

_LOG = math.log(GROWTH)


class Latencies:
    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self._count = 0

    def add(self, seconds: float) -> None:
        self._bins[max(0, math.ceil(math.log(max(seconds, SHORTEST_S) / SHORTEST_S) / _LOG))] += 1
        self._count += 1

    def quantile(self, share: float) -> float | None:
        """The latency that this share of calls did not exceed (nearest rank), in seconds; None without calls."""
        rank = max(1, math.ceil(share * self._count))
        for place in sorted(self._bins):
            rank -= self._bins[place]
            if rank <= 0:
                return SHORTEST_S * math.exp((place - 0.5) * _LOG)
        return None
