"""Bradley-Terry, Davidson's ties and controls by Newton's method.

    strength s_i; d = s_i - s_j + controls . c
    P(i beats j) = 1 / (1 + e^-d)                                       a tie counts as half a win each
    Davidson: P(i), P(tie), P(j) in the ratio e^(d/2) : v : e^(-d/2)

Strengths sum to zero. Sources: Bradley & Terry 1952; Davidson 1970; Newton on counts as in Hunter 2004, section 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from weighbridge.errors import InputError

Array = NDArray[Any]
"""Numbers."""
Codes = NDArray[Any]
"""Whole numbers."""
HALF_TIES = np.array([1.0, 0.0, 0.5])
MOST_STEPS = 100
CLOSE = 1e-10
MOST_EFFECT = 50.0
"""Units of strength for one standard deviation of a control: far beyond anything but no end at all."""
SINGULAR = 1e12
"""Condition number from which parameters cannot be told apart."""


class Cast(NamedTuple):
    """Votes among the models that have a finite rating, numbered from 0; every array has one place a vote."""

    a: Codes
    b: Codes
    outcome: Codes
    weight: Array
    controls: Array | None
    voter: Codes | None
    models: int

    @property
    def score(self) -> Array:
        """1 for the first model, 0 for the second, a half for a tie."""
        score: Array = HALF_TIES[self.outcome]
        return score


class Fitted(NamedTuple):
    """Parameters at the maximum: strengths (models,), then Davidson's log v or the controls."""

    strengths: Array
    others: Array
    bread: Array
    """The inverse of the negative Hessian, over all parameters; strengths are tied to sum zero."""


def maximum(wins: Array, ties: Array, cast: Cast, *, davidson: bool) -> Fitted:
    """The model that was asked for, at its maximum."""
    if cast.controls is not None:
        return fit_controlled(cast)
    if davidson and ties.any() and not ties_fit_anything(wins, ties):
        return fit_davidson(wins, ties)
    return fit_plain(wins + ties / 2)


def ties_fit_anything(wins: Array, ties: Array) -> bool:
    """Whether Davidson's likelihood grows without end: strengths can drift apart while ties become as much likelier.

    So it is where a number x_i for each model exists with x_i - x_j >= 1 for every win and |x_i - x_j| <= 1 for every
    tie: no model that was beaten ever beat, by however long a way round, who beat it. Longest ways as in Bellman and
    Ford's; a way that still grows after as many steps as there are models goes in a circle.
    """
    if not wins.any():
        return True
    least = np.where(wins > 0, 1.0, np.where(ties > 0, -1.0, -np.inf))
    longest = np.zeros(len(wins))
    for _ in range(len(wins) + 1):
        further = np.maximum(longest, (least + longest[None, :]).max(axis=1))
        if (further == longest).all():
            return True
        longest = further
    return False


def fit_plain(scored: Array) -> Fitted:
    """From wins with half ties, shape (models, models). Every model must be in one strongly connected group."""
    n = len(scored)
    games = scored + scored.T
    won = scored.sum(axis=1)
    strengths = np.zeros(n)
    for _ in range(MOST_STEPS):
        likely = _likely(strengths)
        gradient = won - (games * likely).sum(axis=1)
        weight = games * likely * (1 - likely)
        step = np.linalg.solve(_tied(np.diag(weight.sum(axis=1)) - weight), gradient)
        strengths = strengths + _damped(step)
        if np.abs(step).max() < CLOSE:
            break
    strengths = strengths - strengths.mean()
    likely = _likely(strengths)
    weight = games * likely * (1 - likely)
    return Fitted(strengths, np.zeros(0), _pinned_inverse(np.diag(weight.sum(axis=1)) - weight, n))


def fit_davidson(wins: Array, ties: Array) -> Fitted:
    """With a parameter for ties; shapes (models, models), `ties` symmetric."""
    n = len(wins)
    strengths, log_v = np.zeros(n), 0.0
    hessian = np.eye(n + 1)
    for _ in range(MOST_STEPS):
        gradient, hessian = _davidson_slopes(strengths, log_v, wins, ties)
        tied = hessian.copy()
        tied[:n, :n] = _tied(tied[:n, :n])
        step = np.linalg.solve(tied, gradient)
        strengths = strengths + _damped(step[:n])
        log_v += float(np.clip(step[n], -2, 2))
        if np.abs(step).max() < CLOSE:
            break
    strengths = strengths - strengths.mean()
    _, hessian = _davidson_slopes(strengths, log_v, wins, ties)
    return Fitted(strengths, np.array([log_v]), _pinned_inverse(hessian, n))


