"""How to stake, and when to give up, if the number of items is known: the plan behind a sequential test.

Think of the sum of differences, divided by its standard deviation over all items, as a Brownian motion x that runs for
time t in [0, 1]; at the end x is the z-score of the full set. Looking at the work as a decision problem,

    loss   share of items used  +  PRICE x (decision differs from what the full set's test would say)
    prior  z-scores of the full set, before any item, are normal with variance SPREAD + 1
    limit  under equality a winner is ever named with probability `level` in each direction

backward induction finds where to name a winner and where to give up. With those boundaries, the chance under equality
that the winner's boundary is still reached, divided by its value at the start, is a martingale that stands at 1 / level
on the boundary and at 0 where one gives up. Its slope tells a bettor what to stake (`bets.py`). The stakes are exact
bets on the real values, so the normal picture decides only how fast they win, never whether they are valid.

Without the limit, backward induction finds where naming a winner is wise, certain or not. On a finite set a lead can be
certain and not wise: the first is sure to stay ahead, and by no more than chance would give.

Sources: Eales and Jennison (1992), An improved method for deriving optimal one-sided group sequential tests; Voracek
and Orabona (2025), STaR-Bets: sequential target-recalculating bets. `bench/sequential.py` measures the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import erf
from statistics import NormalDist

import numpy as np

from .arrays import Floats

STEPS = 100
"""Time steps of the plan."""
SPREAD = 20.0
"""Variance of the drift under the prior; between 10 and 100 it hardly matters."""
PRICE = {False: 1.5, True: 1.8}
"""Full sets of items one would pay to avoid a decision unlike the full set's; by whether the set is finite."""
ORDERED = {False: 1.1, True: 0.83}
"""Times that price where items that tell more come up more often (`draws.py`), so that decisions differ from the full
set's as often as in random order, and calls are saved: work loses the items passed over, a finite set loses none."""
STEEPEST = 15.0
"""Largest stake in the table, times the standard deviation of the full sum."""

_X: Floats = np.arange(-6.0, 6.0001, 0.06)
_MID = len(_X) // 2
_T: Floats = np.arange(STEPS + 1) / STEPS
_DT = 1.0 / STEPS
_GIVE_UP, _WIN, _LOSE, _GO_ON = 0, 1, 2, 3
_CDF_AT: Floats = np.linspace(-9.0, 9.0, 18001)
_CDF: Floats = np.array([0.5 * (1.0 + erf(v / 2**0.5)) for v in _CDF_AT])


@dataclass(frozen=True, slots=True)
class Plan:
    """Tables of one plan. Row k is for share k / STEPS of the items."""

    log_wealth: Floats
    """(J,) grid of the logarithm of wealth; the last entry is the goal."""
    stakes: Floats
    """(STEPS, J) stake at that wealth, times the standard deviation of the full sum."""
    sums: Floats
    """(I,) grid of sums, over the standard deviation of the full sum."""
    stakes_at: Floats
    """(STEPS, I) stake that the sum alone calls for, in the same unit; the steepest where a winner is named."""
    hopeless: Floats
    """(STEPS,) give up when |sum| over the standard deviation of the full sum is at most this; -1 where never."""
    wise: Floats
    """(STEPS,) name a winner, if that is certain, when the sum in the same unit is at least this."""


@lru_cache(maxsize=32)
def make_plan(level: float, test_level: float, finite: bool, ordered: bool = False) -> Plan:
    """The plan whose winner's boundary is reached with probability at most `level` under equality.

    test_level: one-sided level of the full set's test, which the plan imitates. finite: the null is a finite set whose
    sum is 0 (a Brownian bridge), not work whose mean is 0. ordered: items that tell more come up more
    often. Takes about a fifth of a second, once.
    """
    worth = _Worth(test_level, finite, PRICE[finite] * (ORDERED[finite] if ordered else 1.0))
    low, high = 1e-4, 100.0 * PRICE[finite] / level
    for _ in range(14):
        toll = (low * high) ** 0.5
        low, high = (toll, high) if worth.reach(worth.actions(toll))[0, _MID] > level else (low, toll)
    actions = worth.actions(high)
    return _tables(actions, worth.reach(actions), worth.actions(0.0))


