"""Means of values in [0, 1] where units were drawn with unequal chances, with intervals valid at every look.

Each draw gives an unbiased estimate of the mean, its value counted as its weight says and corrected by the running mean
r of the draws before it, so that a weight does no harm where values hardly differ:

    z = weight (x - r) + r        a unit that was passed over (scope `work`) has weight 0: z = r

On a finite set z is about the mean of what is left, and the part that is known is added. The mean is that of all
estimates, a surer one counting more; the interval is the empirical-Bernstein bound of `means.py` on weight (x - r),
each over the largest weight that could have come up.

Sources: as `means.py`; Shekhar et al. (2023), Risk-limiting financial audits via weighted sampling without replacement,
for the running mean as a control variate; Zrnic and Candes (2024), Active statistical inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .draws import Draws
from .means import STAKES, Means, bernstein_reach


class WeightedMeans(Means):
    """Means of `rows` series. A missing value counts as one that equals the mean of those that are not missing."""

    def __init__(self, rows: int, draws: Draws, *, finite: bool) -> None:
        super().__init__(rows)
        self._draws = draws
        self._finite = finite
        self._at = 0
        self._drawn = np.zeros(rows)
        self._heavy, self._heavy_total = np.zeros(rows), np.zeros(rows)
        """Sum of weights, and of weight times value: their ratio is the running mean."""
        self._p = np.zeros(rows)
        self._q = np.zeros(rows)
        self._v = np.zeros(rows)
        self._stakes = np.geomspace(min(0.3, 4.0 / max(draws.total, 1) ** 0.5), 0.85, STAKES)

    def mean(self, row: int) -> float | None:
        """None before the first value."""
        if not self.count[row]:
            return None
        least, most = self._known(row)
        return float(min(max(self._p[row] / self._q[row], least), most)) if self._q[row] > 0 else least

    def _digest(self, x: Floats, present: npt.NDArray[np.bool_], live: npt.NDArray[np.bool_]) -> None:
        part = slice(self._at, self._at + len(x))
        weight, most, passed = (one[part, None] for one in (self._draws.weight, self._draws.most, self._draws.passed))
        heavy, total = weight * present, weight * x
        centre = (self._heavy_total + total.cumsum(axis=0) - total + 0.5) / (
            self._heavy + heavy.cumsum(axis=0) - heavy + 1.0
        )
        known, left = self._so_far(x, present)
        farthest = np.maximum(centre, 1.0 - centre)
        off = np.where(present, x - centre, np.where(live, farthest, 0.0))
        self._v += np.square(weight * off / most).sum(axis=0)
        lost = live & ~present  # stands at the mean, whatever that is
        gained = np.where(present, weight * (x - centre), -weight * centre * lost)
        gained += live * ((1.0 + passed) * centre) + known[0] / left
        self._p += (np.where(live, gained, 0.0) / most).sum(axis=0)
        self._q += (np.where(live, 1.0 + passed + known[1] / left - weight * lost, 0.0) / most).sum(axis=0)
        self._heavy += heavy.sum(axis=0)
        self._heavy_total += total.sum(axis=0)
        self._drawn += live * len(x)
        self._at += len(x)

    def _so_far(self, x: Floats, present: npt.NDArray[np.bool_]) -> tuple[tuple[Floats, Floats], Floats]:
        """Sum and count of the values before each draw, and the units left; in scope `work` nothing is ever known."""
        if not self._finite:
            nothing = np.zeros(x.shape)
            return (nothing, nothing), np.ones((len(x), 1))
        before = self.count + present.cumsum(axis=0) - present
        total = self._total + x.cumsum(axis=0) - x
        return (total, before), self._draws.total - (self._at + np.arange(len(x), dtype=np.float64)[:, None])

    def _known(self, row: int) -> tuple[float, float]:
        """The least and the most that the mean can be, from the values seen."""
        if not self._finite:
            return 0.0, 1.0
        left = float(self._draws.total - self._drawn[row])
        size = self.count[row] + left
        return float(self._total[row] / size), float((self._total[row] + left) / size)

    def _bounds(self, row: int, mean: float, needed: float) -> tuple[float, float]:
        least, most = self._known(row)
        if self._q[row] <= 0:
            return least, most
        reach = bernstein_reach(float(self._v[row]), needed, self._stakes)
        low, high = (self._p[row] - reach) / self._q[row], (self._p[row] + reach) / self._q[row]
        return max(float(low), least), min(float(high), most)
