"""Ratings, intervals and ranks from votes.

The variance is the sandwich of spread.py. Ranks come from the intervals of differences: a model is surely behind those
that are surely better, and surely before those that are surely worse, at the stated level for each comparison.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from weighbridge.errors import UsageError
from weighbridge.stats.ppi import t_quantile

from .fit import Array, Cast, Codes, Fitted, davidson_shares, maximum
from .graph import components, levels_of
from .spread import bootstrap_spread, sandwich
from .votes import Pairs, Votes, compact, count_pairs

ELO = 400 / math.log(10)
CENTRE = 1000.0
"""Ratings of a group average this."""
Ties = Literal["half", "davidson"]
_EMPTY = np.zeros(0)
FEW_GAMES = 30
FEW_VOTERS = 10
UNSEEN = 3.0


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """One model. Elo points; None where votes cannot say: it won or lost every game."""

    model: str
    rating: float | None
    interval: tuple[float, float] | None
    rank: int
    """Within its component; 1 is best."""
    rank_interval: tuple[int, int]
    games: int
    component: int = 1
    note: str = ""


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    ratings: tuple[Rating, ...]
    """By component, best first."""
    components: int
    """Groups of models without a vote between them: ratings of two groups cannot be compared."""
    votes: int
    voters: int | None
    controls: dict[str, tuple[float, float]] = {}
    """Effect of each control in Elo points for one standard deviation, and its standard error."""
    tie_share: float | None = None
    """Davidson: how likely a tie between equals is."""
    notes: tuple[str, ...] = ()
    """What a reader of the intervals has to know."""


class _Asked(NamedTuple):
    davidson: bool
    alpha: float
    bootstrap: int
    seed: int


class _Group(NamedTuple):
    """Models that votes link: `core` are those among which finite ratings exist, places in `members`."""

    number: int
    members: Codes
    levels: list[list[int]]
    core: list[int]


def rate(votes: Votes, *, ties: Ties = "half", alpha: float = 0.05, bootstrap: int = 0, seed: int = 0) -> Rated:
    """Ratings of every model that has a vote. Deterministic for a seed."""
    asked = _Asked(ties == "davidson", alpha, bootstrap, seed)
    if asked.davidson and votes.controls is not None:
        raise UsageError("--ties davidson goes with no --control", next_move="With controls a tie is half a win each.")
    votes, voters, notes = _witnesses(compact(votes))
    pairs = count_pairs(votes)
    linked = components(pairs.games)
    ratings: list[Rating] = []
    controls: dict[str, tuple[float, float]] = {}
    tie_share = None
    for number, members in enumerate(_by_size(linked), start=1):
        levels = levels_of(pairs.scored[np.ix_(members, members)])
        group = _Group(number, members, levels, max(levels, key=len))
        fitted, spread = _fit(votes, pairs, members[group.core], asked, voters)
        if asked.davidson and len(group.core) > 1 and not len(fitted.others):
            notes = (*notes, *_no_share(pairs, members[group.core]))
        reach = _reach(alpha, voters)
        ratings += _ranked(votes, pairs, group, strengths=fitted.strengths, spread=spread, z=reach)
        controls |= _effects(votes, fitted, spread)
        if number == 1 and asked.davidson and len(fitted.others) == 1:
            tie_share = float(davidson_shares(np.zeros(1), float(fitted.others[0]))[1][0])
    return Rated(
        ratings=tuple(ratings),
        components=int(linked.max(initial=-1)) + 1,
        votes=votes.count,
        voters=voters,
        controls=controls,
        tie_share=tie_share,
        notes=tuple(dict.fromkeys(notes)),
    )


def _witnesses(votes: Votes) -> tuple[Votes, int | None, tuple[str, ...]]:
    """The votes, how many voters they are of, and what follows from that. Of one voter alone nobody knows how others
    would differ: then each vote is a witness, and that is said."""
    if votes.voter is None:
        return votes, None, ()
    voters = int(np.count_nonzero(np.bincount(votes.voter)))
    if voters == 1:
        said = "All votes are of one voter: intervals are about more votes of that voter, not about other people's."
        return replace(votes, voter=None), 1, (said,)
    if voters < FEW_VOTERS:
        return votes, voters, (f"There are {voters} voters only: how others would vote is little known.",)
    return votes, voters, ()


def _reach(alpha: float, voters: int | None) -> float:
    """Standard errors to either side: Student's t over voters, who are the witnesses."""
    if voters is None or voters == 1:
        return NormalDist().inv_cdf(1 - alpha / 2)
    return t_quantile(1 - alpha / 2, voters - 1)


def _no_share(pairs: Pairs, kept: Codes) -> tuple[str, ...]:
    """Why Davidson's ties were not used for a group of models."""
    if not pairs.ties[np.ix_(kept, kept)].any():
        return ("Without a tie there is no share of ties to find.",)
    return (
        "Nobody who lost ever won against who beat them, so ties count as half a win each: their share has no end.",
    )


def _by_size(linked: Codes) -> list[Codes]:
    found = [np.flatnonzero(linked == number) for number in range(int(linked.max(initial=-1)) + 1)]
    return sorted(found, key=lambda members: (-len(members), int(members[0])))