def _davidson_slopes(strengths: Array, log_v: float, wins: Array, ties: Array) -> tuple[Array, Array]:
    """Gradient and negative Hessian over (strengths, log v)."""
    n = len(strengths)
    upper = np.triu(np.ones((n, n), dtype=bool), 1)
    first, tie, second = davidson_shares(strengths[:, None] - strengths[None, :], log_v)
    games = wins + wins.T + ties
    expected = games * (first - second) / 2
    seen = (wins - wins.T) / 2
    gradient = np.append((seen - expected).sum(axis=1), (ties - games * tie)[upper].sum())
    half_spread = games * ((first + second) - (first - second) ** 2) / 4
    cross = -games * (first - second) * tie / 2
    hessian = np.zeros((n + 1, n + 1))
    hessian[:n, :n] = np.diag(half_spread.sum(axis=1)) - half_spread
    hessian[:n, n] = hessian[n, :n] = cross.sum(axis=1)
    hessian[n, n] = (games * tie * (1 - tie))[upper].sum()
    return gradient, hessian


def davidson_shares(difference: Array, log_v: float) -> tuple[Array, Array, Array]:
    """P(first wins), P(tie), P(second wins)."""
    half = np.clip(difference, -1400, 1400) / 2
    top = np.maximum(np.abs(half), log_v)
    first, tie, second = np.exp(half - top), np.exp(log_v - top), np.exp(-half - top)
    total = first + tie + second
    return first / total, tie / total, second / total


def fit_controlled(cast: Cast) -> Fitted:
    """With controls, vote by vote. Raises InputError for controls that say the same, or that decide every vote."""
    assert cast.controls is not None
    n, k = cast.models, cast.controls.shape[1]
    parameters = np.zeros(n + k)
    for _ in range(MOST_STEPS):
        gradient, hessian = _controlled_slopes(parameters, cast, cast.controls)
        tied = hessian.copy()
        tied[:n, :n] = _tied(tied[:n, :n])
        step = _step(tied, gradient)
        parameters = parameters + _damped(step)
        if np.abs(step).max() < CLOSE:
            break
        if np.abs(parameters[n:]).max() > MOST_EFFECT:
            raise InputError(
                "a control decides every vote by itself, so nothing can be said of equal ones",
                next_move="Leave it out, or take one that both kinds of winners have.",
            )
    parameters[:n] -= parameters[:n].mean()
    _, hessian = _controlled_slopes(parameters, cast, cast.controls)
    return Fitted(parameters[:n], parameters[n:], _pinned_inverse(hessian, n))


def _step(hessian: Array, gradient: Array) -> Array:
    scale = np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    if np.linalg.cond(hessian / np.outer(scale, scale)) > SINGULAR:
        raise InputError(
            "two controls say the same, or one says no more than which models were compared",
            next_move="Leave one of them out.",
        )
    return np.linalg.solve(hessian, gradient)


def _controlled_slopes(parameters: Array, cast: Cast, controls: Array) -> tuple[Array, Array]:
    """Gradient and negative Hessian over (strengths, controls)."""
    a, b, n = cast.a, cast.b, cast.models
    likely = 1 / (1 + np.exp(-np.clip(parameters[a] - parameters[b] + controls @ parameters[n:], -700, 700)))
    left = cast.weight * (cast.score - likely)
    gradient = np.concatenate([np.bincount(a, left, n) - np.bincount(b, left, n), controls.T @ left])
    spread = cast.weight * likely * (1 - likely)
    between = np.bincount(a * n + b, spread, n * n).reshape(n, n)
    between = between + between.T
    hessian = np.zeros((n + controls.shape[1],) * 2)
    hessian[:n, :n] = np.diag(between.sum(axis=1)) - between
    for place in range(controls.shape[1]):
        weighted = spread * controls[:, place]
        row = np.bincount(a, weighted, n) - np.bincount(b, weighted, n)
        hessian[:n, n + place] = hessian[n + place, :n] = row
        hessian[n:, n + place] = controls.T @ weighted
        if not controls[:, place].any():  # a control that never differs has no effect, and none to be solved for
            hessian[n + place, n + place] = 1.0
    return gradient, hessian


def _likely(strengths: Array) -> Array:
    """P(row beats column), shape (models, models)."""
    likely: Array = 1 / (1 + np.exp(-np.clip(strengths[:, None] - strengths[None, :], -700, 700)))
    return likely


def _tied(hessian: Array) -> Array:
    """Strengths are only known up to a common shift: this makes the system solvable, and the shift zero."""
    return hessian + np.full_like(hessian, np.trace(hessian) / len(hessian) ** 2 or 1.0)


def _damped(step: Array) -> Array:
    """No step beyond four units of strength: far from the maximum Newton overshoots."""
    longest = np.abs(step).max()
    shorter: Array = step if longest <= 4 else step * (4 / longest)
    return shorter


def _pinned_inverse(hessian: Array, n: int) -> Array:
    """The inverse under the rule that strengths sum to zero."""
    tied = hessian.copy()
    shift = np.trace(hessian[:n, :n]) / n**2 or 1.0
    tied[:n, :n] += shift
    inverse = np.linalg.inv(tied)
    inverse[:n, :n] -= 1 / (n * n * shift)
    return inverse
