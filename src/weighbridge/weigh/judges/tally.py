"""What judges said, counted as it comes: a few numbers a judgement, whatever the length of the run."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from weighbridge.stats.records import Interval
from weighbridge.weigh.scorers import Mark

from .hearing import Hearing

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Place(NamedTuple):
    """Which answer is meant; all are numbers."""

    item: int
    candidate: int
    repeat: int = 0
    """Of several answers to the item, from 0."""


class Rows(NamedTuple):
    """Marks of one panel, one row an answer."""

    item: Codes
    candidate: Codes
    score: Floats
    length: Floats
    """Characters of the answer."""
    against: Floats
    """Characters of the answer it was held against; NaN where it was graded alone."""
    values: Floats
    """Each judge's own value, shape (rows, judges); NaN where it said nothing."""

    def table(self, column: Floats, candidates: int) -> tuple[Codes, Floats]:
        """Item numbers, and the column as (items, candidates) with NaN where there is none; the mean of repeats."""
        items, places = np.unique(self.item, return_inverse=True)
        cells = places.reshape(-1) * candidates + self.candidate
        counts = np.bincount(cells, minlength=len(items) * candidates)
        sums = np.bincount(cells, weights=column, minlength=len(items) * candidates)
        wide = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
        return items, wide.reshape(len(items), candidates)


SHORT = 30
"""Characters: answers up to this length may well be alike."""
MOST_REMEMBERED = 10_000
"""Answers of a candidate that are compared with each other."""


class Tally:
    """Of one panel."""

    def __init__(self, judges: Sequence[str]) -> None:
        self.judges = tuple(judges)
        self.said: dict[str, Counter[str]] = {name: Counter() for name in judges}
        self.picks: dict[str, Counter[float]] = {name: Counter() for name in judges}
        """Of pairs: how often the first shown was preferred (1), tied (0.5) or not (0)."""
        self._texts: dict[int, Counter[int]] = defaultdict(Counter)
        """By candidate: hash of an answer to how often it was given."""
        self._whole = array("q")
        self._real = array("d")

    def add(self, place: Place, text: str, hearing: Hearing) -> None:
        """What was said of an answer."""
        texts = self._texts[place.candidate]
        if texts.total() < MOST_REMEMBERED:
            texts[hash(text) if len(text) > SHORT else 0] += 1
        for one in hearing.heard:
            if one.value is not None:
                self.said[one.judge][one.said] += 1
        for pick in hearing.picks:
            self.picks[pick.judge][pick.first] += 1
        if not isinstance(hearing.mark, Mark):
            return
        values = {one.judge: one.value for one in hearing.heard}
        against = float("nan") if hearing.against is None else float(len(hearing.against))
        self._whole.extend(place)
        self._real.extend((hearing.mark.score, float(len(text)), against))
        known = (values.get(name) for name in self.judges)
        self._real.extend(float("nan") if value is None else value for value in known)

    def heard_first(self) -> set[tuple[int, int]]:
        """Every item and candidate of whose first answer there is a mark."""
        places = zip(self._whole[::3], self._whole[1::3], self._whole[2::3], strict=True)
        return {(item, candidate) for item, candidate, repeat in places if not repeat}

    def rows(self, items: Codes | None = None) -> Rows:
        """The rows of these items or of all, sorted by item, candidate and repeat."""
        whole, _ = self._arrays()
        return self._picked(np.arange(len(whole)) if items is None else np.flatnonzero(np.isin(whole[:, 0], items)))

    def first_rows(self) -> Rows:
        """Those of each item's first answers, which are what people label."""
        whole, _ = self._arrays()
        return self._picked(np.flatnonzero(whole[:, 2] == 0))

    def _arrays(self) -> tuple[Codes, Floats]:
        whole = np.frombuffer(self._whole, dtype=np.int64).reshape(-1, 3)
        return whole, np.frombuffer(self._real, dtype=np.float64).reshape(-1, 3 + len(self.judges))

    def _picked(self, kept: Codes) -> Rows:
        whole, real = self._arrays()
        order = kept[np.lexsort((whole[kept, 2], whole[kept, 1], whole[kept, 0]))]
        whole, real = whole[order], real[order]
        return Rows(whole[:, 0], whole[:, 1], real[:, 0], real[:, 1], real[:, 2], real[:, 3:])

    def same_answer(self, candidate: int) -> tuple[float, int] | None:
        """Share of a candidate's answers that are one and the same, and of how many; short ones may well be alike."""
        texts = self._texts[candidate]
        longer = Counter({text: count for text, count in texts.items() if text})
        return (longer.most_common(1)[0][1] / texts.total(), texts.total()) if longer else None

    def first_share(self, judge: str) -> tuple[float, Interval] | None:
        """How far the first shown was preferred, with a 95% interval; None without pairs.

        Both orders of a pair are asked, so without a liking for a place this is one half whoever is better.
        """
        from weighbridge.stats import mean_interval

        found = self.picks[judge]
        if not found:
            return None
        values = list(found.elements())
        return sum(values) / len(values), mean_interval(values)
