"""Drawing items in random order and weighing them: what a live run and a replay have in common.

The order is fixed by the seed before the first call. Results may land in any order, for slow answers are not a random
sample of all answers; they are handed to the contest strictly in the order they were drawn, so that what is decided
depends on the items and the seed alone and never on which backend was quick.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from weighbridge.errors import UsageError
from weighbridge.stats import Contest, NotWorse, Rule, Verdict
from weighbridge.stats.draws import Draws

NOT_ASKED = math.nan
"""Stands for a score that is not there: the sample failed, or the candidate was no longer asked."""


class Weighed(NamedTuple):
    """One item the contest has taken in."""

    position: int
    """When it was drawn, from 0."""
    scores: tuple[float, ...]
    """One for each candidate; NaN where there is none."""


def draw_order(total: int, seed: int, at_most: int | None = None) -> npt.NDArray[np.uint32]:
    """Indices of the items in the order they are drawn, at most `at_most` of them.

    Sorts the items by the raw output of PCG64, a stream that NumPy promises never to change, so that a seed gives the
    same order everywhere and for ever; ties (one in 2^64) keep the order of the file.
    """
    check_seed(seed)
    keys = np.random.PCG64(seed).random_raw(total) if total else np.empty(0, np.uint64)
    return np.argsort(keys, kind="stable")[:at_most].astype(np.uint32)


def check_seed(seed: int) -> None:
    """Raise UsageError for a negative one."""
    if seed < 0:
        raise UsageError(f"a seed is a whole number from 0, got {seed}")


def cluster_scores(rows: Sequence[Sequence[float]]) -> list[float]:
    """The mean of each candidate over the items that all have a score for; NaN where there is no such item."""
    scores = np.array(rows, dtype=np.float64)
    asked = ~np.isnan(scores).all(axis=0)
    both = scores[~np.isnan(scores[:, asked]).any(axis=1)] if asked.any() else scores[:0]
    return both.mean(axis=0).tolist() if len(both) else [np.nan] * scores.shape[1]


class Drawing:
    """The contest between candidates over items in drawn order."""

    def __init__(
        self,
        names: Sequence[str],
        rule: Rule,
        order: npt.NDArray[np.uint32],
        of: int | None = None,
        last: npt.NDArray[np.bool_] | None = None,
        *,
        draws: Draws | None = None,
    ) -> None:
        """`of`: how many items there are, where `order` holds only some of them; a claim about exactly these items is
        about all. `last`: for items in clusters, which one of the order ends its cluster; `of` then counts clusters.
        `draws`: what each draw counts, where chances were unequal. Raises InputError for fewer than two candidates, or
        a rule that makes no sense."""
        self.names = tuple(names)
        self.order = order
        units = len(order) if last is None else int(last.sum())
        there_are = of if of is not None and rule.scope == "items" else units
        self._last = last
        self.draws = draws
        self._cluster_of = np.empty(0, np.int64) if last is None else np.cumsum(last) - last
        self._cluster: list[Sequence[float]] = []
        """Scores of the items of the cluster under way."""
        kind = NotWorse if rule.goal == "not-worse" else Contest
        self.contest: Contest | NotWorse = kind(names, rule, there_are, draws)
        self.weighed = 0
        """Items the contest has taken in."""
        self.eliminated: dict[str, int] = {}
        """Candidates that are no longer asked, and after how many items."""
        self._landed: dict[int, Sequence[float]] = {}

    @property
    def active(self) -> tuple[str, ...]:
        """Candidates that are still asked."""
        return self.contest.active

    @property
    def decided(self) -> bool:
        return self.contest.decided

    @property
    def waiting(self) -> int:
        """Items that landed before one drawn earlier."""
        return len(self._landed)

    def weight(self, position: int) -> float:
        """How many times the scores of an item count."""
        if self.draws is None:
            return 1.0
        return float(self.draws.weight[position if self._last is None else int(self._cluster_of[position])])

    def draw_of(self, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Which draw brought each of these items up: itself, or that of its cluster."""
        return positions if self._last is None else self._cluster_of[positions]

    def land(self, position: int, scores: Sequence[float]) -> list[Weighed]:
        """All samples of one drawn item are there; returns the items that could now be weighed, often just this one.

        Scores of candidates that were eliminated meanwhile are dropped. After the decision nothing more is weighed.
        """
        self._landed[position] = scores
        weighed = []
        while not self.contest.decided and (found := self._landed.pop(self.weighed, None)) is not None:
            active = self.contest.active
            if len(active) < len(self.names):
                kept = set(active)
                found = [score if name in kept else NOT_ASKED for name, score in zip(self.names, found, strict=True)]
            self._add(found)
            weighed.append(Weighed(self.weighed, tuple(found)))
            self.weighed += 1
            if len(self.contest.active) < len(active):
                self._eliminate(active)
        return weighed

    def _add(self, scores: Sequence[float]) -> None:
        """One item is a draw, or the last of a cluster completes one."""
        if self._last is None:
            self.contest.add(scores)
            return
        self._cluster.append(scores)
        if self._last[self.weighed]:
            self.contest.add(cluster_scores(self._cluster))
            self._cluster.clear()

    def finish(self, stopped: str | None = None) -> Verdict:
        """The verdict, when it is decided, all items were drawn, or the run was stopped for the reason given."""
        return self.contest.finish(stopped)

    def _eliminate(self, before: Sequence[str]) -> None:
        for name in before:
            if name not in self.contest.active:
                self.eliminated[name] = self.weighed
