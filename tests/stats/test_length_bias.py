"""What length is worth to a judge, found where it was put in, and not found where it was not."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.errors import InputError
from weighbridge.stats.length_bias import graded_effect, paired_effect, relative


def lengths(rng, items: int, factors) -> np.ndarray:
    usual = rng.lognormal(6, 0.8, (items, 1))
    return usual * np.array(factors) * rng.lognormal(0, 0.4, (items, len(factors)))


def test_a_judge_that_pays_for_length_is_found_and_corrected() -> None:
    """Two candidates equally good; the second writes twice as much, and the judge pays 6 points for that."""
    rng = np.random.default_rng(1)
    size = lengths(rng, 600, (1, 2))
    x = relative(size, size.mean(axis=1, keepdims=True) * np.ones(2))
    scores = 0.5 + 0.18 * x + rng.normal(0, 0.1, size.shape) + rng.normal(0, 0.15, (600, 1))

    found = graded_effect(scores, size)

    assert found is not None
    assert found.certain
    assert found.twice_as_long == pytest.approx(0.06, abs=3 * found.error)
    assert found.raw[1] - found.raw[0] > 0.04
    assert found.corrected[1] - found.corrected[0] == pytest.approx(0.0, abs=0.02)


def test_a_better_candidate_that_writes_more_stays_better() -> None:
    rng = np.random.default_rng(2)
    size = lengths(rng, 600, (1, 2, 0.5))
    scores = np.array([0.4, 0.6, 0.5]) + rng.normal(0, 0.15, size.shape)

    found = graded_effect(scores, size)

    assert found is not None
    assert not found.certain
    assert found.corrected[1] - found.corrected[0] == pytest.approx(0.2, abs=0.04)


def test_preference_for_the_longer_answer_is_found_among_pairs() -> None:
    """True strengths: even, and 70%. The judge adds 1.5 x on the logistic scale; the first writes longer."""
    rng = np.random.default_rng(3)
    who = np.repeat([0, 1], 1500)
    x = relative(rng.lognormal(6.5 - who * 0.6, 0.5), rng.lognormal(6, 0.5, 3000))
    likely = 1 / (1 + np.exp(-(np.array([0.0, np.log(7 / 3)])[who] + 1.5 * x)))
    preferred = (rng.random(3000) < likely).astype(float)

    found = paired_effect(who, preferred, x)

    assert found is not None
    assert found.certain
    assert found.raw[0] > 0.55
    assert found.corrected == (pytest.approx(0.5, abs=0.04), pytest.approx(0.7, abs=0.04))
    assert found.twice_as_long == pytest.approx(1 / (1 + np.exp(-0.5)) - 0.5, abs=0.03)


def test_a_candidate_that_always_won_gets_a_figure() -> None:
    """The likelihood alone would send its strength to infinity."""
    found = paired_effect([0] * 40, [1.0] * 40, np.linspace(-0.5, 0.5, 40))

    assert found is not None
    assert 0.9 < found.corrected[0] < 1.0


def test_what_is_never_as_long_has_no_figure_at_equal_length() -> None:
    """A terse candidate's losses would otherwise be explained away by a slope that others' answers gave."""
    rng = np.random.default_rng(6)
    who = np.repeat([0, 1], 500)
    x = np.where(who == 0, rng.uniform(-0.5, 0.5, 1000), rng.uniform(-0.99, -0.95, 1000))

    found = paired_effect(who, (rng.random(1000) < 0.5 + 0.4 * x).astype(float), x)

    assert found is not None
    assert found.corrected[0] == pytest.approx(0.5, abs=0.06)
    assert found.corrected[1] is None


def test_missing_answers_are_left_out_and_a_silent_candidate_breaks_nothing() -> None:
    rng = np.random.default_rng(4)
    size = lengths(rng, 100, (1, 1.5, 1))
    scores = np.clip(0.5 + rng.normal(0, 0.1, size.shape), 0, 1)
    scores[::3, 0] = np.nan
    scores[:, 2] = np.nan

    found = graded_effect(scores, size)

    assert found is not None
    assert found.items == 66


def test_where_too_little_varies_nothing_is_said() -> None:
    rng = np.random.default_rng(5)
    assert graded_effect(rng.random((10, 2)), rng.random((10, 2))) is None
    assert graded_effect(rng.random((50, 2)), np.full((50, 2), 300.0)) is None
    assert paired_effect([0] * 50, rng.random(50), np.zeros(50)) is None
    with pytest.raises(InputError, match="one shape"):
        graded_effect(rng.random((3, 2)), rng.random((2, 2)))


def test_empty_answers_have_a_length_too() -> None:
    assert relative([0, 200, 0], [0, 100, 50]).tolist() == [0.0, pytest.approx(1 / 3), -1.0]
