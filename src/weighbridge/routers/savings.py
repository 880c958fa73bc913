"""What a score saves: strong calls avoided at a promised quality, beside chance, length and an oracle.

    items are given to the weak side in the order of their score, the lowest first
    saved at k   the largest share of items that may go there while the mean of what is routed is at least k times the
                 mean of the strong model

This reads the curve at its best point, on the items themselves, for comparing scores with each other; what may be
promised is `promise.py`'s to say. Intervals are percentiles of a bootstrap over items.
"""

from __future__ import annotations

import numpy as np

from weighbridge.stats import Interval

from .arrays import Floats

RESAMPLES = 400


def saved_at(score: Floats, weak: Floats, strong: Floats, keep: float) -> float:
    """Share of strong calls avoided; all (n,). Equal scores stay in the order of the items."""
    order = np.argsort(score, kind="stable")
    kept = strong.sum() + np.cumsum((weak - strong)[order])
    enough = np.flatnonzero(kept >= keep * strong.sum() - 1e-9)
    return float(enough[-1] + 1) / len(score) if len(enough) else 0.0


def saved_by_chance(weak: Floats, strong: Floats, keep: float) -> float:
    """Expected, when each item goes to the weak side with the same chance."""
    lost = float(strong.mean() - weak.mean())
    slack = (1.0 - keep) * float(strong.mean())
    return 1.0 if lost <= slack else slack / lost


def saved_by_oracle(weak: Floats, strong: Floats, keep: float) -> float:
    """By one that knows both scores beforehand."""
    return saved_at(strong - weak, weak, strong, keep)


def interval_of(
    score: Floats, weak: Floats, strong: Floats, keep: float, *, rng: np.random.Generator, alpha: float = 0.05
) -> Interval:
    found = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        drawn = rng.integers(0, len(score), len(score))
        found[n] = saved_at(score[drawn], weak[drawn], strong[drawn], keep)
    low, high = np.quantile(found, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high))


def kept_interval(routed: Floats, strong: Floats, rng: np.random.Generator, alpha: float = 0.05) -> Interval:
    """Of the share of quality kept, mean of routed over mean of strong; both (n,). Descriptive."""
    found = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        drawn = rng.integers(0, len(strong), len(strong))
        total = strong[drawn].sum()
        found[n] = routed[drawn].sum() / total if total else 1.0
    low, high = np.quantile(found, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high))
