"""How far ratings may be off: the sandwich, clustered by voter, and the bootstrap.

    H^-1 (sum over witnesses of g g') H^-1

with g summed over each voter's votes where voters are named, so that one person who votes a hundred times is one
witness (Liang & Zeger 1986); without names each vote is one.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from weighbridge.errors import InputError

from .fit import Array, Cast, Codes, Fitted, davidson_shares, maximum
from .graph import strong_components
from .votes import A_WINS, B_WINS, TIE

HELD_NUMBERS = 4 << 20
"""Numbers of the voters' slopes that are held at once."""
FEWEST_ROUNDS = 10


def sandwich(fitted: Fitted, cast: Cast) -> Array:
    """Covariance of all parameters, shape (parameters, parameters)."""
    meat = _independent(fitted, cast) if cast.voter is None else _clustered(fitted, cast, cast.voter)
    return fitted.bread @ meat @ fitted.bread


def _slopes(fitted: Fitted, cast: Cast) -> tuple[Array, Array]:
    """Of each vote: the slope of its log-likelihood in the first model's strength, and in the other parameters."""
    d = fitted.strengths[cast.a] - fitted.strengths[cast.b]
    if cast.controls is not None:
        slope = cast.score - 1 / (1 + np.exp(-(d + cast.controls @ fitted.others)))
        return slope, cast.controls * slope[:, None]
    if len(fitted.others):
        first, tie, second = davidson_shares(d, float(fitted.others[0]))
        sign = np.array([0.5, -0.5, 0.0])[cast.outcome]
        return sign - (first - second) / 2, ((cast.outcome == TIE) - tie)[:, None]
    return cast.score - 1 / (1 + np.exp(-d)), np.zeros((len(d), 0))


def _independent(fitted: Fitted, cast: Cast) -> Array:
    """Each vote a witness."""
    slope, others = _slopes(fitted, cast)
    n, k = cast.models, others.shape[1]
    meat = np.zeros((n + k, n + k))
    square = cast.weight * slope**2
    between = np.bincount(cast.a * n + cast.b, square, n * n).reshape(n, n)
    between = between + between.T
    meat[:n, :n] = np.diag(between.sum(axis=1)) - between
    for place in range(k):
        cross = cast.weight * slope * others[:, place]
        meat[:n, n + place] = meat[n + place, :n] = np.bincount(cast.a, cross, n) - np.bincount(cast.b, cross, n)
    meat[n:, n:] = (others * cast.weight[:, None]).T @ others
    return meat


def _clustered(fitted: Fitted, cast: Cast, voter: Codes) -> Array:
    """Each voter a witness, some thousand of them at a time; with the small-sample factor v / (v - 1)."""
    cast, voter = _by_voter(cast, voter)
    starts = np.append(np.flatnonzero(np.append(True, voter[1:] != voter[:-1])), len(voter))
    voters = len(starts) - 1
    parameters = cast.models + len(fitted.others)
    meat = np.zeros((parameters, parameters))
    step = max(1, HELD_NUMBERS // parameters)
    for first in range(0, voters, step):
        ends = starts[first : first + step + 1]
        g = _of_voters(fitted, _part(cast, slice(ends[0], ends[-1])), np.diff(ends))
        meat += g.T @ g
    return meat * (voters / max(1, voters - 1))


def _by_voter(cast: Cast, voter: Codes) -> tuple[Cast, Codes]:
    """The votes of one voter side by side, as a file's are already."""
    if (voter[1:] >= voter[:-1]).all():
        return cast, voter
    order = np.argsort(voter, kind="stable")
    return _part(cast, order), voter[order]


def _part(cast: Cast, of: slice | Codes) -> Cast:
    """Some of the votes."""
    controls = None if cast.controls is None else cast.controls[of]
    return Cast(cast.a[of], cast.b[of], cast.outcome[of], cast.weight[of], controls, None, cast.models)


def _of_voters(fitted: Fitted, cast: Cast, votes: Codes) -> Array:
    """Slopes of the log-likelihood of each voter, shape (voters, parameters); `votes`: how many each has, in turn."""
    slope, others = _slopes(fitted, cast)
    slope, others = slope * cast.weight, others * cast.weight[:, None]
    rows, n = len(votes), cast.models
    who = np.repeat(np.arange(rows), votes)
    flat = np.bincount(who * n + cast.a, slope, rows * n) - np.bincount(who * n + cast.b, slope, rows * n)
    extra = [np.bincount(who, others[:, column], rows) for column in range(others.shape[1])]
    return np.hstack([flat.reshape(rows, n), np.array(extra).T.reshape(rows, len(extra))])


def bootstrap_spread(cast: Cast, rounds: int, rng: np.random.Generator, *, davidson: bool) -> Array:
    """Covariance over resamples: of voters where they are named, else of votes. NaN when most resamples fall apart."""
    n = cast.models
    who = None if cast.voter is None else np.unique(cast.voter, return_inverse=True)[1]
    drawn: list[Array] = []
    for _ in range(rounds):
        weight = rng.poisson(cast.weight) if who is None else rng.poisson(1.0, int(who.max()) + 1)[who] * cast.weight
        counts = np.bincount((cast.a * n + cast.b) * 3 + cast.outcome, weight, 3 * n * n).reshape(n, n, 3)
        wins = counts[:, :, A_WINS] + counts[:, :, B_WINS].T
        ties = counts[:, :, TIE] + counts[:, :, TIE].T
        if strong_components(wins + ties / 2).max() == 0:
            resampled = cast._replace(weight=weight.astype(np.float64))
            with suppress(InputError):  # its controls cannot be told apart
                found = maximum(wins, ties, resampled, davidson=davidson)
                drawn.append(np.concatenate([found.strengths, found.others]))
    drawn = [one for one in drawn if len(one) == len(drawn[0])]
    if len(drawn) < max(FEWEST_ROUNDS, rounds // 2):
        k = 0 if cast.controls is None else cast.controls.shape[1]
        return np.full((n + k, n + k), np.nan)
    return np.atleast_2d(np.cov(np.array(drawn).T))
