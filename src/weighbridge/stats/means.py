"""Means of values in [0, 1] with intervals that may be looked at after every item.

An interval holds every m that betting could not refute: it misses the true mean at any look at all with probability at
most alpha. The bets are a grid of fixed stakes s on each side.

    WorkMeans     wealth(m) = mean over s of the product of 1 + s (x - m); the values are kept as a histogram, rounded
                  away from m's favour, so that a look costs the same after a million items as after a hundred
    FiniteMeans   the empirical-Bernstein bound on the same bets, exp(s (P - m Q) - psi(s) V), psi(s) = -log(1 - s) - s,
                  V the sum of squared distances of each value from the running mean before it; P and Q are the sum and
                  the count, corrected for what is left of the finite set

Sources: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting; Waudby-Smith and
Ramdas (2020), Confidence sequences for sampling without replacement; Howard et al. (2021), Time-uniform,
nonparametric, nonasymptotic confidence sequences.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .records import Interval

BINS = 512
"""Cells of the histogram; 0, 1/2 and 1 lie on its grid and are kept exactly."""
STAKES = 10


class Means:
    """Counts and means of `rows` series at once; NaN is missing."""

    def __init__(self, rows: int) -> None:
        self.count = np.zeros(rows)
        self._total = np.zeros(rows)

    def add(self, x: Floats, live: npt.NDArray[np.bool_]) -> None:
        """Items x (n, rows) in drawn order; rows that are not live keep their values."""
        present = ~np.isnan(x) & live
        self._digest(np.where(present, x, 0.0), present, live)
        self.count += present.sum(axis=0)
        self._total += np.where(present, x, 0.0).sum(axis=0)

    def mean(self, row: int) -> float | None:
        """None before the first value."""
        return float(self._total[row] / self.count[row]) if self.count[row] else None

    def interval(self, row: int, alpha: float) -> Interval:
        """The anytime interval of one mean, within [0, 1]."""
        mean = self.mean(row)
        if mean is None:
            return Interval(0.0, 1.0)
        low, high = self._bounds(row, mean, float(np.log(2.0 / alpha)))
        return Interval(min(max(low, 0.0), mean), max(min(high, 1.0), mean))

    def _digest(self, x: Floats, present: npt.NDArray[np.bool_], live: npt.NDArray[np.bool_]) -> None:
        raise NotImplementedError

    def _bounds(self, row: int, mean: float, needed: float) -> tuple[float, float]:
        """Ends of the interval; wealth must stay below exp(needed) on each side."""
        raise NotImplementedError


class WorkMeans(Means):
    """Means of work like these items: values are independent draws."""

    def __init__(self, rows: int, total: int) -> None:
        super().__init__(rows)
        self._stakes = np.geomspace(min(1.0, 4.0 / max(total, 1) ** 0.5), 8.0, STAKES)
        self._down = np.zeros((rows, BINS + 1))
        self._up = np.zeros((rows, BINS + 1))

    def _digest(self, x: Floats, present: npt.NDArray[np.bool_], live: npt.NDArray[np.bool_]) -> None:
        rows = np.broadcast_to(np.arange(x.shape[1]), x.shape)[present]
        for histogram, rounded in ((self._down, np.floor(x * BINS)), (self._up, np.ceil(x * BINS))):
            cells = rows * (BINS + 1) + rounded[present].astype(np.int64)
            np.add(histogram, np.bincount(cells, minlength=histogram.size).reshape(histogram.shape), out=histogram)

    def _bounds(self, row: int, mean: float, needed: float) -> tuple[float, float]:
        low = self._lowest(self._down[row], mean, needed)
        return low, 1.0 - self._lowest(self._up[row, ::-1], 1.0 - mean, needed)

    def _lowest(self, counts: Floats, mean: float, needed: float) -> float:
        """The smallest m that betting on values above m does not refute."""
        cells = np.flatnonzero(counts)
        values, counts = cells / BINS, counts[cells]
        low, high = 0.0, mean
        for _ in range(18):
            m = 0.5 * (low + high)
            stakes = np.minimum(self._stakes, 0.9 / max(m, 1e-9))
            wealth = np.log1p(stakes[:, None] * (values - m)) @ counts
            low, high = (m, high) if log_mean(wealth) >= needed else (low, m)
        return low


class FiniteMeans(Means):
    """Means of a finite set, drawn without replacement.

    A missing value counts as one that equals the mean of those that are not missing, which leaves that mean as it is.
    """

    def __init__(self, rows: int, total: int) -> None:
        super().__init__(rows)
        self._size = total
        self._drawn = np.zeros(rows)
        self._p = np.zeros(rows)
        self._q = np.zeros(rows)
        self._v = np.zeros(rows)
        self._stakes = np.geomspace(min(0.3, 4.0 / max(total, 1) ** 0.5), 0.85, STAKES)

    def _digest(self, x: Floats, present: npt.NDArray[np.bool_], live: npt.NDArray[np.bool_]) -> None:
        before = self.count + present.cumsum(axis=0) - present
        total = self._total + x.cumsum(axis=0) - x
        left = np.maximum(self._size - (self._drawn + np.arange(len(x))[:, None]), 1.0)
        centre = (total + 0.5) / (before + 1.0)
        farthest = np.maximum(centre, 1.0 - centre)
        spread = np.where(present, (x - centre) ** 2, np.where(live, farthest**2, 0.0))
        self._v += spread.sum(axis=0)
        self._p += np.where(live, x + total / left, 0.0).sum(axis=0)
        self._q += np.where(live, present + before / left, 0.0).sum(axis=0)
        self._drawn += live * len(x)

    def _bounds(self, row: int, mean: float, needed: float) -> tuple[float, float]:
        reach = bernstein_reach(float(self._v[row]), needed, self._stakes)
        left = self._size - self._drawn[row]
        size = self.count[row] + left
        low = max((self._p[row] - reach) / self._q[row], self._total[row] / size)
        high = min((self._p[row] + reach) / self._q[row], (self._total[row] + left) / size)
        return float(low), float(high)


def bernstein_reach(v: float, needed: float, stakes: Floats) -> float:
    """The u at which the mean of exp(s u - psi(s) v) over stakes s reaches exp(needed), from above."""
    psi = -np.log1p(-stakes) - stakes
    low, high = 0.0, float(np.min((needed + np.log(len(stakes)) + psi * v) / stakes))
    for _ in range(40):
        u = 0.5 * (low + high)
        low, high = (low, u) if log_mean(stakes * u - psi * v) >= needed else (u, high)
    return high


def log_mean(logs: Floats) -> float:
    """Logarithm of the mean of exp(logs), without overflow."""
    top = float(logs.max())
    return top + float(np.log(np.exp(logs - top).mean()))
