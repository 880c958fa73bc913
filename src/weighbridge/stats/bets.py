"""Wealth from betting against a null hypothesis: the e-process behind every named winner.

A bettor starts with 1 and, before each item, stakes a share of its wealth on the item's value y. When the mean of y is
at most 0 no scheme of stakes makes money on average, so wealth reaches 1/a with probability at most a, at whatever
moment one looks (Ville's inequality). Wealth is a product of 1 + stake * y, averaged over a grid of stakes, because the
best stake is not known in advance: about mean / variance.

Scope `items` bets on the finite set instead: given the sum so far, the mean of what is left under the null is known and
y is centred by it, which pays more and more as the set runs out.

Sources: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting; Ramdas et al. (2023),
Game-theoretic statistics and safe anytime-valid inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STAKES = 16
"""Stakes in the grid, spaced evenly on the log scale."""
MOST_STAKED = 0.95
"""Never the whole wealth: one loss would end the game."""
CEILING = 1e300
"""Wealth stops growing here, long after it decided anything, so that it cannot overflow."""


def stake_grid(total: int) -> Floats:
    """Shares of the largest safe stake, (STAKES,); the smallest suits what `total` items could just show."""
    smallest = min(0.1, 1.0 / max(total, 1) ** 0.5)
    return np.geomspace(smallest, 0.9, STAKES)


class Bets:
    """Wealth against many null hypotheses at once; row h says: the mean of y[h] is at most 0.

    floor: (H,) smallest value y[h] can take, below 0. population: items in the finite set, None for work like these.
    """

    def __init__(self, floor: Floats, total: int, population: int | None) -> None:
        self._floor = floor
        self._shares = stake_grid(total)
        self._stakes = self._shares / -floor[:, None]
        self._weights = np.full(STAKES, 1.0 / STAKES)
        self._population = population
        self._drawn = 0
        self._sums = np.zeros(len(floor))
        self._wealth = np.ones((len(floor), STAKES))
        self.evidence = np.ones(len(floor))
        """(H,) wealth, the e-value of each row at this look."""

    def add(self, y: Floats, live: npt.NDArray[np.bool_]) -> None:
        """One item: y (H,), 0 where a score is missing; rows that are not live keep their wealth."""
        gain = self._stakes * y[:, None] if self._population is None else self._finite_gain(y)
        gain += 1.0
        self._wealth[live] *= gain[live]
        np.minimum(self._wealth, CEILING, out=self._wealth)
        self.evidence = self._wealth @ self._weights

    def _finite_gain(self, y: Floats) -> Floats:
        """Stake times (y minus its mean under the null, given what was drawn); stakes grow as the set shrinks."""
        assert self._population is not None
        left = self._population - self._drawn
        centre = -self._sums / left
        worst = np.minimum(self._floor - centre, -1e-9)
        stakes = np.minimum(self._stakes * (self._population / left), MOST_STAKED / -worst[:, None])
        self._sums += y
        self._drawn += 1
        gain: Floats = stakes * (y - centre)[:, None]
        return gain
