"""Intervals for a mean: one that may be looked at after every item, and one for a sample of fixed size.

    anytime   P - m Q within +-u for the true mean m, at every look at once, with probability at least 1 - alpha;
              u solves  mean over stakes s of exp(s u - psi(s) V) = 2 / alpha,  psi(s) = -log(1 - s) - s
              V  sum of squared distances of each value from the running mean before it

The empirical-Bernstein confidence sequence of Howard et al. (2021) and Waudby-Smith and Ramdas (2024), mixed over
stakes. P and Q are the sum and the count for work like these items; for a finite set they carry the correction for
what is left (Waudby-Smith and Ramdas 2020, Confidence sequences for sampling without replacement). A missing value of
a finite set counts as one that equals the mean of those that are not missing, which leaves that mean as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .records import Interval

_STAKES: Floats = np.geomspace(0.003, 0.9, 24)
_PSI: Floats = -np.log1p(-_STAKES) - _STAKES


class RunningMeans:
    """Sums behind the anytime intervals of `rows` means at once; values lie in [0, 1], NaN is missing."""

    def __init__(self, rows: int, population: int | None) -> None:
        self._population = population
        self._drawn = np.zeros(rows)
        self.count = np.zeros(rows)
        self._total = np.zeros(rows)
        self._p = np.zeros(rows)
        self._q = np.zeros(rows)
        self._v = np.zeros(rows)

    def add(self, x: Floats, live: npt.NDArray[np.bool_]) -> None:
        """Items x (n, rows) in drawn order; rows that are not live keep their sums."""
        present = ~np.isnan(x) & live
        x = np.where(present, x, 0.0)
        counts, totals = present.cumsum(axis=0), x.cumsum(axis=0)
        before, total_before = self.count + counts - present, self._total + totals - x
        centre = (total_before + 0.5) / (before + 1.0)
        spread = np.where(present, (x - centre) ** 2, 0.0)
        if self._population is not None:
            left = np.maximum(self._population - (self._drawn + np.arange(len(x))[:, None]), 1.0)
            self._p += np.where(live, total_before / left, 0.0).sum(axis=0)
            self._q += np.where(live, before / left, 0.0).sum(axis=0)
            spread += np.where(live & ~present, np.maximum(centre, 1.0 - centre) ** 2, 0.0)
        self._drawn += live * len(x)
        self._v += spread.sum(axis=0)
        self._p += totals[-1]
        self._q += counts[-1]
        self._total += totals[-1]
        self.count += counts[-1]

    def mean(self, row: int) -> float | None:
        """None before the first value."""
        return float(self._total[row] / self.count[row]) if self.count[row] else None

    def interval(self, row: int, alpha: float) -> Interval:
        """The anytime interval of one mean, within [0, 1]."""
        mean = self.mean(row)
        if mean is None:
            return Interval(0.0, 1.0)
        reach = _reach(float(self._v[row]), 2.0 / alpha)
        low, high = (self._p[row] - reach) / self._q[row], (self._p[row] + reach) / self._q[row]
        if self._population is not None:
            left = self._population - self._drawn[row]
            size = self.count[row] + left
            low = max(low, self._total[row] / size)
            high = min(high, (self._total[row] + left) / size)
        return Interval(float(np.clip(low, 0.0, mean)), float(np.clip(high, mean, 1.0)))


def _reach(v: float, threshold: float) -> float:
    """The u at which the mean of exp(s u - psi(s) v) over stakes s reaches `threshold`, from above, by bisection."""
    target = float(np.log(threshold * len(_STAKES)))
    low, high = 0.0, float(np.min((target + _PSI * v) / _STAKES))
    for _ in range(50):
        u = 0.5 * (low + high)
        exponent = _STAKES * u - _PSI * v
        top = float(exponent.max())
        enough = top + float(np.log(np.exp(exponent - top).sum())) >= target
        low, high = (low, u) if enough else (u, high)
    return high


def mean_interval(scores: Sequence[float], alpha: float = 0.05) -> Interval:
    """Descriptive interval for the mean of a sample whose size was fixed beforehand; NaN is left out.

    Wilson's score interval with the sample variance in place of p (1 - p), for scores in [0, 1]; on 0/1 scores it is
    Agresti and Coull's. Half of z^2 pseudo-items at 0 and half at 1 keep it honest when all scores agree. Not valid at
    every look: it describes, it decides nothing.
    """
    x = np.asarray(scores, dtype=np.float64)
    x = x[~np.isnan(x)]
    if len(x) == 0:
        return Interval(0.0, 1.0)
    z = -NormalDist().inv_cdf(alpha / 2)
    size = len(x) + z * z
    mean = float((x.sum() + z * z / 2) / size)
    variance = (float(np.square(x).sum()) + z * z / 2) / size - mean * mean
    half = z * float(np.sqrt(max(variance, 0.0) / size))
    return Interval(max(0.0, mean - half), min(1.0, mean + half))
