"""Corrected means: the published estimator, and intervals that hold whatever the judge is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import InputError
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


@pytest.mark.parametrize(("rate", "errs"), [(0.7, 0.1), (0.8, 0.05), (0.8, 0.0), (0.95, 0.0)])
def test_right_and_wrong_labels_keep_the_coverage_of_labels_alone(rate, errs) -> None:
    """Of 50 right-or-wrong labels the normal interval itself holds in 91 to 95%; the judge must not take more than two
    points from it, also one that happened to agree with all of them."""
    held, alone, ratio = coverage(right_or_wrong(rate, errs), span=1.0)

    assert held >= min(alone, 0.95) - 0.02
    assert ratio < 0.8


def test_a_few_labels_that_agree_by_luck_are_not_certainty() -> None:
    """Twenty of twenty right says that 86% or more are, not that all are."""
    found = corrected_mean([1.0] * 20, [1.0] * 20, [1.0] * 500, span=1.0)

    assert found.interval.low < 0.92
    assert wide(corrected_mean([1.0] * 20, [1.0] * 20, [1.0] * 500)) == 0.0  # without a span nobody can know


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


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=20), st.lists(numbers, max_size=20))
def test_any_numbers_give_an_interval_around_the_estimate(pairs, rest) -> None:
    y, f = zip(*pairs, strict=True)

    found = corrected_mean(y, f, rest)

    assert found.interval.low <= found.estimate <= found.interval.high
    assert wide(found) <= wide_alone(found) * (1 + 1e-9)
    assert found.worth >= 1 - 1e-9
