"""Intervals for a mean: one that may be looked at after every item, and one for a sample of fixed size.

    anytime   P - m Q within +-u for the true mean m, at every look at once, with probability at least 1 - alpha;
              u solves  mean over stakes of exp(s u - psi(s) V) = 2 / alpha,  psi(s) = -log(1 - s) - s
              V  sum of squared distances of each value from the running mean before it

The empirical-Bernstein confidence sequence of Howard et al. (2021) and Waudby-Smith and Ramdas (2024), mixed over
stakes. P and Q are the sum and the count for work like these items; for a finite set they carry the correction for
what is left (Waudby-Smith and Ramdas 2020, Confidence sequences for sampling without replacement).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from .bets import Floats
from .records import Interval

STAKE_GRID: Floats = np.geomspace(0.005, 0.9, 24)
_PSI: Floats = -np.log1p(-STAKE_GRID) - STAKE_GRID


class RunningMean:
    """Sums behind the anytime interval of `rows` means at once; values lie in [0, 1]."""

    def __init__(self, rows: int, population: int | None) -> None:
        self._population = population
        self._drawn = 0
        self.count = np.zeros(rows)
        self.total = np.zeros(rows)
        self._p = np.zeros(rows)
        self._q = np.zeros(rows)
        self._v = np.zeros(rows)

    def add(self, x: Floats, present: Floats, live: Floats) -> None:
        """One item: x (rows,) with any number where present is 0; live is 0 for rows that are asked no more."""
        if self._population is not None:
            left = self._population - self._drawn
            self._p += live * self.total / left
            self._q += live * self.count / left
            self._drawn += 1
        centre = (self.total + 0.5) / (self.count + 1.0)
        spread = present * (x - centre) ** 2
        if self._population is not None:  # a missing item still tells what is left; its spread is bounded, not known
            spread += (live - present) * np.maximum(centre, 1.0 - centre) ** 2
        self._v += spread
        seen = present * x
        self.total += seen
        self.count += present
        self._p += seen
        self._q += present

    def interval(self, row: int, alpha: float) -> Interval:
        """The anytime interval of one mean, within [0, 1]."""
        if self.count[row] == 0:
            return Interval(0.0, 1.0)
        reach = _reach(float(self._v[row]), 2.0 / alpha)
        low = (self._p[row] - reach) / self._q[row]
        high = (self._p[row] + reach) / self._q[row]
        if self._population is not None:
            left = self._population - self._drawn
            size = self.count[row] + left
            low = max(low, self.total[row] / size)
            high = min(high, (self.total[row] + left) / size)
        return Interval(float(min(max(low, 0.0), 1.0)), float(max(min(high, 1.0), 0.0)))


def _reach(v: float, threshold: float) -> float:
    """The u at which the mixture of exp(s u - psi(s) v) reaches `threshold`, by bisection."""
    target = float(np.log(threshold * len(STAKE_GRID)))
    high = float(np.min((target + _PSI * v) / STAKE_GRID))
    low = 0.0
    for _ in range(60):
        u = 0.5 * (low + high)
        exponent = STAKE_GRID * u - _PSI * v
        top = float(exponent.max())
        if top + float(np.log(np.exp(exponent - top).sum())) < target:
            low = u
        else:
            high = u
    return high


def mean_interval(scores: Sequence[float], alpha: float = 0.05) -> Interval:
    """Descriptive interval for the mean of a sample whose size was fixed beforehand; NaN is left out.

    Wilson's score interval with the sample variance in place of p (1 - p), for scores in [0, 1]; on 0/1 scores it is
    Wilson's. Two values, 0 and 1, with the weight of z^2 / 2 each are what keeps it honest when all scores agree.
    Not valid at every look: it describes, it decides nothing.
    """
    x = np.asarray(scores, dtype=np.float64)
    x = x[~np.isnan(x)]
    n = len(x)
    if n == 0:
        return Interval(0.0, 1.0)
    z = -NormalDist().inv_cdf(alpha / 2)
    size = n + z * z
    mean = float((x.sum() + z * z / 2) / size)
    variance = (float(np.square(x).sum()) + z * z / 2) / size - mean * mean
    half = z * float(np.sqrt(max(variance, 0.0) / size))
    return Interval(max(0.0, mean - half), min(1.0, mean + half))
