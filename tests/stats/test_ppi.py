"""Corrected means: the published estimator, and intervals that hold whatever the judge is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import InputError
from weighbridge.stats.coarse import Ends
from weighbridge.stats.ppi import Corrected, corrected_mean, t_quantile

LABELS = [0.2, 0.9, 0.4, 0.7, 0.1, 0.6, 0.8, 0.3]
SCORED = [0.3, 0.8, 0.5, 0.6, 0.3, 0.5, 0.9, 0.2]
REST = [0.6, 0.7, 0.4, 0.9, 0.5, 0.8, 0.3, 0.6, 0.7, 0.5]
PPI_PYTHON = (0.5875, 0.45314281)
"""Its estimate and lower end of these."""


def wide(found: Corrected) -> float:
    return found.interval.high - found.interval.low


def wide_alone(found: Corrected) -> float:
    return found.labels_alone_interval.high - found.labels_alone_interval.low


def test_with_power_one_it_is_the_published_estimator() -> None:
    """ppi-python 0.2.3: ppi_mean_pointestimate and ppi_mean_ci with lam=1 on the same numbers. Theirs takes variances
    over n and quantiles of the normal distribution; ours n - 1 and Student's t."""
    found = corrected_mean(LABELS, SCORED, REST, power=1.0)

    variance = np.var(np.array(LABELS) - SCORED) / 8 + np.var(REST) / 10
    assert found.estimate == pytest.approx(PPI_PYTHON[0])
    assert found.estimate - 1.959964 * variance**0.5 == pytest.approx(PPI_PYTHON[1], abs=1e-6)
    honest = np.var(np.array(LABELS) - SCORED) / 7 + np.var(REST) / 9
    assert found.interval.high == pytest.approx(found.estimate + 2.364624 * honest**0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("share", "df", "value"),
    [(0.975, 1, 12.7062), (0.975, 3, 3.18245), (0.995, 5, 4.03214), (0.975, 30, 2.04227), (0.025, 10, -2.22814)],
)
def test_quantiles_of_students_t_are_those_of_the_tables(share, df, value) -> None:
    assert t_quantile(share, df) == pytest.approx(value, abs=1e-4)


def coverage(draw, *, runs: int = 1500, labels: int = 50, **options) -> tuple[float, float, float]:
    """Shares of runs whose interval holds the truth, corrected and labels alone, and the mean ratio of widths."""
    rng = np.random.default_rng(11)
    held = held_alone = 0
    ratio = 0.0
    for _ in range(runs):
        y, f, truth = draw(rng, labels + 500)
        found = corrected_mean(y[:labels], f[:labels], f[labels:], **options)
        held += found.interval.low <= truth <= found.interval.high
        held_alone += found.labels_alone_interval.low <= truth <= found.labels_alone_interval.high
        assert wide(found) <= wide_alone(found) + 1e-12
        ratio += wide(found) / wide_alone(found)
    return held / runs, held_alone / runs, ratio / runs


def normal(correlation: float, bias: float = 0.0):
    def draw(rng, size):
        y = rng.normal(size=size)
        return y, bias + correlation * y + np.sqrt(1 - correlation**2) * rng.normal(size=size), 0.0

    return draw


def right_or_wrong(rate: float, errs: float):
    def draw(rng, size):
        y = (rng.random(size) < rate).astype(float)
        return y, np.where(rng.random(size) < errs, 1 - y, y), rate

    return draw


@pytest.mark.parametrize(
    ("draw", "most"),
    [
        pytest.param(normal(0.95), 0.45, id="a-good-judge-halves-the-width"),
        pytest.param(normal(0.8, bias=3.0), 0.70, id="bias-is-taken-out"),
        pytest.param(normal(0.0), 1.0, id="a-judge-that-knows-nothing-costs-nothing"),
        pytest.param(normal(-0.8), 0.70, id="one-that-marks-the-other-way-round-is-turned"),
    ],
)
def test_the_interval_holds_the_truth_and_is_never_wider_than_labels_alone(draw, most) -> None:
    """95% intervals over 1,500 draws: 93.5% is three standard errors below."""
    held, _, ratio = coverage(draw)

    assert held >= 0.935
    assert ratio <= most


def lenient(rate: float, errs: float):
    """A judge that takes some wrong answers for right ones, and none the other way round."""

    def draw(rng, size):
        y = (rng.random(size) < rate).astype(float)
        return y, np.where(rng.random(size) < errs, 1.0, y), rate

    return draw


def gap_of(first: float, second: float, alike: float, errs: float):
    """Difference of two candidates that are right or wrong, mostly on the same items."""

    def draw(rng, size):
        luck = rng.random(size)
        other = np.where(rng.random(size) < alike, luck, rng.random(size))
        right = np.array([luck < first, other < second], dtype=float)
        said = np.where(rng.random(right.shape) < errs, 1 - right, right)
        return right[0] - right[1], said[0] - said[1], first - second

    return draw