def _fit(votes: Votes, pairs: Pairs, kept: Codes, asked: _Asked, voters: int | None) -> tuple[Fitted, Array]:
    """Strengths of models that have a finite rating, and the covariance of all parameters."""
    if len(kept) < 2:
        nothing = np.zeros((len(kept), len(kept)))
        return Fitted(np.zeros(len(kept)), _EMPTY, nothing), nothing
    cast = _among(votes, kept)
    within = np.ix_(kept, kept)
    own = Pairs(pairs.wins[within], pairs.ties[within])
    fitted = maximum(own.wins, own.ties, cast, davidson=asked.davidson)
    if asked.bootstrap:
        rng = np.random.default_rng(asked.seed)
        return fitted, bootstrap_spread(cast, asked.bootstrap, rng, davidson=asked.davidson)
    few = voters is not None and 1 < voters < FEW_VOTERS
    share = (_reach(asked.alpha, None) / _reach(asked.alpha, voters)) ** 2  # intervals reach further for few voters
    games = np.zeros(len(kept)) if few else own.games.sum(axis=1)
    return fitted, _floored(sandwich(fitted, cast), share * _own_variance(fitted, games))


def _own_variance(fitted: Fitted, games: Array) -> Array:
    """The least variance of each strength. Votes that agree by luck look like certainty to the sandwich: of few votes
    it is the model's own. Of many that are all ties, the share of it that those could have who were never seen to win:
    3 in n at 95%."""
    own = np.diag(fitted.bread)[: len(games)]
    least: Array = own * np.where(games < FEW_GAMES, 1.0, UNSEEN / np.maximum(games, 1))
    return least


def _floored(spread: Array, floor: Array) -> Array:
    """The covariance with no strength's variance below its floor; correlations stay."""
    n = len(floor)
    found = np.diag(spread)[:n]
    scale = np.ones(len(spread))
    short = found < floor
    scale[:n][short] = np.sqrt(floor[short] / np.maximum(found[short], 1e-300))
    wider = spread * np.minimum(scale[:, None] * scale[None, :], 1e150)
    wider[np.arange(n)[short], np.arange(n)[short]] = floor[short]
    kept: Array = np.nan_to_num(wider)
    return kept


def _among(votes: Votes, kept: Codes) -> Cast:
    """The votes between these models, numbered anew."""
    place = np.full(len(votes.models), -1, np.int32)
    place[kept] = np.arange(len(kept))
    a, b = place[votes.a], place[votes.b]
    here = (a >= 0) & (b >= 0) & (a != b)
    of = slice(None) if here.all() else here  # a copy only of what is not the whole
    once = np.broadcast_to(np.float64(1), len(a))
    return Cast(
        a[of],
        b[of],
        votes.outcome[of],
        (once if votes.weight is None else votes.weight)[of],
        None if votes.controls is None else votes.controls[of],
        None if votes.voter is None else votes.voter[of],
        len(kept),
    )


def _effects(votes: Votes, fitted: Fitted, spread: Array) -> dict[str, tuple[float, float]]:
    if votes.controls is None or len(fitted.others) != len(votes.control_names):
        return {}
    errors = np.sqrt(np.diag(spread)[len(fitted.strengths) :])
    triples = zip(votes.control_names, fitted.others, errors, strict=True)
    return {name: (float(effect * ELO), float(error * ELO)) for name, effect, error in triples}


def _ranked(
    votes: Votes, pairs: Pairs, group: _Group, *, strengths: Array, spread: Array, z: float
) -> Iterator[Rating]:
    """Models of one component, best first: levels above the core, the core by strength, levels below."""
    games = pairs.games.sum(axis=1)
    before = 0
    below = False
    for level in group.levels:
        if level is group.core and len(level) > 1:
            yield from _core(votes, games, group, (strengths, spread), before=before, z=z)
        else:
            said = "every vote on it went one way" if level is group.core else _WENT[below]
            yield from _unrated(votes, games, group, level, before=before, said=said)
        below = below or level is group.core
        before += len(level)


_WENT = {False: "it won every game against the others", True: "it lost every game against the others"}


def _core(
    votes: Votes, games: Array, group: _Group, found: tuple[Array, Array], *, before: int, z: float
) -> Iterator[Rating]:
    strengths, spread = found
    size = len(group.core)
    best, worst = _rank_intervals(strengths, spread[:size, :size], z)
    for position, inner in enumerate(np.argsort(-strengths, kind="stable")):
        index = int(group.members[group.core[inner]])
        middle = CENTRE + ELO * float(strengths[inner])
        half = z * ELO * math.sqrt(max(0.0, float(spread[inner, inner])))
        yield Rating(
            model=votes.models[index],
            rating=middle,
            interval=None if math.isnan(half) else (middle - half, middle + half),
            rank=before + position + 1,
            rank_interval=(before + int(best[inner]), before + int(worst[inner])),
            games=int(games[index]),
            component=group.number,
        )


def _unrated(
    votes: Votes, games: Array, group: _Group, level: Sequence[int], *, before: int, said: str
) -> Iterator[Rating]:
    for inner in level:
        index = int(group.members[inner])
        yield Rating(
            model=votes.models[index],
            rating=None,
            interval=None,
            rank=before + 1,
            rank_interval=(before + 1, before + len(level)),
            games=int(games[index]),
            component=group.number,
            note=f"no finite rating: {said}",
        )


def _rank_intervals(strengths: Array, spread: Array, z: float) -> tuple[Codes, Codes]:
    """Best and worst place of each model, from 1."""
    variance = np.diag(spread)[:, None] + np.diag(spread)[None, :] - 2 * spread
    surely = strengths[:, None] - strengths[None, :] > z * np.sqrt(np.maximum(variance, 0))
    np.fill_diagonal(surely, val=False)
    return 1 + surely.sum(axis=0), len(strengths) - surely.sum(axis=1)
