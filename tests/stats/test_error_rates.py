"""How often a contest as a whole says something false, watched after every item and never stopped early by itself."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.stats import Contest, Rule

pytestmark = pytest.mark.slow


def tolerated(alpha: float, runs: int) -> float:
    """alpha and three standard errors: a correct method fails a test once in 700."""
    return alpha + 3 * (alpha * (1 - alpha) / runs) ** 0.5


def named(scores: np.ndarray, rule: Rule) -> str | None:
    """Who is ever named, with a look after every item."""
    contest = Contest([f"m{i}" for i in range(scores.shape[1])], rule, len(scores))
    for row in scores.tolist():
        contest.add(row)
        if contest.decided:
            break
    return contest.finish().winner


@pytest.mark.parametrize("futility", [True, False])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_equal_candidates_have_a_winner_in_at_most_alpha_of_runs(alpha: float, futility: bool) -> None:
    """Sign-flip null: skewed scores, and a coin per item decides which candidate gets which."""
    rng = np.random.default_rng(11)
    runs, wins = 400, 0
    for _ in range(runs):
        scores = np.column_stack([rng.random(120) ** 4, rng.random(120) < 0.8])
        flip = rng.random(120) < 0.5
        scores[flip] = scores[flip][:, ::-1]
        wins += named(scores, Rule(alpha=alpha, futility=futility)) is not None

    assert wins / runs <= tolerated(alpha, runs)
    assert wins > 0, "a test that never errs spends none of the error it is allowed"


@pytest.mark.parametrize("chances", [(0.6, 0.6, 0.6, 0.6), (0.7, 0.7, 0.4, 0.2)], ids=["all-tied", "two-tied-best"])
def test_candidates_tied_for_best_have_a_winner_in_at_most_alpha_of_runs(chances: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    runs = 200
    rule = Rule(alpha=0.2, futility=False)

    wins = sum(named((rng.random((120, 4)) < chances).astype(float), rule) is not None for _ in range(runs))

    assert wins / runs <= tolerated(0.2, runs)


def test_the_second_best_is_hardly_ever_named() -> None:
    rng = np.random.default_rng(6)
    runs = 200
    rule = Rule(alpha=0.2)

    found = [named((rng.random((200, 3)) < (0.62, 0.6, 0.3)).astype(float), rule) for _ in range(runs)]

    assert sum(one not in (None, "m0") for one in found) / runs <= tolerated(0.2, runs)


def test_a_difference_on_the_edge_of_the_margin_is_certified_a_tie_in_at_most_alpha_of_runs() -> None:
    rng = np.random.default_rng(8)
    runs, ties = 300, 0
    for _ in range(runs):
        contest = Contest(("a", "b"), Rule(alpha=0.2, margin=0.3, futility=False), 200)
        for row in (rng.random((200, 2)) < (0.8, 0.5)).astype(float).tolist():
            contest.add(row)
        verdict = contest.finish()
        ties += verdict.decision == "tie" and verdict.basis == "certified"

    assert ties / runs <= tolerated(0.2, runs)


def test_of_a_finite_set_the_wrong_half_is_named_in_at_most_alpha_of_orders() -> None:
    """The hardest set: the second is ahead by a single item of 120."""
    rng = np.random.default_rng(12)
    runs, wrong = 400, 0
    scores = np.array([[1.0, 0.0]] * 35 + [[0.0, 1.0]] * 36 + [[1.0, 1.0]] * 49)
    for _ in range(runs):
        wrong += named(scores[rng.permutation(len(scores))], Rule(alpha=0.2, scope="items", futility=False)) == "m0"

    assert wrong / runs <= tolerated(0.1, runs), "each direction has half of alpha"


def test_the_interval_of_a_pair_misses_the_difference_at_any_look_in_at_most_alpha_of_runs() -> None:
    rng = np.random.default_rng(13)
    runs, missed = 120, 0
    for _ in range(runs):
        contest = Contest(("a", "b"), Rule(alpha=0.2, futility=False), 150)
        bad = False
        for n, row in enumerate((rng.random((150, 2)) < (0.7, 0.5)).astype(float).tolist()):
            contest.add(row)
            if n % 10 == 9 and not bad:
                interval = contest.verdict().comparisons[0].interval
                bad = not interval.low <= 0.2 <= interval.high
        missed += bad

    assert missed / runs <= tolerated(0.2, runs)