@pytest.mark.parametrize("labels", [25, 50, 200])
@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(right_or_wrong(0.7, 0.1), id="70%"),
        pytest.param(right_or_wrong(0.8, 0.0), id="80%-judge-never-errs"),
        pytest.param(right_or_wrong(0.9, 0.05), id="90%"),
        pytest.param(right_or_wrong(0.95, 0.0), id="95%-judge-never-errs"),
        pytest.param(right_or_wrong(0.95, 0.05), id="95%"),
        pytest.param(lenient(0.95, 0.5), id="95%-judge-takes-half-of-the-wrong-for-right"),
        pytest.param(right_or_wrong(0.98, 0.05), id="98%"),
        pytest.param(right_or_wrong(0.9, 0.5), id="90%-judge-knows-nothing"),
    ],
)
def test_few_right_or_wrong_labels_keep_their_coverage(draw, labels) -> None:
    """1,000 draws: 93% is three standard errors below 95%. An interval from the spread alone held in 83 to 93% of them
    where 95% or more are right, with the judge and without."""
    held, alone, _ = coverage(draw, runs=1000, labels=labels, ends=Ends(0.0, 1.0))

    assert held >= 0.93
    assert alone >= 0.93


@pytest.mark.parametrize("labels", [50, 200])
@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(gap_of(0.95, 0.90, 1.0, 0.05), id="one-is-never-worse"),
        pytest.param(gap_of(0.97, 0.90, 0.9, 0.0), id="judge-never-errs"),
        pytest.param(gap_of(0.8, 0.6, 0.5, 0.05), id="far-apart"),
    ],
)
def test_few_differences_of_right_or_wrong_keep_theirs(draw, labels) -> None:
    held, alone, _ = coverage(draw, runs=1000, labels=labels, ends=Ends(-1.0, 1.0, differences=True))

    assert held >= 0.93
    assert alone >= 0.92, "five differences in a hundred, all one way, and none seen in 8% of the draws"


@pytest.mark.parametrize(("rate", "errs", "most"), [(0.7, 0.1, 0.83), (0.8, 0.05, 0.75), (0.95, 0.0, 0.8)])
def test_a_good_judge_still_narrows_what_right_or_wrong_labels_say(rate, errs, most) -> None:
    assert coverage(right_or_wrong(rate, errs), runs=300, ends=Ends(0.0, 1.0))[2] <= most


def test_labels_of_many_kinds_are_joined_by_no_others() -> None:
    """Marks from 1 to 5 spread enough by themselves."""
    rng = np.random.default_rng(3)
    marks = rng.integers(1, 6, 40).astype(float)

    assert corrected_mean(marks, marks, [], ends=Ends(1.0, 5.0)) == corrected_mean(marks, marks, [])


def test_by_hand_labels_alone_are_those_of_agresti_and_coull() -> None:
    """18 of 20: p = 20/24, spread sqrt(p (1 - p) / 24), with Student's t of 19 degrees."""
    found = corrected_mean([1.0] * 18 + [0.0] * 2, [1.0] * 20, [], ends=Ends(0.0, 1.0)).labels_alone_interval

    half = 2.093024 * (20 / 24 * 4 / 24 / 24) ** 0.5
    assert (found.low, found.high) == (pytest.approx(20 / 24 - half, abs=1e-4), pytest.approx(20 / 24 + half, abs=1e-4))


def test_a_few_labels_that_agree_by_luck_are_not_certainty() -> None:
    """Twenty of twenty right says that 86% or more are, not that all are."""
    found = corrected_mean([1.0] * 20, [1.0] * 20, [1.0] * 500, ends=Ends(0.0, 1.0))

    assert found.interval.low < 0.87
    assert wide(corrected_mean([1.0] * 20, [1.0] * 20, [1.0] * 500)) == 0.0  # without ends nobody can know


def test_answers_to_one_item_are_not_independent() -> None:
    """Each item's labels stand there four times: nothing more is known than from one each."""
    rng = np.random.default_rng(2)
    y = rng.random(40)
    once = corrected_mean(y, y, [])
    four = corrected_mean(np.repeat(y, 4), np.repeat(y, 4), [], clusters=np.repeat(np.arange(40), 4))

    assert wide(four) == pytest.approx(wide(once))


def test_below_five_labels_the_judge_is_not_believed() -> None:
    found = corrected_mean([0.1, 0.5, 0.9], [0.1, 0.5, 0.9], REST)

    assert found.power == 0.0
    assert found.interval == found.labels_alone_interval


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(InputError, match="every label needs"):
        corrected_mean([1.0], [1.0, 0.0], [])
    with pytest.raises(InputError, match="two labels"):
        corrected_mean([1.0], [1.0], [])
    with pytest.raises(InputError, match="numbers"):
        corrected_mean([1.0, float("nan")], [1.0, 0.0], [])


numbers = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1, width=32)), min_size=2, max_size=30),
    st.lists(st.floats(0, 1, width=32), max_size=30),
)
def test_any_right_or_wrong_labels_give_an_interval_around_the_estimate(pairs, rest) -> None:
    y, f = zip(*pairs, strict=True)

    found = corrected_mean(y, f, rest, ends=Ends(0.0, 1.0))

    assert found.interval.low <= found.estimate <= found.interval.high
    assert wide(found) <= wide_alone(found) * (1 + 1e-9)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=20), st.lists(numbers, max_size=20))
def test_any_numbers_give_an_interval_around_the_estimate(pairs, rest) -> None:
    y, f = zip(*pairs, strict=True)

    found = corrected_mean(y, f, rest)

    assert found.interval.low <= found.estimate <= found.interval.high
    assert wide(found) <= wide_alone(found) * (1 + 1e-9)
    assert found.worth >= 1 - 1e-9
