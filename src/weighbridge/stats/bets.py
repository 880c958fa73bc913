"""Wealth from betting against a null hypothesis: the e-process behind every named winner.

A bettor starts with 1 and, before each item, stakes a share of its wealth on the item's value y. When the mean of y is
at most 0 no scheme of stakes makes money on average, so wealth reaches 1 / a with probability at most a, at whatever
moment one looks (Ville's inequality). The money is split between two bettors:

    planner   stakes as `plan.py` says for its wealth and the share of items drawn: strong where the end is in sight,
              and it loses all it has on comparisons that the plan gives up. Never more than the sum so far calls for:
              wealth that lags behind would be staked ever higher, and be gone while the comparison is still open
    spread    holds its money in a grid of fixed stakes: quick when the difference is large, and it never gives up

Scope `items` bets on the finite set instead: given the sum so far, the mean of what is left under the null is known,
and y is centred by it, which pays more and more as the set runs out.

Where items are drawn with unequal chances (`draws.py`), y counts as its weight says, and time is the evidence expected.

Sources: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting; Ramdas et al. (2023),
Game-theoretic statistics and safe anytime-valid inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .draws import Draws
from .plan import STEPS, Plan

STAKES = 12
"""Stakes in the grid of the spread bettor, spaced evenly on the log scale."""
MOST_STAKED = 0.95
"""Never the whole wealth: one loss would end the game."""
CEILING = 1e200
"""Wealth stops growing here, long after it decided anything, so that it cannot overflow."""
PRIOR_ITEMS, PRIOR_SQUARE = 8.0, 0.35
"""Before data, y^2 is taken to be 0.35 of the square of a typical y that is not 0, with the weight of 8 items."""
LITTLE = 0.05
"""Before data, a typical y is 1, with the weight of a twentieth of an item."""


def stake_grid(total: int, largest: float = 1.0) -> Floats:
    """Shares of the largest safe stake, (STAKES,); the smallest suits what `total` items could just show.

    largest: how many times an item's value can count."""
    return np.geomspace(min(0.3, 3.0 * largest / max(total, 1) ** 0.5), 0.9, STAKES)


class Bets:
    """Wealth against many null hypotheses at once; row h says: the mean of y[h] is at most 0.

    floor: (H,) smallest value y[h] can take, below 0. total: items that can be drawn. finite: the claim is about
    these items. spread: share of the money that the spread bettor gets. draws: how items are drawn; None: all alike.
    """

    def __init__(
        self, floor: Floats, total: int, plan: Plan, *, finite: bool, spread: float, draws: Draws | None = None
    ) -> None:
        rows = len(floor)
        self.total = total
        self.drawn = 0
        self._draws = draws
        largest = 1.0 if draws is None or finite else float(draws.most.max(initial=1.0))
        floor = floor * largest
        self.sums = np.zeros(rows)
        """(H,) sum of y so far."""
        self._squares = np.zeros(rows)
        self.evidence = np.ones(rows)
        """(H,) wealth, the e-value of each row at this look."""
        self._sizes = np.zeros(rows)
        self._weighed = np.zeros(rows)
        """(H,) sum of |y| times what it counted."""
        self._floor = floor
        self._finite = finite
        self._plan = plan
        self._goal = float(np.exp(plan.log_wealth[-1]))
        self._planner = np.ones(rows)
        self._planner_share = 1.0 - spread
        self._grid = stake_grid(total, largest) / -floor[:, None]
        self._spread = np.full((rows, STAKES), spread / STAKES)
        self._most = MOST_STAKED / -floor

    def add(self, y: Floats, *, live: npt.NDArray[np.bool_] | None = None, sums: Floats | None = None) -> None:
        """One item: y (H,), 0 where a score is missing; rows that are not live keep their wealth.

        sums: (H,) sum so far of the quantity each y is about, where that changes from item to item.
        """
        sums = self.sums if sums is None else sums
        weight = self.weight
        y, worth = (y, weight) if self._finite else (y * weight, 1.0)
        stakes, grid = self._planned(sums), self._grid
        most, gain = self._most, y
        if self._finite:
            left = self.total - self.drawn
            centre = sums / -left  # the largest mean of y under the null
            floor, faster = self._floor, self.total / left
            if self._draws is not None:
                floor, grid = floor * self._draws.most[self.drawn], grid * self._scale()[:, None]
            most = MOST_STAKED / np.maximum(centre - floor, 0.05)
            grid = np.minimum(grid * faster, most[:, None])
            gain = y * worth - centre
        self._planner *= self._kept(np.minimum(stakes, most) * gain, live)
        self._spread *= self._kept(grid * gain[:, None], live)
        np.minimum(self._spread, CEILING, out=self._spread)
        self.drawn += 1
        self.sums += y
        self._squares += y * y
        size = np.abs(y)
        self._sizes += size
        if self._draws is not None:
            self._weighed += worth * size
        self.evidence = self._planner_share * self._planner + self._spread.sum(axis=1)

    @property
    def weight(self) -> float:
        """How many times the next item counts."""
        return 1.0 if self._draws is None else float(self._draws.weight[self.drawn])

    @property
    def at(self) -> float:
        """Items that as much evidence would have taken, all alike: on the clock of a plan for `total` of them."""
        return float(self.drawn) if self._draws is None else float(self._draws.clock[self.drawn]) * self.total

    def deviation(self, squares: Floats, sizes: Floats) -> Floats:
        """Predicted standard deviation of a sum over all items, given its sums of squares and of sizes so far.

        It goes by no scale of its own: halve every value, and it is half of what it was."""
        typical = (squares + LITTLE) / (sizes + LITTLE)
        square = (squares + PRIOR_ITEMS * PRIOR_SQUARE * typical * typical) / (self.at + PRIOR_ITEMS)
        deviation: Floats = np.sqrt(square * self.total)
        return deviation

    def hopeless(self) -> float:
        """Give up where |sum| / deviation is at most this; -1 for never."""
        return float(self._plan.hopeless[self._step()])

    def wise(self) -> float:
        """Name a winner where sum / deviation is at least this."""
        return float(self._plan.wise[self._step()])

    def _step(self) -> int:
        return min(int(self.at * STEPS / max(self.total, 1)), STEPS - 1)

    def _planned(self, sums: Floats) -> Floats:
        """(H,) stakes of the planner, none larger than a typical gain needs to reach the goal."""
        plan, step, deviation = self._plan, self._step(), self.deviation(self._squares, self._sizes)
        wealth = np.maximum(self._planner, 1e-9)
        stakes: Floats = np.interp(np.log(wealth), plan.log_wealth, plan.stakes[step])
        stakes = np.minimum(stakes, np.interp(sums / deviation, plan.sums, plan.stakes_at[step])) / deviation
        typical = (self._squares + LITTLE) / (self._sizes + LITTLE)
        if self._draws is not None and self._finite:
            scale = self._scale()
            stakes *= scale
            typical /= scale
        return np.minimum(stakes, np.maximum(self._goal / wealth - 1.0, 0.0) / typical * 1.0001)

    def _scale(self) -> Floats:
        """(H,) sizes so far over what they counted: a gain that counts less bears a larger stake."""
        return (self._sizes + 0.25) / (self._weighed + 0.25)

    @staticmethod
    def _kept(gain: Floats, live: npt.NDArray[np.bool_] | None) -> Floats:
        """1 + gain, and 1 for rows that are not live."""
        if live is not None:
            gain[~live] = 0.0
        gain += 1.0
        return gain
