"""The bound on the quality kept: it holds as often as it says, in whatever order items stand."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.routers.promise import fixed_sequence, lower_bound, refutes


def drawn(rng: np.random.Generator, count: int, lost: float, won: float) -> tuple[np.ndarray, np.ndarray]:
    """Routed and strong scores; the strong model is right nine times in ten, and of all items `lost` are right there
    and wrong here, `won` the other way round."""
    strong = (rng.random(count) < 0.9).astype(float)
    draw = rng.random(count)
    routed = strong.copy()
    routed[(strong == 1) & (draw < lost / 0.9)] = 0.0
    routed[(strong == 0) & (draw < won / 0.1)] = 1.0
    return routed, strong


@pytest.mark.parametrize(("count", "lost", "won"), [(60, 0.05, 0.02), (400, 0.03, 0.0), (400, 0.1, 0.08)])
def test_a_bound_lies_above_the_truth_no_more_often_than_alpha(count: int, lost: float, won: float) -> None:
    """500 samples at alpha 0.1: 50 are expected at most; 20 more are three deviations."""
    rng = np.random.default_rng(0)
    truth = (0.9 - lost + won) / 0.9

    wrong = sum(refutes(*drawn(rng, count, lost, won), truth, 0.1) for _ in range(500))

    assert wrong <= 70


def graded(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are fractions."""
    strong = rng.beta(4, 1, count)
    return np.clip(strong + rng.choice([-0.3, 0.0, 0.2], count, p=[0.2, 0.6, 0.2]), 0, 1), strong


def test_fractions_of_a_score_are_as_valid() -> None:
    rng = np.random.default_rng(1)
    many, best = graded(rng, 1_000_000)
    truth = many.mean() / best.mean()

    wrong = sum(refutes(*graded(rng, 150), truth, 0.1) for _ in range(400))

    assert wrong <= 58  # 40 are expected at most; 18 more are three deviations


def test_of_many_thresholds_the_chosen_one_breaks_the_promise_no_more_often_than_alpha() -> None:
    """Each further threshold loses a little more; from the twelfth on the promise of 0.95 is broken."""
    rng = np.random.default_rng(3)
    broken = 0
    for _ in range(300):
        strong = (rng.random(500) < 0.9).astype(float)
        order = rng.permutation(500)
        losses = (rng.random(500) < 0.1) & (strong == 1)
        routed = []
        for step in range(1, 26):
            scores = strong.copy()
            weak = order[: 500 * step // 25]
            scores[weak[losses[weak]]] = 0.0
            routed.append(scores)
        chosen = fixed_sequence(routed, strong, 0.95, 0.1).chosen
        broken += chosen is not None and 1 - 0.1 * (chosen + 1) / 25 < 0.95

    assert broken <= 45


def test_the_order_of_the_items_tells_nothing() -> None:
    """Samples are often sorted by subject or by difficulty."""
    routed, strong = drawn(np.random.default_rng(4), 500, 0.08, 0.0)
    by_difficulty = np.argsort(strong - routed)

    sorted_ = lower_bound(routed[by_difficulty], strong[by_difficulty], 0.05)

    assert sorted_ == pytest.approx(lower_bound(routed, strong, 0.05), abs=0.04)
    assert sorted_ < routed.mean() / strong.mean()


def test_a_bound_comes_near_the_truth_with_many_items() -> None:
    """A bound that is always 0 would be valid, too."""
    routed, strong = drawn(np.random.default_rng(5), 5000, 0.04, 0.02)

    assert lower_bound(routed, strong, 0.05) > routed.mean() / strong.mean() - 0.015


def test_nothing_is_shown_by_nothing() -> None:
    assert not refutes(np.empty(0), np.empty(0), 0.5, 0.05)
    assert not refutes(np.ones(3), np.ones(3), 0.99, 0.05)
    assert lower_bound(np.zeros(50), np.ones(50), 0.05) == pytest.approx(0.0, abs=1e-3)
