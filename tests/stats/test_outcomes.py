"""Differences of cost and latency: sums that match plain ones, and intervals that hold whenever one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.stats.outcomes import FEWEST, PairSums, reach


def filled(rows: list[list[float]]) -> PairSums:
    sums = PairSums(len(rows[0]))
    for row in rows:
        sums.add(row)
    return sums


VALUE = st.floats(0, 1e6) | st.just(math.nan)


@given(st.lists(st.lists(VALUE, min_size=3, max_size=3), min_size=1, max_size=30))
def test_running_sums_are_the_plain_ones(rows: list[list[float]]) -> None:
    table = np.array(rows)

    for one in filled(rows).differences(["a", "b", "c"], 0, total=30):
        other = table[:, "abc".index(one.second)]
        both = ~np.isnan(table[:, 0]) & ~np.isnan(other)
        gaps = (table[:, 0] - other)[both]
        assert one.items == both.sum()
        assert one.difference == pytest.approx(gaps.mean(), rel=1e-6, abs=1e-6)
        assert one.first_mean == pytest.approx(table[both, 0].mean(), rel=1e-6, abs=1e-6)
        assert (one.interval is None) == (one.items < FEWEST)


def test_a_pair_without_a_common_item_is_left_out() -> None:
    assert not filled([[1.0, math.nan], [math.nan, 2.0]]).differences(["a", "b"], 0, total=2)


def test_the_interval_is_narrowest_in_relation_where_it_was_meant_to_be() -> None:
    """Its price over the interval of one look is least near the number of items that can be drawn."""
    price = {n: reach(n, 400, 0.05) * math.sqrt(n) for n in (20, 100, 400, 1_600, 40_000)}

    assert min(price, key=lambda n: price[n]) == 400
    assert 1.96 < price[400] < 3.2


def test_intervals_hold_at_every_look_at_once() -> None:
    """Skewed values, as latencies are; looked at after every item from 20 on. 5% may miss, asymptotically."""
    rng = np.random.default_rng(7)
    runs, items = 600, 400
    x = rng.lognormal(0.0, 1.0, size=(runs, items)) - rng.lognormal(0.0, 1.0, size=(runs, items))
    n = np.arange(1, items + 1)
    mean = x.cumsum(axis=1) / n
    deviation = np.sqrt(np.maximum((x**2).cumsum(axis=1) / n - mean**2, 0) * n / np.maximum(n - 1, 1))
    half = deviation * np.array([reach(float(one), items, 0.05) for one in n])

    missed = (np.abs(mean) > half)[:, FEWEST - 1 :].any(axis=1).mean()
    once = (np.abs(mean) > 1.96 * deviation / np.sqrt(n))[:, FEWEST - 1 :].any(axis=1).mean()

    assert missed <= 0.05
    assert once > 0.2, "an interval for one look would miss far more often"
