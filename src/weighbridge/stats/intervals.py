"""An interval that describes a sample of fixed size; what may be looked at after every item is in `means.py`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from .arrays import Floats
from .draws import effective
from .records import Interval


def mean_interval(scores: Sequence[float], alpha: float = 0.05, weights: Floats | None = None) -> Interval:
    """Descriptive interval for the mean of a sample whose size was fixed beforehand; NaN is left out.

    A normal interval after adding z^2 / 2 pseudo-items at 0 and as many at 1 (z is 1.96 for alpha = 0.05): on 0/1
    scores it is Agresti and Coull's (1998), and it stays honest when all scores agree. At 95% it covers 95 to 98% of
    the time on average over true rates, at worst 90% with five items. Not valid at every look: it describes, it
    decides nothing. weights: what each score counts, where they were drawn with unequal chances; the sample is then as
    large as so many equal draws (`effective`).
    """
    x = np.asarray(scores, dtype=np.float64)
    if weights is not None:
        return _weighted(x, weights, alpha)
    x = x[~np.isnan(x)]
    if len(x) == 0:
        return Interval(0.0, 1.0)
    z = -NormalDist().inv_cdf(alpha / 2)
    size = len(x) + z * z
    mean = float((x.sum() + z * z / 2) / size)
    variance = (float(np.square(x).sum()) + z * z / 2) / size - mean * mean
    half = z * float(np.sqrt(max(variance, 0.0) / size))
    return Interval(max(0.0, mean - half), min(1.0, mean + half))


def _weighted(x: Floats, weights: Floats, alpha: float) -> Interval:
    """The same interval for weighted scores."""
    seen = ~np.isnan(x)
    x, weights = x[seen], weights[seen]
    if len(x) == 0:
        return Interval(0.0, 1.0)
    n, z = effective(weights), -NormalDist().inv_cdf(alpha / 2)
    total, square = (n * float(np.average(value, weights=weights)) for value in (x, x * x))
    mean = (total + z * z / 2) / (n + z * z)
    variance = (square + z * z / 2) / (n + z * z) - mean * mean
    half = z * (max(variance, 0.0) / (n + z * z)) ** 0.5
    return Interval(max(0.0, mean - half), min(1.0, mean + half))
