"""Cost and latency beside quality: differences of every pair on the items that both have a value for.

Dollars and seconds have no upper end, so the bets behind a verdict, which need scores in [0, 1], do not apply. The
interval here is an asymptotic confidence sequence: it may be looked at whenever a run happens to stop, and its error
rate holds in the limit of many items, whatever the distribution.

    half = s sqrt(2 (n r^2 + 1) / (n r)^2 log(sqrt(n r^2 + 1) / a)),   r^2 = (-2 log a + log(-2 log a) + 1) / m

s standard deviation of the n differences, a the error rate, m the number of items at which it is narrowest.
Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic
confidence sequences, theorem 2.2 and equation 10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from .arrays import Floats
from .records import Interval

FEWEST = 20
"""Pairs below which no interval is given: the limit of many items is too far."""


class OutcomeDifference(msgspec.Struct, frozen=True, kw_only=True):
    """First minus second, in dollars or seconds an item."""

    first: str
    second: str
    items: int
    """Items that both have a value for."""
    first_mean: float
    second_mean: float
    difference: float
    interval: Interval | None
    """None with fewer than FEWEST items."""


class PairSums:
    """Running sums of one quantity of k candidates, and of the differences of all pairs; memory does not grow."""

    def __init__(self, candidates: int) -> None:
        self._count = np.zeros((candidates, candidates))
        self._weight = np.zeros((candidates, candidates))
        """Items that both have a value for, and the sum of what they count."""
        self._sum = np.zeros((candidates, candidates))
        """[i, j]: sum of i's values on items that j has a value for, too."""
        self._mean = np.zeros((candidates, candidates))
        self._spread = np.zeros((candidates, candidates))
        """Mean of i minus j, and the sum of squared distances from it (Welford)."""

    def add(self, values: Sequence[float], weight: float = 1.0) -> None:
        """One item: a value per candidate, NaN where there is none. weight: how many times it counts (`draws.py`)."""
        x = np.asarray(values, dtype=np.float64)
        gaps = x[:, None] - x[None, :]
        both = ~np.isnan(gaps)
        gaps = np.where(both, gaps, 0.0)
        self._count += both
        self._weight += weight * both
        self._sum += np.where(both, weight * x[:, None], 0.0)
        off = np.where(both, gaps - self._mean, 0.0)
        self._mean += weight * off / np.where(self._weight > 0, self._weight, 1.0)
        self._spread += np.where(both, weight * weight * off * (gaps - self._mean), 0.0)

    def differences(
        self, names: Sequence[str], leader: int, *, total: int, alpha: float = 0.05
    ) -> tuple[OutcomeDifference, ...]:
        """The leader against each other candidate, all at once at error rate alpha. total: items that can be drawn."""
        others = [place for place in range(len(names)) if place != leader and self._count[leader, place] > 0]
        found = []
        for other in others:
            n, weight = int(self._count[leader, other]), float(self._weight[leader, other])
            mean = float(self._mean[leader, other])
            half = self._half(leader, other, max(total, n), alpha / len(others)) if n >= FEWEST else None
            found.append(
                OutcomeDifference(
                    first=names[leader],
                    second=names[other],
                    items=n,
                    first_mean=float(self._sum[leader, other]) / weight,
                    second_mean=float(self._sum[other, leader]) / weight,
                    difference=mean,
                    interval=None if half is None else Interval(mean - half, mean + half),
                )
            )
        return tuple(found)

    def _half(self, first: int, second: int, total: int, alpha: float) -> float:
        n = float(self._count[first, second])
        deviation = math.sqrt(max(float(self._spread[first, second]) / (n - 1), 0.0))
        return deviation * reach(n, total, alpha)


def reach(n: float, narrowest: float, alpha: float) -> float:
    """Half the width of the interval after n values of standard deviation 1."""
    log = -2.0 * math.log(alpha)
    r2 = (log + math.log(log) + 1.0) / max(narrowest, 1.0) if log > 1.0 else 1.0 / max(narrowest, 1.0)
    grown = n * r2 + 1.0
    return math.sqrt(2.0 * grown / (n * n * r2) * (math.log(math.sqrt(grown) / alpha)))


def as_floats(values: Sequence[float | None]) -> Floats:
    """None as NaN."""
    return np.array([math.nan if value is None else value for value in values])
