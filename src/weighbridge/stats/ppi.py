"""Means by a human standard, from a few labels and many judgements: prediction-powered inference.

    estimate   mean(y) - lambda (mean(f) on labelled - mean(f) on the rest)
    variance   var(y - lambda f) / n + lambda^2 var(f) / N
    lambda     cov(y, f) / ((1 + n / N) var(f)): the least variance. 0 is labels alone, 1 is plain PPI; a judge that
               knows nothing gets 0, a judge that marks the other way round a negative one

y are labels (n,), f the judge's scores of the same (n,) and of units without a label (N,). It holds whatever the judge
is worth, as long as the labelled units are a random sample of all. Intervals use Student's t, one degree of freedom
less for lambda; where the corrected one would come out wider than labels alone, labels alone is what is given. Labels
of few kinds (right or wrong, better or worse) are joined by pretended ones where their `ends` are known (coarse.py):
twenty labels that happen to agree are not certainty.

Sources: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, Prediction-powered inference (Science 382);
Angelopoulos, Duchi and Zrnic 2023, PPI++: efficient prediction-powered inference (arXiv 2311.01453). t quantiles: Hill
1970, Algorithm 396. Simulations of the coverage: tests/stats/test_ppi.py.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError

from .arrays import Floats
from .coarse import ADDED, NOTHING, Ends, Pretended, pretended
from .records import Interval

FEWEST = 5
"""Labelled units (or clusters) below which the judge is not used: lambda could not be told from noise."""


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """A mean by the human standard."""

    estimate: float
    interval: Interval
    power: float
    """lambda: how much the judge was believed; 0 is not at all."""
    labels: int
    judged: int
    """Units without a label that the judge scored."""
    labels_alone: float
    labels_alone_interval: Interval
    judge_alone: float
    """What the judge says of all units, uncorrected; its bias is the difference from `estimate`."""
    worth: float
    """How many labels alone would give so narrow an interval, over the labels there are; at least 1."""


def corrected_mean(
    labels: npt.ArrayLike,
    scored: npt.ArrayLike,
    rest: npt.ArrayLike,
    *,
    alpha: float = 0.05,
    power: float | None = None,
    ends: Ends | None = None,
    clusters: npt.ArrayLike | None = None,
    rest_clusters: npt.ArrayLike | None = None,
) -> Corrected:
    """The mean label of all units, with an interval that holds with 1 - alpha.

    labels (n,) and scored (n,): of the labelled units; rest (N,): the judge's scores of the others. power: lambda,
    tuned where None. ends: of the labels, where there are such (0 and 1, or -1 and 1 for differences). clusters: whole
    numbers, units of the same one are not independent (several answers to one item). A paired comparison is this on
    differences. Raises InputError without two labels, or for what is no number.
    """
    y, f, g = (_numbers(values) for values in (labels, scored, rest))
    if len(y) != len(f):
        raise InputError(f"every label needs a judge's score, got {len(y)} and {len(f)}")
    groups = _codes(clusters, len(y))
    others = _codes(rest_clusters, len(g))
    n = _groups(groups, len(y))
    if n < 2:
        raise InputError("an interval needs two labels or more", next_move="Label more items.")
    more = pretended(y, ends, n)
    alone = _alone(y, groups, more, alpha)
    used, estimate, interval = 0.0, float(y.mean()), alone
    tuned = power if power is not None else _tuned(y, f, g, groups, others) if n >= FEWEST else 0.0
    if tuned and len(g):
        df = max(1, n - 1 - (power is None))
        value = float(y.mean() - tuned * (f.mean() - g.mean()))
        shift = _shift(y, tuned * f, more)
        noise = tuned**2 * _variance(g, others)
        found = _interval(value + shift, y - tuned * f, groups, noise, df=df, alpha=alpha, left=more.left)
        if power is not None or _width(found) < _width(alone):
            used, estimate, interval = tuned, value, found
    return Corrected(
        estimate=estimate,
        interval=interval,
        power=used,
        labels=len(y),
        judged=len(g),
        labels_alone=float(y.mean()),
        labels_alone_interval=alone,
        judge_alone=float(np.concatenate([f, g]).mean()),
        worth=(_width(alone) / _width(interval)) ** 2 if _width(interval) > 0 else 1.0,
    )


def rectified(
    labels: npt.ArrayLike,
    scored: npt.ArrayLike,
    judged: Interval,
    *,
    power: float,
    alpha: float,
    ends: Ends | None = None,
) -> Interval:
    """The human mean when the judge's own mean of all units has an interval that was had in some other way, such as one
    valid at every look of a run that stopped early. The errors of both add up: alpha is that of the correction alone.
    """
    y, f = _numbers(labels), _numbers(scored)
    left, more = y - power * f, pretended(y, ends, len(y))
    middle = float(left.mean()) + _shift(y, power * f, more)
    shift = _interval(middle, left, None, 0.0, df=max(1, len(left) - 2), alpha=alpha, left=more.left)
    low, high = sorted((float(power * judged.low), float(power * judged.high)))
    return Interval(low + shift.low, high + shift.high)


def _alone(y: Floats, codes: npt.NDArray[np.int64] | None, more: Pretended, alpha: float) -> Interval:
    """Of labels alone, those that are pretended among them."""
    n = _groups(codes, len(y))
    if more is NOTHING:
        return _interval(float(y.mean()), y, codes, 0.0, df=n - 1, alpha=alpha)
    variance = (_squares(y, codes) + more.squares) / (n + ADDED) ** 2
    return _around(float(y.mean()) + more.shift, variance, n - 1, alpha)


def _shift(y: Floats, explained: Floats, more: Pretended) -> float:
    """How far pretended labels move an estimate that a judge explains a part of."""
    whole = float(((y - y.mean()) ** 2).sum())
    left = y - explained
    return more.shift * min(float(((left - left.mean()) ** 2).sum()) / whole, 1.0) if whole else more.shift


def t_quantile(share: float, df: float) -> float:
    """Student's t: the value that a share of the distribution lies below. Hill's Algorithm 396; error below 1e-4."""
    if share < 0.5:
        return -t_quantile(1 - share, df)
    p = 2 * (1 - share)
    if df <= 1:
        return 1 / math.tan(p * math.pi / 2)
    if df < 2 + 1e-9:
        return math.sqrt(2 / (p * (2 - p)) - 2)
    a = 1 / (df - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * df
    y = (d * p) ** (2 / df)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(p / 2)
        y = x * x
        if df < 5:
            c += 0.3 * (df - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = ((1 / (((df + 6) / (df * y) - 0.089 * d - 0.822) * (df + 2) * 3) + 0.5 / (df + 4)) * y - 1) * (
            (df + 1) / (df + 2)
        ) + 1 / y
    return math.sqrt(df * y)


def _numbers(values: npt.ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError("labels and scores are numbers, one for each unit", next_move="Leave out what is missing.")
    return array


def _codes(clusters: npt.ArrayLike | None, size: int) -> npt.NDArray[np.int64] | None:
    if clusters is None:
        return None
    codes = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64).reshape(-1)
    if len(codes) != size:
        raise InputError(f"every unit lies in one cluster, got {len(codes)} for {size}")
    return codes


def _groups(codes: npt.NDArray[np.int64] | None, size: int) -> int:
    return size if codes is None or not size else int(codes.max()) + 1


def _tuned(
    y: Floats, f: Floats, g: Floats, groups: npt.NDArray[np.int64] | None, others: npt.NDArray[np.int64] | None
) -> float:
    """The lambda of least variance, from sums over clusters where there are any."""
    if not len(g):
        return 0.0
    ours, labelled = _sums(f - f.mean(), groups) / len(f), _sums(y - y.mean(), groups) / len(f)
    theirs = _sums(g - g.mean(), others) / len(g)
    spread = float(ours @ ours + theirs @ theirs)
    return float(labelled @ ours) / spread if spread > 1e-300 else 0.0


def _sums(centred: Floats, codes: npt.NDArray[np.int64] | None) -> Floats:
    sums: Floats = centred if codes is None else np.bincount(codes, weights=centred).astype(np.float64)
    return sums


def _squares(values: Floats, codes: npt.NDArray[np.int64] | None) -> float:
    """Sum of squares about the mean; of clusters, of their means where all are of one size."""
    sums = _sums(values - values.mean(), codes)
    return float(sums @ sums) / (len(values) / len(sums)) ** 2


def _variance(values: Floats, codes: npt.NDArray[np.int64] | None, more: float = 0.0, df: int | None = None) -> float:
    """Of the mean. `more`: what is added to the squares."""
    count = _groups(codes, len(values))
    left = df if df is not None else count - 1
    return (_squares(values, codes) + more) / left / count if left >= 1 else 0.0


def _interval(
    value: float,
    residuals: Floats,
    codes: npt.NDArray[np.int64] | None,
    noise: float,
    *,
    df: int,
    alpha: float,
    left: float = 0.0,
) -> Interval:
    """noise: variance of the judge's mean elsewhere. left: added to the squares."""
    return _around(value, _variance(residuals, codes, left, df) + noise, df, alpha)


def _around(value: float, variance: float, df: int, alpha: float) -> Interval:
    half = t_quantile(1 - alpha / 2, df) * math.sqrt(variance)
    return Interval(value - half, value + half)


def _width(interval: Interval) -> float:
    return interval.high - interval.low
