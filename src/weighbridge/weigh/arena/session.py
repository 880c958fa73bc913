"""One voter's session: which two answers come next, in which order, until nothing is left to tell.

    pair    the one whose vote tells most (posterior.py) among those that still have an item for this voter
    item    of those the voter has not seen this pair on: the one seen least often, then the first drawn
    order   a coin

Sessions resume: everything follows from the votes in the ledger, the seed of the items' order and a source of coins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from random import Random
from typing import NamedTuple

import numpy as np

from weighbridge.ledger.votes import VoteRow

from .posterior import posterior

SCORE = {"a": 1.0, "b": 0.0, "tie": 0.5, "both bad": 0.5}
FAILED_MOST = 3
"""Answers of a candidate that failed while none came, after which it is no longer shown."""
CLOSE = 1e-3
"""Nats: gains this near are the same, and chance decides."""

Pair = frozenset[str]


class Matchup(NamedTuple):
    """What is shown next: the item's place and two candidates in the order of their answers."""

    item: int
    first: str
    second: str


class Session:
    """Of one voter. order: items' places in the order they are drawn."""

    def __init__(
        self, names: Sequence[str], order: Sequence[int], votes: Iterable[VoteRow], voter: str, rng: Random
    ) -> None:
        self.names = tuple(names)
        self._order = list(order)
        self._rng = rng
        self._scored = np.zeros((len(names), len(names)))
        self._pairs: Counter[Pair] = Counter()
        self._seen: dict[str, set[Pair]] = {}
        """Item id to the pairs that the voter has seen on it."""
        self._failed: dict[str, set[str]] = {name: set() for name in names}
        self._answered: set[str] = set()
        self.votes = 0
        """Of this voter, those passed on left out."""
        self._voter = voter
        for vote in votes:
            self.count(vote)

    def count(self, vote: VoteRow) -> None:
        """Take a vote in, whoever cast it; votes on candidates that are not here count nothing."""
        if vote.a not in self.names or vote.b not in self.names:
            return
        pair = frozenset((vote.a, vote.b))
        if vote.voter == self._voter:
            self._seen.setdefault(vote.item, set()).add(pair)
            self.votes += vote.outcome != "skip"
        if vote.outcome == "skip":
            return
        a, b = self.names.index(vote.a), self.names.index(vote.b)
        score = SCORE[vote.outcome]
        self._scored[a, b] += score
        self._scored[b, a] += 1 - score
        self._pairs[pair] += 1

    def gave(self, candidate: str) -> None:
        """The candidate has answered something."""
        self._answered.add(candidate)

    def failed(self, candidate: str, item: str) -> bool:
        """The candidate gave no answer to an item; True once it is given up for good."""
        self._failed[candidate].add(item)
        return self._is_out(candidate)

    @property
    def left(self) -> tuple[str, ...]:
        """Candidates that can still be shown."""
        return tuple(name for name in self.names if not self._is_out(name))

    def next(self, ids: Mapping[int, str]) -> Matchup | None:
        """The next pair on its item; None when the voter has seen every pair on every item. ids: by item's place."""
        pairs = self._by_gain()
        for pair in pairs:
            place = self._item(pair, ids)
            if place is not None:
                shown = sorted(pair)
                self._rng.shuffle(shown)
                return Matchup(place, shown[0], shown[1])
        return None

    def _is_out(self, candidate: str) -> bool:
        return candidate not in self._answered and len(self._failed[candidate]) >= FAILED_MOST

    def _by_gain(self) -> list[Pair]:
        """Pairs of candidates, the one that tells most first; fewer votes, then chance, among equals."""
        gains = posterior(self._scored).gains()
        place = {name: number for number, name in enumerate(self.names)}

        def rank(pair: tuple[str, str]) -> tuple[float, int, float]:
            gain = float(gains[place[pair[0]], place[pair[1]]])
            return -round(gain / CLOSE), self._pairs[frozenset(pair)], self._rng.random()

        return [frozenset(pair) for pair in sorted(combinations(self.left, 2), key=rank)]

    def _item(self, pair: Pair, ids: Mapping[int, str]) -> int | None:
        """Where the voter sees this pair next; None where they have seen it everywhere."""
        best: tuple[int, int] | None = None
        for position, place in enumerate(self._order):
            item = ids[place]
            seen = self._seen.get(item, ())
            if pair in seen or any(item in self._failed[name] for name in pair):
                continue
            if best is None or len(seen) < best[0]:
                best = len(seen), position
            if not seen:
                break
        return None if best is None else self._order[best[1]]
