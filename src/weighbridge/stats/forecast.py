"""What all the items would probably show: the forecast that may end a run without a winner.

The mean of the differences still to come is predicted to be the mean so far, with the uncertainty of both: a normal
predictive distribution for the full set. It never names a winner, so it cannot make a false one.
Source: Lachin (2005), A review of methods for futility stopping based on conditional power.
"""

from __future__ import annotations

from statistics import NormalDist

_NORMAL = NormalDist()


def chance_of_difference(count: float, total: float, squares: float, size: int, alpha: float) -> float:
    """Chance that a two-sided paired z-test at alpha on all `size` items would find a difference.

    count, total, squares: number, sum and sum of squares of the differences so far.
    """
    left = size - count
    variance = max((squares + 1.0) / (count + 2.0) - (total / (count + 2.0)) ** 2, 1e-12)
    needed = -_NORMAL.inv_cdf(alpha / 2) * (variance * size) ** 0.5
    expected = total * size / count
    spread = (variance * size * left / count) ** 0.5
    if spread <= 0:
        return float(abs(expected) > needed)
    return _NORMAL.cdf((expected - needed) / spread) + _NORMAL.cdf((-expected - needed) / spread)


def chance_within(count: float, total: float, squares: float, size: int, margin: float) -> float:
    """Chance that the mean difference over all `size` items lies within +-margin."""
    variance = max((squares + 1.0) / (count + 2.0) - (total / (count + 2.0)) ** 2, 1e-12)
    mean = total / count
    spread = (variance * (size - count) / (count * size)) ** 0.5
    if spread <= 0:
        return float(abs(mean) <= margin)
    return _NORMAL.cdf((margin - mean) / spread) - _NORMAL.cdf((-margin - mean) / spread)
