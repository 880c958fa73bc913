"""How much of a judge's preference is length, and what is left without it.

    x        (a - b) / (a + b) of two lengths: +1/3 is twice as long, and it counts the same at any length; the same as
             tanh of half the logarithm of a / b, AlpacaEval's saturating term without a scale to be estimated
    pairs    logit P(first preferred) = theta_candidate + phi x;  at equal length: 1 / (1 + exp(-theta))
    grades   score = item + candidate + phi x, x against the mean length of the item's answers

Both are told by answers of one candidate that are longer here and shorter there. What a longer answer truly says more
is taken away with the rest: a corrected figure answers `if all were as long`, not `how good`. A candidate whose answers
are next to never as long as the others' (EDGE), or usually a small part of that (FAR), has none: what it would be worth
at that length nobody has seen. Errors are the sandwich's, clustered by item.

Source: Dubois, Galambosi, Liang and Hashimoto 2024, Length-controlled AlpacaEval (arXiv 2404.04475).
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError

from .arrays import Floats

FEWEST_ITEMS = 20
"""Below this nothing is said about length."""
TWICE = 1.0 / 3.0
"""x of an answer twice as long."""
EDGE = 0.01
"""Share of a candidate's answers that must be at least as long as those they are held against, and as short."""
FAR = 0.75
"""x of an answer seven times as long, or as short."""
RIDGE = 0.5
"""Pseudo-votes, half each way, that keep a candidate that always won at a finite theta."""
_STEPS, _CLOSE = 60, 1e-9


class LengthEffect(msgspec.Struct, frozen=True):
    """What length is worth, and each candidate's mean with and without it."""

    twice_as_long: float
    """What an answer twice as long gains, on the score's scale; for pairs, from an even chance."""
    error: float
    """Standard error of that."""
    raw: tuple[float, ...]
    corrected: tuple[float | None, ...]
    """As if all answers were equally long; None where a candidate's never are."""
    items: int

    @property
    def certain(self) -> bool:
        """Whether the effect is more than chance would give, at about 1 in 100."""
        return abs(self.twice_as_long) > 2.58 * self.error


