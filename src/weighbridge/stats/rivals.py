"""Evidence about candidates: that one is not the best, and that two differ by less than the margin.

Against each candidate j a bettor plays "j is at least as good as every other". Before each item it picks the opponent
that has the best mean so far among the others still asked (all of them, in equal parts, if several share it) and bets
on the opponent's score minus j's. If j is best, no such bet can earn, whoever is picked: wealth is an e-value against
j. With two candidates this is the paired comparison of the one with the other, in both directions.

With a margin, two more bettors for each pair play "the difference is at most -margin" and "it is at least margin".

In arrays (k, k), [i, j] is about i minus j.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .bets import Bets
from .draws import Draws
from .plan import make_plan


class Rivals:
    """Sums of all paired differences, and the bets that rest on them.

    level: chance of a false win in each bet, and one-sided level of the test on all items that the plan imitates.
    draws: how items are drawn; None: all alike."""

    def __init__(
        self, pairs: Sequence[tuple[int, int]], total: int, margin: float, *, level: float, finite: bool, spread: float,
        draws: Draws | None = None,
    ) -> None:  # fmt: skip
        k = max(second for _, second in pairs) + 1
        self.sums = np.zeros((k, k))
        """Sum of differences on items that both answered, as the bets count them: scope `items` counts each once."""
        self._leads = self.sums
        """The same sum, each counted as its weight says."""
        if draws is not None and finite:
            self._leads = np.zeros((k, k))
        self._draws, self._finite = draws, finite
        self.squares = np.zeros((k, k))
        self.sizes = np.zeros((k, k))
        """Sums of their squares, and of their absolute values."""
        self.both = np.zeros((k, k))
        """Items that both answered."""
        self.asked = np.ones(k, dtype=np.bool_)
        self._everyone = True
        self._totals = np.zeros(k)
        self._counts = np.zeros(k)
        self._opponents = (1.0 - np.eye(k)) / (k - 1)  # columns sum to 1
        self._margin = margin
        self._edges = {pair: row for row, pair in enumerate(pairs)} if margin > 0 else {}
        first, second = np.array(pairs).T
        self._over = np.concatenate([first, second])  # two rows per pair: against <= -margin, against >= margin
        self._under = np.concatenate([second, first])
        floor = np.concatenate([np.full(k, -1.0), np.full(2 * len(self._edges), margin - 1.0)])
        plan = make_plan(level * (1.0 - spread), level, finite, draws is not None)
        self._bets = Bets(floor, total, plan, finite=finite, spread=spread, draws=draws)

    @property
    def evidence(self) -> Floats:
        """(k,) e-values against: the candidate is at least as good as every other."""
        return self._bets.evidence[: len(self.asked)]

    def within(self, pair: tuple[int, int]) -> tuple[float, float]:
        """E-values against: the difference is at most -margin; it is at least margin. 1 without a margin."""
        if not self._edges:
            return 1.0, 1.0
        row, edges = len(self.asked) + self._edges[pair], len(self._edges)
        return float(self._bets.evidence[row]), float(self._bets.evidence[row + edges])

    def add(self, x: Floats) -> None:
        """One item: x (k,) scores, NaN where there is none."""
        gaps = x[:, None] - x[None, :]
        missing = np.isnan(gaps)
        np.copyto(gaps, 0.0, where=missing)
        values = (self._opponents * gaps).sum(axis=0)
        if self._edges:
            edges = gaps[self._over, self._under] + self._margin
            edges[missing[self._over, self._under]] = 0.0
            values = np.concatenate([values, edges])
        weight = self._bets.weight
        self._bets.add(values, live=self._live(), sums=self._sums())
        self._count(gaps, ~missing, weight)
        if len(x) > 2:
            present = ~np.isnan(x)
            self._counts += weight * present
            self._totals += np.where(present, weight * x, 0.0)
            self._opponents = self._best_of_others()

    def _count(self, gaps: Floats, both: npt.NDArray[np.bool_], weight: float) -> None:
        if self._draws is not None:
            if self._finite:
                self._leads += weight * gaps
            else:
                gaps *= weight
        self.sums += gaps
        self.squares += gaps * gaps
        self.sizes += np.abs(gaps)
        self.both += both

    def drop(self, candidate: int) -> None:
        """The candidate is asked no more, and is nobody's opponent."""
        self.asked[candidate] = False
        self._everyone = False
        if len(self.asked) > 2:
            self._opponents = self._best_of_others()

    def leaders(self) -> list[int]:
        """The candidates still asked that have the best mean score; more than one if they share it."""
        if len(self.asked) == 2:
            return [int(self._leads[1, 0] > 0)]
        means = self._means()
        return np.flatnonzero(means == means.max()).tolist()

    def near(self) -> npt.NDArray[np.bool_] | None:
        """(k, k) pairs that would most likely not be told apart by all the items; None when it is too early to say."""
        hopeless = self._bets.hopeless()
        return None if hopeless < 0 else np.abs(self.sums) <= hopeless * self._bets.deviation(self.squares, self.sizes)

    def beyond_chance(self, best: int, other: int) -> bool:
        """Whether all the items would most likely show a lead of `best` over `other` that is more than chance."""
        at = np.s_[best, other : other + 1]
        return bool(self.sums[at] >= self._bets.wise() * self._bets.deviation(self.squares[at], self.sizes[at]))

    @property
    def at(self) -> float:
        """Items drawn, on the clock of the plan."""
        return self._bets.at

    def _live(self) -> npt.NDArray[np.bool_] | None:
        """Rows of the bets that go on; None for all."""
        if self._everyone:
            return None
        both = self.asked[self._over] & self.asked[self._under]
        return np.concatenate([self.asked, both[: 2 * len(self._edges)]])

    def _sums(self) -> Floats | None:
        """What the values summed to so far, had each opponent been the present one throughout; None: it was."""
        if len(self.asked) == 2:
            return None
        sums = self._bets.sums.copy()
        sums[: len(self.asked)] = (self._opponents * self.sums).sum(axis=0)
        return sums

    def _means(self) -> Floats:
        means = np.divide(self._totals, self._counts, out=np.zeros(len(self._counts)), where=self._counts > 0)
        return np.where(self.asked, means, -1.0)

    def _best_of_others(self) -> Floats:
        means = np.repeat(self._means()[:, None], len(self.asked), axis=1)
        np.fill_diagonal(means, -1.0)
        best = (means == means.max(axis=0)) & (means >= 0.0)
        weights: Floats = best / np.maximum(best.sum(axis=0), 1)
        return weights
