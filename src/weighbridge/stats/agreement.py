"""How far raters agree: judges with people, judges with each other, people with each other.

    ratings   (raters, units); NaN where a rater did not see a unit. Texts are coded by the caller.
    kappa     1 - sum(w o) / sum(w e): o observed and e expected shares of a pair of categories, w their distance
              (0 or 1, |i - j|, or (i - j)^2); two raters. Cohen 1960; weighted: Cohen 1968; its standard error: Fleiss,
              Cohen and Everitt 1969, Large sample standard errors of kappa and weighted kappa
    alpha     1 - D_o / D_e over all pairs of ratings within a unit; any number of raters, cells may be missing.
              Krippendorff 2011, Computing Krippendorff's alpha-reliability

1 is perfect, 0 is what chance would give, below 0 is worse than chance. Where every rating is the same neither is
defined: nothing could have shown a disagreement, so None is said, not 1.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError

from .arrays import Floats
from .records import Interval

Weights = Literal["nominal", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]
ROUNDS = 300
"""Resamples of units behind an interval of alpha."""


class Confusion(msgspec.Struct, frozen=True):
    """How often the first rater said the row and the second the column."""

    values: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def units(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def agreement(self) -> float | None:
        """Share of units both rated alike; None without units."""
        return sum(row[i] for i, row in enumerate(self.counts)) / self.units if self.units else None


class Agreement(msgspec.Struct, frozen=True):
    """A coefficient with its interval; both None where it is not defined."""

    value: float | None
    interval: Interval | None = None


def confusion(first: npt.ArrayLike, second: npt.ArrayLike) -> Confusion:
    """Units that both rated, by value, in ascending order. Raises InputError for raters of different lengths."""
    one, other = _both(first, second)
    values, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    k = len(values)
    table = np.bincount(codes[: len(one)] * k + codes[len(one) :], minlength=k * k).reshape(k, k)
    return Confusion(tuple(values.tolist()), tuple(tuple(row) for row in table.tolist()))


def kappa(first: npt.ArrayLike, second: npt.ArrayLike, weights: Weights = "nominal", alpha: float = 0.05) -> Agreement:
    """Cohen's kappa of two raters; distances are those of the values themselves, so a value nobody used costs nothing.

    The interval is the normal one of Fleiss, Cohen and Everitt, within [-1, 1].
    """
    found = confusion(first, second)
    table = np.array(found.counts, dtype=np.float64).reshape(len(found.values), len(found.values))
    total = float(table.sum())
    if not total:
        return Agreement(None)
    observed = table / total
    rows, columns = observed.sum(axis=1), observed.sum(axis=0)
    agree = 1.0 - _distances(np.array(found.values), weights)
    expected = float(rows @ agree @ columns)
    if expected >= 1.0 - 1e-12:
        return Agreement(None)
    seen = float((agree * observed).sum())
    value = (seen - expected) / (1.0 - expected)
    margins = (agree @ columns)[:, None] + (agree.T @ rows)[None, :]
    spread = float((observed * (agree - margins * (1.0 - value)) ** 2).sum())
    variance = (spread - (value - expected * (1.0 - value)) ** 2) / (total * (1.0 - expected) ** 2)
    half = NormalDist().inv_cdf(1 - alpha / 2) * max(variance, 0.0) ** 0.5
    return Agreement(value, Interval(max(-1.0, value - half), min(1.0, value + half)))


def krippendorff(ratings: npt.ArrayLike, level: Level = "nominal") -> float | None:
    """Krippendorff's alpha of ratings (raters, units); None where nothing varies or no unit has two ratings.

    Ordinal distances are differences of mid-ranks, which is Krippendorff's metric written shorter.
    """
    return _alpha(_pairable(np.asarray(ratings, dtype=np.float64)), level)


def krippendorff_interval(
    ratings: npt.ArrayLike, level: Level, seed: int = 0, alpha: float = 0.05, rounds: int = ROUNDS
) -> Agreement:
    """The same with a percentile interval over resampled units; the interval is None where resamples do not vary."""
    table = _pairable(np.asarray(ratings, dtype=np.float64))
    value = _alpha(table, level)
    if value is None:
        return Agreement(None)
    rng = np.random.default_rng(seed)
    units = table.shape[1]
    drawn = [_alpha(table[:, rng.integers(0, units, units)], level) for _ in range(rounds)]
    known = [one for one in drawn if one is not None]
    if len(known) < rounds / 2:
        return Agreement(value)
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2]).tolist()
    return Agreement(value, Interval(min(low, value), max(high, value)))


def _both(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise InputError(f"two raters rate the same units, got {one.shape} and {other.shape}")
    kept = ~(np.isnan(one) | np.isnan(other))
    return one[kept], other[kept]


def _distances(values: Floats, weights: Weights) -> Floats:
    """Shape (values, values), from 0 on the diagonal to 1 for the farthest."""
    if weights == "nominal":
        return 1.0 - np.eye(len(values))
    apart = np.abs(values[:, None] - values[None, :])
    farthest = float(apart.max(initial=0.0)) or 1.0
    scaled: Floats = apart / farthest if weights == "linear" else (apart / farthest) ** 2
    return scaled


def _pairable(table: Floats) -> Floats:
    """The units that two raters or more have rated."""
    if table.ndim != 2:
        raise InputError(f"ratings have the shape (raters, units), got {table.shape}")
    return table[:, (~np.isnan(table)).sum(axis=0) >= 2]


def _alpha(table: Floats, level: Level) -> float | None:
    """Of ratings in which every unit has two or more."""
    if not table.size:
        return None
    metric: dict[Level, Callable[[Floats], tuple[float, float]]] = {
        "nominal": _nominal,
        "ordinal": lambda ratings: _squared(_mid_ranks(ratings)),
        "interval": _squared,
    }
    observed, expected = metric[level](table)
    return None if expected <= 0.0 else 1.0 - observed / expected


def _squared(table: Floats) -> tuple[float, float]:
    """Observed and expected disagreement of squared differences: within units, and among all ratings."""
    count = (~np.isnan(table)).sum(axis=0)
    n = int(count.sum())
    centred = table - np.nanmean(table)  # sums of squares lose no digits to a common shift
    sums, squares = np.nansum(centred, axis=0), np.nansum(centred**2, axis=0)
    within = np.maximum(squares - sums**2 / count, 0.0)
    observed = float((2.0 * count * within / (count - 1)).sum()) / n
    spread = float(squares.sum() - sums.sum() ** 2 / n)
    return observed, 2.0 * spread / (n - 1) if spread > 1e-12 * n * max(
        float(np.nanmax(np.abs(table))), 1e-150
    ) ** 2 else 0.0


def _nominal(table: Floats) -> tuple[float, float]:
    present = ~np.isnan(table)
    count = present.sum(axis=0)
    n = int(count.sum())
    values, codes = np.unique(table[present], return_inverse=True)
    units = np.broadcast_to(np.arange(table.shape[1]), table.shape)[present]
    by_unit, times = np.unique(units * np.int64(len(values)) + codes, return_counts=True)
    alike = np.bincount(by_unit // len(values), weights=times.astype(np.float64) ** 2, minlength=table.shape[1])
    totals = np.bincount(codes).astype(np.float64)
    observed = float(((count.astype(np.float64) ** 2 - alike) / (count - 1)).sum()) / n
    return observed, float(n * float(n) - (totals**2).sum()) / (n * (n - 1.0))


def _mid_ranks(table: Floats) -> Floats:
    """Each rating as the middle of the ranks that its value takes among all ratings."""
    ranks: Floats = np.full(table.shape, np.nan)
    present = ~np.isnan(table)
    _, codes, counts = np.unique(table[present], return_inverse=True, return_counts=True)
    ranks[present] = (np.cumsum(counts) - counts / 2)[codes]
    return ranks