def relative(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """x of lengths; 0 where both are 0."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    total = a + b
    found: Floats = np.divide(a - b, total, out=np.zeros_like(total), where=total > 0)
    return found


def graded_effect(scores: npt.ArrayLike, lengths: npt.ArrayLike) -> LengthEffect | None:
    """Of scores and lengths (items, candidates), NaN where there is none; None where too little varies to say."""
    s, size = (np.asarray(values, dtype=np.float64) for values in (scores, lengths))
    if s.shape != size.shape or s.ndim != 2:
        raise InputError(f"scores and lengths have one shape (items, candidates), got {s.shape} and {size.shape}")
    there = ~(np.isnan(s) | np.isnan(size))
    kept = there.sum(axis=1) >= 2
    if kept.sum() < FEWEST_ITEMS:
        return None
    there = there[kept]
    s, size = np.where(there, s[kept], 0.0), np.where(there, size[kept], 0.0)
    usual = size.sum(axis=1) / there.sum(axis=1)
    x = np.where(there, relative(size, np.broadcast_to(usual[:, None], size.shape)), 0.0)
    items, k = s.shape
    rows, columns = np.nonzero(there)
    design = np.zeros((len(rows), k))
    design[np.arange(len(rows)), columns] = 1.0
    design[:, 0] = x[there]  # one candidate is the base: only differences are known
    within = design - _item_means(design, rows, items)[rows]
    centred = s[there] - (s.sum(axis=1) / there.sum(axis=1))[rows]
    if float(within[:, 0] @ within[:, 0]) < 1e-9:
        return None
    bread = np.linalg.pinv(within.T @ within)
    slopes = bread @ (within.T @ centred)
    left = centred - within @ slopes
    meat = _clustered(within * left[:, None], rows, items)
    spread = bread @ meat @ bread * items / (items - 1)
    answers = np.maximum(there.sum(axis=0), 1)
    raw, shift = s.sum(axis=0) / answers, x.sum(axis=0) / answers
    corrected = raw - slopes[0] * (shift - shift.mean())
    seen = [_is_seen(x[there[:, place], place]) for place in range(k)]
    return LengthEffect(
        twice_as_long=float(slopes[0] * TWICE),
        error=float(np.sqrt(max(spread[0, 0], 0.0)) * TWICE),
        raw=tuple(raw.tolist()),
        corrected=tuple(value if ok else None for value, ok in zip(corrected.tolist(), seen, strict=True)),
        items=items,
    )


def paired_effect(
    candidate: npt.ArrayLike, preferred: npt.ArrayLike, x: npt.ArrayLike, items: npt.ArrayLike | None = None
) -> LengthEffect | None:
    """Of comparisons: which candidate (codes from 0), how much it was preferred (0 to 1), x of its length against the
    other's; `items` are codes of what is not independent. None where too little varies."""
    who = np.asarray(candidate, dtype=np.int64)
    p, d = np.asarray(preferred, dtype=np.float64), np.asarray(x, dtype=np.float64)
    rows = np.arange(len(p)) if items is None else np.unique(np.asarray(items), return_inverse=True)[1].reshape(-1)
    count = int(rows.max(initial=-1)) + 1
    k = int(who.max(initial=-1)) + 1
    if count < FEWEST_ITEMS or float(np.var(d)) < 1e-9:
        return None
    design = np.zeros((len(p), k + 1))
    design[np.arange(len(p)), who] = 1.0
    design[:, k] = d
    slopes, bread = _logit(design, p, k)
    likely = _logistic(design @ slopes)
    meat = _clustered(design * (p - likely)[:, None], rows, count)
    spread = bread @ meat @ bread * count / (count - 1)
    raw = np.bincount(who, weights=p, minlength=k) / np.bincount(who, minlength=k)
    even = _logistic(slopes[:k]).tolist()
    seen = [_is_seen(d[who == place]) for place in range(k)]
    at_half = TWICE / 4  # the slope of the logistic at an even chance
    return LengthEffect(
        twice_as_long=float(_logistic(slopes[k] * TWICE) - 0.5),
        error=float(np.sqrt(max(spread[k, k], 0.0)) * at_half),
        raw=tuple(raw.tolist()),
        corrected=tuple(value if ok else None for value, ok in zip(even, seen, strict=True)),
        items=count,
    )


def _is_seen(x: Floats) -> bool:
    """Whether a candidate has answers on both sides of equal length."""
    if not len(x):
        return False
    low, middle, high = np.quantile(x, [EDGE, 0.5, 1 - EDGE])
    return bool(low <= 0 <= high and abs(middle) <= FAR)


def _logit(design: Floats, p: Floats, k: int) -> tuple[Any, Any]:
    """Slopes and the inverse of the negative Hessian, by Newton; each candidate has RIDGE pseudo-votes."""
    slopes = np.zeros(k + 1)
    hessian = np.eye(k + 1)
    for _ in range(_STEPS):
        likely, own = _logistic(design @ slopes), _logistic(slopes[:k])
        gradient = design.T @ (p - likely)
        gradient[:k] += RIDGE * (0.5 - own)
        hessian = (design * (likely * (1 - likely))[:, None]).T @ design
        hessian[np.arange(k), np.arange(k)] += RIDGE * own * (1 - own)
        hessian[k, k] += 1e-6
        step = np.linalg.solve(hessian, gradient)
        longest = float(np.abs(step).max())
        slopes = slopes + (step if longest <= 2 else step * (2 / longest))
        if longest < _CLOSE:
            break
    return slopes, np.linalg.inv(hessian)


def _logistic(values: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(values, -40, 40)))


def _item_means(values: Floats, rows: npt.NDArray[Any], items: int) -> Floats:
    """Mean of each column within each item; shape (items, columns)."""
    counts = np.bincount(rows, minlength=items)
    means = [np.bincount(rows, weights=column, minlength=items) / counts for column in values.T]
    return np.array(means).T


def _clustered(scores: Floats, rows: npt.NDArray[Any], items: int) -> Floats:
    """Sum over items of the outer product of their summed scores."""
    sums = np.array([np.bincount(rows, weights=column, minlength=items) for column in scores.T])
    meat: Floats = sums @ sums.T
    return meat