class _Worth:
    """Backward induction; `toll` is the price of naming a winner under equality."""

    def __init__(self, test_level: float, finite: bool, price: float) -> None:
        self._price = price
        self._finite = finite
        self._needed = -NormalDist().inv_cdf(test_level)
        posterior = 1.0 / (1.0 / SPREAD + _T)  # (STEPS + 1,) variance of the drift, seen at x; its mean is x times that
        self._steps = [_kernel(_X * (1 + v * _DT), _DT + v * _DT**2) for v in posterior[:-1]]
        still = _kernel(_X, _DT)
        self._null = [_bridge(t) if finite else still for t in _T[:-1]]
        self._up = [self._full_set_wins(k, posterior[k]) for k in range(STEPS + 1)]
        self._odds = [self._null_odds(k, posterior[k]) for k in range(STEPS + 1)]

    def actions(self, toll: float) -> list[Floats]:
        """What to do at (time, x), by backward induction."""
        rows: list[Floats] = []
        worth = np.zeros_like(_X)
        for k in range(STEPS, -1, -1):
            up, down = self._up[k], self._up[k][::-1]
            fee = toll * self._odds[k]
            choices = np.stack(
                [self._price * (up + down), self._price * (1 - up) + fee, self._price * (1 - down) + fee]
            )
            row, stop = np.argmin(choices, axis=0), choices.min(axis=0)
            if k < STEPS:
                go_on = _DT + self._steps[k] @ worth
                row, stop = np.where(go_on < stop, _GO_ON, row), np.minimum(go_on, stop)
            rows.append(row)
            worth = stop
        return rows[::-1]

    def reach(self, actions: list[Floats]) -> Floats:
        """(STEPS + 1, len(_X)) chance under equality that the winner's boundary is reached from there."""
        out = np.zeros((STEPS + 1, len(_X)))
        for k in range(STEPS, -1, -1):
            on = self._null[k] @ out[k + 1] if k < STEPS else 0.0
            out[k] = np.where(actions[k] == _WIN, 1.0, np.where(actions[k] == _GO_ON, on, 0.0))
        if self._finite:
            out[STEPS] = 0.0  # a bridge ends at 0
        return out

    def _full_set_wins(self, k: int, variance: float) -> Floats:
        """Chance, seen at x, that the full set's z-score exceeds what its test needs."""
        left = 1.0 - _T[k]
        if left == 0.0:
            return (self._needed < _X).astype(np.float64)
        mean, spread = _X * (1 + variance * left), (left + variance * left**2) ** 0.5
        chance: Floats = np.interp((mean - self._needed) / spread, _CDF_AT, _CDF)
        return chance

    def _null_odds(self, k: int, variance: float) -> Floats:
        """Density at x under equality over its density under the prior."""
        t = _T[k]
        if t == 0.0:
            return np.ones_like(_X)
        log_odds = 0.5 * np.log1p(SPREAD * t) - 0.5 * _X**2 * variance
        if self._finite:
            left = max(1.0 - t, 1e-9)
            log_odds += -0.5 * np.log(left) - 0.5 * _X**2 / left
        odds: Floats = np.exp(np.minimum(log_odds, 50.0))
        return odds


def _kernel(mean: Floats, variance: float) -> Floats:
    """Chances to move from each x to each x; means beyond the grid stay on its edge."""
    mean = np.clip(mean, _X[0], _X[-1])
    weights: Floats = np.exp(-0.5 * (_X[None, :] - mean[:, None]) ** 2 / variance)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _bridge(t: float) -> Floats:
    """One step of a Brownian motion that must end at 0 at time 1."""
    left = 1.0 - t
    step = _X[1] - _X[0]
    return _kernel(_X * (1 - _DT / left), max(_DT * (left - _DT) / left, (0.5 * step) ** 2))


def _tables(actions: list[Floats], reach: Floats, unlimited: list[Floats]) -> Plan:
    """unlimited: the actions where naming a winner under equality costs nothing."""
    start = reach[0, _MID]
    log_wealth = np.linspace(-7.0, -np.log(start), 120)
    stakes = np.zeros((STEPS, len(log_wealth)))
    stakes_at = np.full((STEPS, len(_X)), STEEPEST)
    hopeless, wise = np.full(STEPS, -1.0), np.full(STEPS, np.inf)
    for k in range(STEPS):
        inside = (reach[k] > start * np.exp(-9.0)) & (actions[k] != _WIN)
        first_win = min(int(np.searchsorted(_X, _X[inside].max())) + 1, len(_X) - 1) if inside.any() else _MID
        inside[first_win] = True
        height = np.log(np.maximum(reach[k], 1e-300))
        slope = np.clip(np.gradient(height, _X), 0.0, STEEPEST)
        stakes[k] = np.interp(log_wealth, height[inside] - np.log(start), slope[inside])
        stakes_at[k, :first_win] = slope[:first_win]
        given_up = _X[(actions[k] == _GIVE_UP) & (_X >= 0)]
        hopeless[k] = given_up.max() if len(given_up) else -1.0
        named = _X[(unlimited[k] == _WIN) & (_X > 0)]
        wise[k] = named.min() if len(named) else np.inf
    return Plan(log_wealth, stakes, _X, stakes_at, hopeless, wise)
