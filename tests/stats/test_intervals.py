"""The interval that describes a sample of fixed size, against exact binomial coverage."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from weighbridge.stats import mean_interval


@pytest.mark.parametrize("n", [5, 10, 30, 100])
def test_coverage_on_right_or_wrong_is_at_least_nearly_what_it_says(n: int) -> None:
    """Exact: sums of binomial chances over 99 true rates; 95% on average, never below 90% even for five items."""
    intervals = [mean_interval([1.0] * hits + [0.0] * (n - hits)) for hits in range(n + 1)]

    covers = []
    for p in np.arange(0.01, 1.0, 0.01):
        chances = [comb(n, hits) * p**hits * (1 - p) ** (n - hits) for hits in range(n + 1)]
        covers.append(sum(c for c, i in zip(chances, intervals, strict=True) if i.low <= p <= i.high))

    assert min(covers) > 0.90
    assert 0.95 < np.mean(covers) < 0.98


def test_agresti_and_coulls_interval_on_right_or_wrong() -> None:
    """5 of 20: (5 + 1.92) / (20 + 3.84) = 0.290 +- 1.96 sqrt(0.290 x 0.710 / 23.84)."""
    interval = mean_interval([1.0] * 5 + [0.0] * 15)

    assert (interval.low, interval.high) == pytest.approx((0.1081, 0.4725), abs=1e-4)


@pytest.mark.parametrize("scores", [[], [float("nan")]])
def test_no_scores_say_nothing(scores: list[float]) -> None:
    interval = mean_interval(scores)

    assert (interval.low, interval.high) == (0.0, 1.0)


def test_equal_scores_do_not_make_certainty() -> None:
    interval = mean_interval([0.5] * 10)

    assert interval.low < 0.4
    assert interval.high > 0.6
