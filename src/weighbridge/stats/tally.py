"""Scores so far: counts, means, and the sums behind the intervals of every candidate and every pair.

Items are kept in a buffer and added to the sums a few hundred at a time, so that an item costs next to nothing and a
million items need no more memory than a thousand. A difference d is kept as (d + 1) / 2, which lies in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Floats
from .draws import Draws
from .means import FiniteMeans, Means, WorkMeans
from .records import Interval
from .weighted_means import WeightedFinite, WeightedWork

BUFFER = 256


class Tally:
    """Running means of k candidates and of the differences of their pairs (first minus second)."""

    def __init__(
        self,
        candidates: int,
        pairs: Sequence[tuple[int, int]],
        total: int,
        *,
        finite: bool,
        draws: Draws | None = None,
    ) -> None:
        self._first = np.array([i for i, _ in pairs])
        self._second = np.array([j for _, j in pairs])
        self._rows = {pair: row for row, pair in enumerate(pairs)}

        def means(rows: int) -> Means:
            if draws is not None:
                return WeightedFinite(rows, draws) if finite else WeightedWork(rows, draws)
            return FiniteMeans(rows, total) if finite else WorkMeans(rows, total)

        self._scores, self._gaps = means(candidates), means(len(pairs))
        self._asked = np.ones(candidates, dtype=np.bool_)
        self._buffer = np.empty((BUFFER, candidates))
        self._used = 0

    def add(self, x: Floats) -> None:
        """One item's scores, NaN where there is none."""
        if self._used == BUFFER:
            self._flush()
        self._buffer[self._used] = x
        self._used += 1

    def drop(self, candidate: int) -> None:
        """The candidate is asked no more; its means stay as they are."""
        self._flush()
        self._asked[candidate] = False

    def count(self, pair: tuple[int, int]) -> int:
        """Items that both have a score for."""
        self._flush()
        return int(self._gaps.count[self._rows[pair]])

    def mean(self, candidate: int) -> float | None:
        """Mean score, None before the first."""
        self._flush()
        return self._scores.mean(candidate)

    def lead(self, a: int, b: int) -> float | None:
        """Mean difference, a minus b, on the items both have; None when they share none."""
        self._flush()
        mean = self._gaps.mean(self._rows[min(a, b), max(a, b)])
        if mean is None:
            return None
        return (2.0 * mean - 1.0) * (1.0 if a < b else -1.0)

    def interval(self, candidate: int, alpha: float) -> Interval:
        """Anytime-valid interval of a mean score."""
        self._flush()
        return self._scores.interval(candidate, alpha)

    def items(self, candidate: int) -> int:
        """Items the candidate has a score for."""
        self._flush()
        return int(self._scores.count[candidate])

    def lead_interval(self, pair: tuple[int, int], alpha: float) -> Interval:
        """Anytime-valid interval of a mean difference, within [-1, 1]."""
        self._flush()
        half = self._gaps.interval(self._rows[pair], alpha)
        return Interval(2.0 * half.low - 1.0, 2.0 * half.high - 1.0)

    def _flush(self) -> None:
        if self._used == 0:
            return
        x = self._buffer[: self._used]
        self._scores.add(x, self._asked)
        gaps = x[:, self._first] - x[:, self._second]
        self._gaps.add(0.5 * (gaps + 1.0), self._asked[self._first] & self._asked[self._second])
        self._used = 0
