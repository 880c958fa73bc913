"""What calls cost: the strong model for everything, against the weak side for everything and the strong for the rest.

A cost is of one call, in one unit for all models (dollars, or a ratio). Recorded dollars go before what is named; a
model without either has an unknown cost, and then so has every sum that it is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .arrays import Floats
from .artefact import JudgeRecord
from .cascade_model import Vote
from .rounds import Followed
from .samples import Samples, model_of

GUESSED_SHARE = 0.02
"""Of a strong call's cost, for a cheap call whose cost nobody named, only to decide when to stop asking: a cascade that
took it for nothing would ask everybody about everything. Never counted as money."""


class Spending(NamedTuple):
    """Per item, on average; None is unknown."""

    always_strong: float | None
    routed: float | None
    asked: Mapping[str, float]
    """Calls an item, by voter, the strong model's and the judge's included."""
    unpriced: tuple[str, ...] = ()
    """Those of them whose cost is unknown."""

    @property
    def saved(self) -> float | None:
        """Share; below 0 where routing costs more."""
        if self.always_strong is None or self.routed is None or self.always_strong <= 0:
            return None
        return 1.0 - self.routed / self.always_strong


class Calls(NamedTuple):
    """Who is asked how often, of n items."""

    voters: Mapping[str, Floats]
    """(n,) each"""
    strong: str


def calls_of(
    samples: Samples,
    voters: Sequence[str],
    strong: str,
    followed: Followed,
    *,
    sizes: Sequence[int],
    judge: JudgeRecord | None,
) -> Calls:
    """sizes: voters that have answered after each round; empty for a router that reads the prompt, which asks only who
    answers."""
    to_weak = followed.to_weak.astype(np.float64)
    to_strong = (~followed.to_weak).astype(np.float64)
    if not sizes:
        return Calls({voters[0]: to_weak, strong: to_strong}, strong)
    asked = {}
    for place, voter in enumerate(voters):
        number = next(n for n, size in enumerate(sizes) if place < size)
        asked[voter] = (followed.rounds > number).astype(np.float64)
    asked[strong] = to_strong
    if judge is not None:
        asked[judge.name] = asked.get(judge.name, np.zeros(len(samples))) + _judge_calls(
            samples, voters, judge, sizes, followed
        )
    return Calls(asked, strong)


def _judge_calls(
    samples: Samples, voters: Sequence[str], judge: JudgeRecord, sizes: Sequence[int], followed: Followed
) -> Floats:
    """(n,)"""
    judged = [voter in judge.voters for voter in voters]
    votes = zip(samples.votes(voters), followed.rounds.tolist(), strict=True)
    return np.array([float(len(to_judge(said[: sizes[rounds - 1]], judged))) for said, rounds in votes])


def to_judge(votes: Sequence[Vote], judged: Sequence[bool]) -> list[int]:
    """Places of the votes whose answers a judge is asked about: the first of each, where its voter is judged."""
    first: dict[str, int] = {}
    for place, vote in enumerate(votes):
        if vote.answer:
            first.setdefault(vote.answer, place)
    return [place for place in first.values() if judged[place]]


def spending(samples: Samples, calls: Calls, costs: Mapping[str, float | None]) -> Spending:
    best = _mean(samples, calls.strong, costs, np.ones(len(samples)))
    parts = {voter: _mean(samples, voter, costs, asked) for voter, asked in calls.voters.items()}
    known = [part for part in parts.values() if part is not None]
    unpriced = tuple(voter for voter, part in parts.items() if part is None)
    asked = {voter: float(asked.mean()) for voter, asked in calls.voters.items()}
    return Spending(best, None if unpriced else sum(known), asked, unpriced)


def round_shares(
    samples: Samples,
    voters: Sequence[str],
    sizes: Sequence[int],
    strong: str,
    costs: Mapping[str, float | None],
    *,
    judge: str | None,
) -> list[float]:
    """Of each round's calls, what they cost as a share of a strong call; GUESSED_SHARE for each that is not known."""
    every = np.ones(len(samples))
    best = _mean(samples, strong, costs, every)

    def share(name: str) -> float:
        cost = _mean(samples, name, costs, every)
        return GUESSED_SHARE if not best or cost is None else cost / best

    starts = (0, *sizes[:-1])
    beside = share(judge) if judge is not None else 0.0
    return [sum(share(voter) + beside for voter in voters[a:b]) for a, b in zip(starts, sizes, strict=True)]


def _mean(samples: Samples, voter: str, costs: Mapping[str, float | None], asked: Floats) -> float | None:
    """Of the calls that are made, over all items."""
    recorded = samples.usd.get(voter)
    if recorded is not None:
        made = asked > 0
        return None if np.isnan(recorded[made]).any() else float(recorded[made] @ asked[made] / max(len(recorded), 1))
    cost = costs.get(voter, costs.get(model_of(voter)))
    return None if cost is None else cost * float(asked.mean())
