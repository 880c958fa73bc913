"""Means of values in [0, 1] where units were drawn with unequal chances, with intervals valid at every look.

Each draw gives an unbiased estimate of the mean, its value counted as its weight says and corrected by the running mean
r of the draws before it, so that a weight does no harm where values hardly differ:

    z = weight (x - r) + r        a unit that was passed over (scope `work`) has weight 0: z = r

    WeightedWork     the mean of all z; the interval is that of betting on z, kept as a histogram as in `means.py`
    WeightedFinite   z is about the mean of what is left, and the part that is known is added; a surer estimate counts
                     more. The interval is the empirical-Bernstein bound on weight (x - r), each over the largest weight
                     that could have come up

A missing value counts as one that equals the mean of those that are not missing, which leaves that mean as it is.

Sources: as `means.py`; Shekhar et al. (2023), Risk-limiting financial audits via weighted sampling without replacement,
for the running mean as a control variate; Zrnic and Candes (2024), Active statistical inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .draws import Draws
from .means import BINS, STAKES, Means, bernstein_reach, log_mean

Flags = npt.NDArray[np.bool_]


class _Weighted(Means):
    """What both scopes need: the place in the draws, and the running mean."""

    def __init__(self, rows: int, draws: Draws) -> None:
        super().__init__(rows)
        self._draws = draws
        self._at = 0
        self._heavy, self._heavy_total = np.zeros(rows), np.zeros(rows)
        """Sum of weights, and of weight times value: their ratio is the running mean."""
        self._p, self._q = np.zeros(rows), np.zeros(rows)
        """The mean is p / q."""

    def mean(self, row: int) -> float | None:
        """None before the first value."""
        if not self.count[row]:
            return None
        least, most = self._known(row)
        return float(min(max(self._p[row] / self._q[row], least), most)) if self._q[row] > 0 else least

    def _known(self, row: int) -> tuple[float, float]:
        """The least and the most that the mean can be, from the values seen."""
        raise NotImplementedError

    def _part(self, draws: int) -> tuple[Floats, Floats, Floats]:
        """(draws, 1) weight, largest weight and units passed over, of the next so many draws."""
        part = slice(self._at, self._at + draws)
        return self._draws.weight[part, None], self._draws.most[part, None], self._draws.passed[part, None]

    def _centres(self, x: Floats, present: Flags, weight: Floats) -> Floats:
        """(n, rows) the running mean before each draw; adds the draws to it."""
        heavy, total = weight * present, weight * x
        before = self._heavy + heavy.cumsum(axis=0) - heavy
        centre: Floats = (self._heavy_total + total.cumsum(axis=0) - total + 0.5) / (before + 1.0)
        self._heavy += heavy.sum(axis=0)
        self._heavy_total += total.sum(axis=0)
        self._at += len(x)
        return centre


class WeightedWork(_Weighted):
    """Means of work like these units, some of which were passed over."""

    def __init__(self, rows: int, draws: Draws) -> None:
        super().__init__(rows, draws)
        self._below = float(draws.most.max(initial=1.0)) - 1.0
        """How far below 0 an estimate can be, and how far above 1."""
        self._stakes = np.geomspace(min(1.0, 4.0 / max(draws.total, 1) ** 0.5), 8.0, STAKES)
        self._size = int(np.ceil((1.0 + 2.0 * self._below) * BINS)) + 2
        self._down, self._up = np.zeros((rows, self._size)), np.zeros((rows, self._size))
        self._lost: list[list[tuple[float, float]]] = [[] for _ in range(rows)]
        """Of values that are missing: weight - 1 and the running mean."""

    def _known(self, row: int) -> tuple[float, float]:
        return 0.0, 1.0

    def _digest(self, x: Floats, present: Flags, live: Flags) -> None:
        weight, _, passed = self._part(len(x))
        centre = self._centres(x, present, weight)
        lost = live & ~present
        z = weight * (x - centre) + centre
        self._p += (np.where(present, z, 0.0) + lost * (1.0 - weight) * centre + live * passed * centre).sum(axis=0)
        self._q += (live * (1.0 + passed) - weight * lost).sum(axis=0)
        self._keep(z, present.astype(np.float64))
        self._keep(centre, live * passed)
        for draw, row in zip(*np.nonzero(lost), strict=True):
            self._lost[row].append((float(weight[draw, 0]) - 1.0, float(centre[draw, row])))

    def _keep(self, z: Floats, times: Floats) -> None:
        """Add estimates to the histograms, each so many times."""
        rows = np.broadcast_to(np.arange(z.shape[1]), z.shape) * self._size
        place = (z + self._below) * BINS
        times = np.broadcast_to(times, z.shape).ravel()
        for histogram, rounded in ((self._down, np.floor(place)), (self._up, np.ceil(place))):
            cells = (rows + np.clip(rounded, 0, self._size - 1).astype(np.int64)).ravel()
            added = np.bincount(cells, weights=times, minlength=histogram.size)
            np.add(histogram, added.reshape(histogram.shape), out=histogram)

    def _bounds(self, row: int, mean: float, needed: float) -> tuple[float, float]:
        values = np.arange(self._size) / BINS - self._below
        lost = np.array(self._lost[row]).reshape(-1, 2)
        low = self._lowest(values, self._down[row], mean, needed, lost)
        mirrored = lost * (1.0, -1.0) + (0.0, 1.0)
        return low, 1.0 - self._lowest(1.0 - values, self._up[row], 1.0 - mean, needed, mirrored)

    def _lowest(self, values: Floats, counts: Floats, mean: float, needed: float, lost: Floats) -> float:
        """The smallest m that betting on estimates above m does not refute."""
        seen = counts > 0
        values, counts = values[seen], counts[seen]
        low, high = 0.0, mean
        for _ in range(18):
            m = 0.5 * (low + high)
            stakes = np.minimum(self._stakes, 0.9 / (m + self._below))[:, None]
            wealth = np.log1p(stakes * (values - m)) @ counts
            wealth += np.log1p(stakes * (lost[:, 0] * (m - lost[:, 1]))).sum(axis=1)
            low, high = (m, high) if log_mean(wealth) >= needed else (low, m)
        return low


class WeightedFinite(_Weighted):
    """Means of a finite set, drawn without replacement."""

    def __init__(self, rows: int, draws: Draws) -> None:
        super().__init__(rows, draws)
        self._drawn = np.zeros(rows)
        self._v = np.zeros(rows)
        self._stakes = np.geomspace(min(0.3, 4.0 / max(draws.total, 1) ** 0.5), 0.85, STAKES)

    def _known(self, row: int) -> tuple[float, float]:
        left = float(self._draws.total - self._drawn[row])
        size = self.count[row] + left
        return float(self._total[row] / size), float((self._total[row] + left) / size)

    def _digest(self, x: Floats, present: Flags, live: Flags) -> None:
        weight, most, _ = self._part(len(x))
        left = self._draws.total - (self._at + np.arange(len(x), dtype=np.float64)[:, None])
        centre = self._centres(x, present, weight)
        before = self.count + present.cumsum(axis=0) - present
        total = self._total + x.cumsum(axis=0) - x
        lost = live & ~present
        farthest = np.maximum(centre, 1.0 - centre)
        off = np.where(present, x - centre, np.where(live, farthest, 0.0))
        self._v += np.square(weight * off / most).sum(axis=0)
        gained = np.where(present, weight * (x - centre), -weight * centre * lost) + centre + total / left
        self._p += (np.where(live, gained, 0.0) / most).sum(axis=0)
        self._q += (np.where(live, 1.0 + before / left - weight * lost, 0.0) / most).sum(axis=0)
        self._drawn += live * len(x)

    def _bounds(self, row: int, mean: float, needed: float) -> tuple[float, float]:
        least, most = self._known(row)
        if self._q[row] <= 0:
            return least, most
        reach = bernstein_reach(float(self._v[row]), needed, self._stakes)
        low, high = (self._p[row] - reach) / self._q[row], (self._p[row] + reach) / self._q[row]
        return max(float(low), least), min(float(high), most)
