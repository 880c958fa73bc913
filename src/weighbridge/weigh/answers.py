"""What is known of a run's answers beside their scores: repeats of an item, dollars and seconds of each candidate.

An answer is noted as it lands, and counted once its item is weighed, so that what is told rests on the same items as
the verdict. Sums only: an item costs 32 bytes a candidate where it is asked several times, else nothing.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import overload

import numpy as np

from weighbridge.stats import Verdict
from weighbridge.stats.outcomes import PairSums
from weighbridge.stats.repeats import PASSES, Answers, Repeatability, repeatability
from weighbridge.weigh.items import Items
from weighbridge.weigh.records import Outcomes
from weighbridge.weigh.shown import Failed


class _Noted:
    """Answers of one candidate to one item that waits to be weighed."""

    def __init__(self) -> None:
        self.scores: dict[int, float] = {}
        """By repeat."""
        self.usd: list[float | None] = []
        self.seconds: list[float | None] = []


class AnswerBook:
    """Made for one run. names: of all candidates; total: items that can be drawn."""

    def __init__(self, names: Sequence[str], repeats: int, total: int) -> None:
        self._names = tuple(names)
        self._repeats = repeats
        self._total = total
        self._noted: dict[tuple[int, str], _Noted] = {}
        self._usd, self._seconds = PairSums(len(names)), PairSums(len(names))
        self._places = array("Q")
        self._columns = {name: _Column(repeats) for name in names} if repeats > 1 else {}

    def note(self, place: int, name: str, usd: float | None, latency_s: float | None) -> None:
        """An answer landed: what it cost and how long it took."""
        noted = self._noted.setdefault((place, name), _Noted())
        noted.usd.append(usd)
        noted.seconds.append(latency_s)

    def score(self, place: int, name: str, samples: Sequence[float | Failed]) -> float | Failed:
        """The item's score: the mean of those answers that have one; the first failure where none has."""
        scores = {repeat: one for repeat, one in enumerate(samples) if isinstance(one, float)}
        if not scores:
            return next(one for one in samples if isinstance(one, Failed))
        self._noted.setdefault((place, name), _Noted()).scores = scores
        return min(sum(scores.values()) / len(scores), 1.0)

    def weigh(self, place: int, scores: Sequence[float], weight: float = 1.0) -> None:
        """An item was weighed with these scores, NaN for a candidate that was out or failed; weight: what it counts."""
        usd, seconds = [math.nan] * len(self._names), [math.nan] * len(self._names)
        for at, (name, score) in enumerate(zip(self._names, scores, strict=True)):
            noted = self._noted.pop((place, name), None)
            if noted is not None and not math.isnan(score):
                usd[at], seconds[at] = _mean(noted.usd), _mean(noted.seconds)
            if self._columns:
                self._columns[name].add(noted.scores if noted is not None and not math.isnan(score) else {})
        self._usd.add(usd, weight)
        self._seconds.add(seconds, weight)
        if self._columns:
            self._places.append(place)

    def outcomes(self, verdict: Verdict) -> Outcomes | None:
        """Dollars and seconds of the leader against the others; None where nothing is known of two candidates."""
        best = max(verdict.estimates, key=lambda one: -1.0 if one.mean is None else one.mean)
        leader = self._names.index(verdict.winner or verdict.chosen or best.name)
        usd = self._usd.differences(self._names, leader, total=self._total)
        seconds = self._seconds.differences(self._names, leader, total=self._total)
        return Outcomes(usd=usd, latency_s=seconds) if usd or seconds else None

    def repeats(self, items: Items) -> tuple[Repeatability, ...]:
        """What several answers to one item say of each candidate; empty where items are asked once."""
        ids = _Ids(items, self._places)
        found = (repeatability(column.answers(name), ids) for name, column in self._columns.items())
        return tuple(one for one in found if one is not None)


class _Column:
    """Scores of one candidate by weighed item."""

    def __init__(self, repeats: int) -> None:
        self._count, self._passes = array("d"), array("d")
        self._total, self._square = array("d"), array("d")
        self._run_count, self._run_total = np.zeros(repeats), np.zeros(repeats)

    def add(self, scores: dict[int, float]) -> None:
        values = scores.values()
        self._count.append(len(scores))
        self._total.append(sum(values))
        self._square.append(sum(value * value for value in values))
        self._passes.append(sum(value >= PASSES for value in values))
        for repeat, value in scores.items():
            self._run_count[repeat] += 1
            self._run_total[repeat] += value

    def answers(self, name: str) -> Answers:
        return Answers(
            name=name,
            count=np.array(self._count),
            total=np.array(self._total),
            square=np.array(self._square),
            passes=np.array(self._passes),
            run_count=self._run_count,
            run_total=self._run_total,
        )


class _Ids(Sequence[str]):
    """Ids of the weighed items, read when they are asked for."""

    def __init__(self, items: Items, places: Sequence[int]) -> None:
        self._items = items
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return self._items[int(self._places[at])].id


def _mean(values: Sequence[float | None]) -> float:
    """NaN as soon as one is unknown."""
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers and len(numbers) == len(values) else math.nan
