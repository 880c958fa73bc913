"""What several answers to one question say, against exact enumeration and values worked out by hand."""

from __future__ import annotations

from itertools import combinations
from statistics import mean, variance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.stats.repeats import Answers, Repeatability, pass_at, pass_hat, repeatability


def answers(rows: list[list[float]]) -> Answers:
    """Scores by item; answer number r of each item belongs to run r."""
    runs = max(map(len, rows), default=0)
    by_run = [[row[r] for row in rows if r < len(row)] for r in range(runs)]
    return Answers(
        name="a",
        count=np.array([float(len(row)) for row in rows]),
        total=np.array([sum(row) for row in rows]),
        square=np.array([sum(x * x for x in row) for row in rows]),
        passes=np.array([float(sum(x >= 1 for x in row)) for row in rows]),
        run_count=np.array([float(len(run)) for run in by_run]),
        run_total=np.array([float(sum(run)) for run in by_run]),
    )


def told(rows: list[list[float]]) -> Repeatability:
    found = repeatability(answers(rows), [f"q{n}" for n in range(len(rows))])
    assert found is not None
    return found


@given(st.integers(1, 7), st.data())
def test_both_estimators_are_the_share_of_all_ways_to_take_k_answers(n: int, data: st.DataObject) -> None:
    """C(n-c,k)/C(n,k) is the share of k-subsets without a pass: counted here one by one."""
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations([1] * c + [0] * (n - c), k))

    some, every = (
        pass_at(np.array([n * 1.0]), np.array([c * 1.0]), k),
        pass_hat(np.array([n * 1.0]), np.array([c * 1.0]), k),
    )

    assert some[0] == pytest.approx(mean(any(one) for one in subsets))
    assert every[0] == pytest.approx(mean(all(one) for one in subsets))


def test_pass_at_k_of_the_paper_that_introduced_it() -> None:
    """Chen et al. (2021), figure 3's code: n = 200, c = 20, k = 10: 1 - prod(1 - 10 / (181..200))."""
    expected = 1.0 - float(np.prod(1.0 - 10 / np.arange(181, 201)))

    assert pass_at(np.array([200.0]), np.array([20.0]), 10)[0] == pytest.approx(expected)


def test_estimators_are_unbiased_over_many_draws() -> None:
    rng = np.random.default_rng(1)
    passes = rng.binomial(8, 0.4, size=40_000).astype(float)
    n = np.full(40_000, 8.0)

    assert pass_at(n, passes, 3).mean() == pytest.approx(1 - 0.6**3, abs=0.005)
    assert pass_hat(n, passes, 3).mean() == pytest.approx(0.4**3, abs=0.005)


def test_rates_are_means_over_items_with_enough_answers() -> None:
    found = told([[1, 1, 0], [0, 0], [1, 1, 1]])

    rates = {rate.k: (rate.items, rate.any, rate.all) for rate in found.pass_rates}
    assert rates[2] == (3, pytest.approx((1 + 0 + 1) / 3), pytest.approx((1 / 3 + 0 + 1) / 3))
    assert rates[3] == (2, 1.0, 0.5)
    assert (found.fewest, found.most, found.answers) == (2, 3, 8)


def test_flaky_items_are_named_the_flakiest_first() -> None:
    found = told([[1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])

    assert (found.flaky, found.flaky_items) == (2, ("q2", "q1"))


def test_an_item_answered_once_says_nothing_about_repeats() -> None:
    assert repeatability(answers([[1], [0]]), ["a", "b"]) is None
    assert told([[1], [0, 1]]).items == 1


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=3, max_size=3), min_size=2, max_size=12))
def test_components_are_those_of_the_analysis_of_variance(rows: list[list[float]]) -> None:
    """Balanced one-way layout: MSW and (MSB - MSW) / n by the textbook."""
    within = mean(variance(row) for row in rows)
    between = max(0.0, (3 * variance([mean(row) for row in rows]) - within) / 3)

    found = told(rows)

    assert found.within_sd**2 == pytest.approx(within, abs=1e-12)
    assert found.between_sd**2 == pytest.approx(between, abs=1e-9)
    assert found.standard_error <= found.standard_error_once + 1e-12


def test_spread_within_and_between_items_is_told_apart() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0.5, 0.1, 3_000)
    found = told([list(np.clip(rng.normal(t, 0.05, 4), 0, 1)) for t in truth])

    assert found.within_sd == pytest.approx(0.05, abs=0.002)
    assert found.between_sd == pytest.approx(0.1, abs=0.004)


def test_runs_are_told_with_their_spread() -> None:
    found = told([[1, 0], [1, 0], [1, 1], [1, 1]])

    assert found.runs == (1.0, 0.5)
    assert found.run_sd == pytest.approx(0.5 / 2**0.5)
