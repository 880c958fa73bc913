"""Votes as whole numbers: which two models, who won, who voted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]
Counts = NDArray[Any]
A_WINS, B_WINS, TIE = 0, 1, 2
AT_ONCE = 4 << 20


@dataclass(frozen=True)
class Votes:
    """One vote a place, or many: `a`, `b` index `models`, `outcome` is A_WINS, B_WINS or TIE; shape (votes,) each."""

    models: tuple[str, ...]
    a: Codes
    b: Codes
    outcome: Codes
    voter: Codes | None = None
    """Who voted, from 0; None when nobody is named: votes then count as independent."""
    controls: Counts | None = None
    """Shape (votes, controls): what else may move a vote (length, style), the first answer's less the second's."""
    control_names: tuple[str, ...] = ()
    weight: Codes | None = None
    """How often each vote was cast alike; None: once."""

    @property
    def count(self) -> int:
        return round(float(self.weight.sum())) if self.weight is not None else len(self.a)


@dataclass(frozen=True)
class Pairs:
    """Votes counted by pair. Shapes (models, models): `wins[i, j]` of i over j, `ties[i, j]` symmetric."""

    wins: Counts
    ties: Counts
    scored: Counts = field(init=False)
    """Wins with half of the ties: what Bradley-Terry sees."""
    games: Counts = field(init=False)
    """Votes between two models, symmetric."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scored", self.wins + self.ties / 2)
        object.__setattr__(self, "games", self.wins + self.wins.T + self.ties)


def count_pairs(votes: Votes) -> Pairs:
    """One pass over the votes, some million at a time: what counting holds for each is many times the vote."""
    n = len(votes.models)
    cells = np.zeros(3 * n * n)
    for low in range(0, len(votes.a), AT_ONCE):
        part = slice(low, low + AT_ONCE)
        cell = (votes.a[part].astype(np.int64, copy=False) * n + votes.b[part]) * 3 + votes.outcome[part]
        weight = None if votes.weight is None else votes.weight[part]
        cells += np.bincount(cell, weights=weight, minlength=3 * n * n)
    counts = cells.reshape(n, n, 3)
    wins = counts[:, :, A_WINS] + counts[:, :, B_WINS].T
    ties = counts[:, :, TIE] + counts[:, :, TIE].T
    return Pairs(wins, ties)


def compact(votes: Votes) -> Votes:
    """The same votes, each kind once with how often it was cast, where no voter and no control tells them apart."""
    if votes.voter is not None or votes.controls is not None:
        return votes
    n = len(votes.models)
    cell = votes.a.astype(np.int64, copy=False) * (3 * n)
    cell += votes.b * 3
    cell += votes.outcome
    counts = np.bincount(cell, weights=votes.weight, minlength=3 * n * n)
    held = np.flatnonzero(counts)
    return Votes(votes.models, held // (3 * n), held // 3 % n, held % 3, weight=counts[held])
