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
    slope, others = _slopes(fitted, cast)
    meat = _independent(slope, others, cast) if cast.voter is None else _clustered(slope, others, cast, cast.voter)
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


def _independent(slope: Array, others: Array, cast: Cast) -> Array:
    """Each vote a witness."""
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


def _clustered(slope: Array, others: Array, cast: Cast, voter: Codes) -> Array:
    """Each voter a witness, some thousand of them at a time; with the small-sample factor v / (v - 1)."""
    order = np.argsort(voter, kind="stable")
    voter = voter[order]
    place = np.cumsum(np.append(0, voter[1:] != voter[:-1]))
    voters = int(place[-1]) + 1
    a, b = cast.a[order], cast.b[order]
    slope, others = (slope * cast.weight)[order], (others * cast.weight[:, None])[order]
    n, k = cast.models, others.shape[1]
    meat = np.zeros((n + k, n + k))
    step = max(1, HELD_NUMBERS // (n + k))
    for start in range(0, voters, step):
        low, high = np.searchsorted(place, [start, start + step])
        who, rows = place[low:high] - start, min(step, voters - start)
        flat = np.bincount(who * n + a[low:high], slope[low:high], rows * n)
        flat -= np.bincount(who * n + b[low:high], slope[low:high], rows * n)
        extra = [np.bincount(who, others[low:high, column], rows) for column in range(k)]
        g = np.hstack([flat.reshape(rows, n), np.array(extra).T.reshape(rows, k)])
        meat += g.T @ g
    return meat * (voters / max(1, voters - 1))


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
