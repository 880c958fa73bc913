"""Wealth from betting against a null hypothesis: the e-process behind every named winner.

A bettor starts with 1 and, before each item, stakes a share of its wealth on the item's value y. When the mean of y is
at most 0 no scheme of stakes makes money on average, so wealth reaches 1 / a with probability at most a, at whatever
moment one looks (Ville's inequality). The money is split between two bettors:

    planner   stakes as `plan.py` says for its wealth and the share of items drawn: strong where the end is in sight,
              and it loses all it has on comparisons that the plan gives up
    spread    holds its money in a grid of fixed stakes: quick when the difference is large, and it never gives up

Scope `items` bets on the finite set instead: given the sum so far, the mean of what is left under the null is known,
and y is centred by it, which pays more and more as the set runs out.

Sources: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting; Ramdas et al. (2023),
Game-theoretic statistics and safe anytime-valid inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .plan import STEPS, Plan

STAKES = 12
"""Stakes in the grid of the spread bettor, spaced evenly on the log scale."""
MOST_STAKED = 0.95
"""Never the whole wealth: one loss would end the game."""
CEILING = 1e200
"""Wealth stops growing here, long after it decided anything, so that it cannot overflow."""
PRIOR_ITEMS, PRIOR_SQUARE = 4.0, 0.25
"""Before data, y^2 is taken to be 0.25, with the weight of 4 items."""


def stake_grid(total: int) -> Floats:
    """Shares of the largest safe stake, (STAKES,); the smallest suits what `total` items could just show."""
    return np.geomspace(min(0.3, 3.0 / max(total, 1) ** 0.5), 0.9, STAKES)


class Bets:
    """Wealth against many null hypotheses at once; row h says: the mean of y[h] is at most 0.

    floor: (H,) smallest value y[h] can take, below 0. total: items that can be drawn. finite: the claim is about
    these items. spread: share of the money that the spread bettor gets.
    """

    def __init__(self, floor: Floats, total: int, plan: Plan, *, finite: bool, spread: float) -> None:
        rows = len(floor)
        self.total = total
        self.drawn = 0
        self.sums = np.zeros(rows)
        """(H,) sum of y so far."""
        self._squares = np.zeros(rows)
        self.evidence = np.ones(rows)
        """(H,) wealth, the e-value of each row at this look."""
        self._sizes = np.zeros(rows)
        self._floor = floor
        self._finite = finite
        self._plan = plan
        self._goal = float(np.exp(plan.log_wealth[-1]))
        self._planner = np.ones(rows)
        self._planner_share = 1.0 - spread
        self._grid = stake_grid(total) / -floor[:, None]
        self._spread = np.full((rows, STAKES), spread / STAKES)
        self._most = MOST_STAKED / -floor

    def add(self, y: Floats, *, live: npt.NDArray[np.bool_] | None = None, sums: Floats | None = None) -> None:
        """One item: y (H,), 0 where a score is missing; rows that are not live keep their wealth.

        sums: (H,) sum so far of the quantity each y is about, where that changes from item to item (finite sets only).
        """
        stakes, grid = self._planned(), self._grid
        most, gain = self._most, y
        if self._finite:
            left = self.total - self.drawn
            centre = (self.sums if sums is None else sums) / -left  # the largest mean of y under the null
            most = MOST_STAKED / np.maximum(centre - self._floor, 0.05)
            grid = np.minimum(grid * (self.total / left), most[:, None])
            gain = y - centre
        self._planner *= self._kept(np.minimum(stakes, most) * gain, live)
        self._spread *= self._kept(grid * gain[:, None], live)
        np.minimum(self._spread, CEILING, out=self._spread)
        self.drawn += 1
        self.sums += y
        self._squares += y * y
        self._sizes += np.abs(y)
        self.evidence = self._planner_share * self._planner + self._spread.sum(axis=1)

    def deviation(self, squares: Floats) -> Floats:
        """Predicted standard deviation of a sum over all items, given its sum of squares so far."""
        square = (squares + PRIOR_ITEMS * PRIOR_SQUARE) / (self.drawn + PRIOR_ITEMS)
        return np.sqrt(square * self.total)

    def hopeless(self) -> float:
        """Give up where |sum| / deviation is at most this; -1 for never."""
        return float(self._plan.hopeless[self._step()])

    def _step(self) -> int:
        return min(self.drawn * STEPS // max(self.total, 1), STEPS - 1)

    def _planned(self) -> Floats:
        """(H,) stakes of the planner, none larger than a typical gain needs to reach the goal."""
        wealth = np.maximum(self._planner, 1e-9)
        stakes: Floats = np.interp(np.log(wealth), self._plan.log_wealth, self._plan.stakes[self._step()])
        stakes /= self.deviation(self._squares)
        typical = (self._squares + 0.25) / (self._sizes + 0.25)
        return np.minimum(stakes, np.maximum(self._goal / wealth - 1.0, 0.0) / typical * 1.0001)

    @staticmethod
    def _kept(gain: Floats, live: npt.NDArray[np.bool_] | None) -> Floats:
        """1 + gain, and 1 for rows that are not live."""
        if live is not None:
            gain[~live] = 0.0
        gain += 1.0
        return gain
