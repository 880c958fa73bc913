"""`min_items` holds the end of a comparison back, so that a breakdown by tag has something to say."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.errors import InputError
from weighbridge.stats import Contest, Rule


def fed(contest: Contest, rows: int) -> Contest:
    """The first candidate is right, the others are wrong, on every item."""
    for _ in range(rows):
        contest.add([1.0] + [0.0] * (len(contest.names) - 1))
    return contest


def test_no_winner_is_named_and_nobody_is_dropped_before_min_items() -> None:
    contest = fed(Contest(["a", "b", "c"], Rule(min_items=50), 100), 49)

    assert not contest.decided
    assert contest.active == ("a", "b", "c")
    assert contest.verdict().comparisons[0].evidence >= contest.threshold, "it would have ended without min_items"

    contest.add([1.0, 0.0, 0.0])

    assert contest.decided
    assert contest.verdict().basis == "certified"
    assert contest.drawn == 50


def test_what_was_shown_before_min_items_counts_when_the_items_run_out_or_the_run_is_stopped() -> None:
    """The test is valid at every look, so an early end takes nothing from it."""
    for stopped in (None, "by the user"):
        verdict = fed(Contest(["a", "b"], Rule(min_items=500), 60), 60).finish(stopped)

        assert (verdict.decision, verdict.winner, verdict.basis) == ("winner", "a", "certified")


def test_a_forecast_does_not_end_a_run_before_min_items() -> None:
    rng = np.random.default_rng(1)
    contest = Contest(["a", "b"], Rule(min_items=390), 400)
    for row in rng.integers(0, 2, (389, 2)).astype(float).tolist():
        contest.add(row)

    assert not contest.decided
    assert contest.verdict().basis is None


@pytest.mark.slow
def test_a_wrong_winner_is_no_likelier_with_min_items() -> None:
    """Two equal candidates, 1,000 times: at most alpha name a winner. Three standard errors of grace."""
    wrong = 0
    rng = np.random.default_rng(7)
    for _ in range(1_000):
        contest = Contest(["a", "b"], Rule(alpha=0.05, min_items=30), 80)
        for row in rng.integers(0, 2, (80, 2)).astype(float).tolist():
            contest.add(row)
            if contest.decided:
                break
        wrong += contest.finish().winner is not None

    assert wrong <= 50 + 3 * 7


def test_a_negative_number_of_items_is_refused() -> None:
    with pytest.raises(InputError, match="min_items must be at least 0"):
        Contest(["a", "b"], Rule(min_items=-1), 10)
