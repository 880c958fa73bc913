"""The goal `near-best`: somebody close to the best is chosen, with far fewer calls than naming the best takes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weighbridge.errors import InputError
from weighbridge.stats import Contest, Rule, Verdict

RULE = Rule(goal="near-best", regret=0.01)
RUNS = 80


def chosen(scores: np.ndarray, rule: Rule = RULE) -> tuple[Verdict, int]:
    """The verdict on (items, candidates) scores in that order, and the calls it took."""
    contest = Contest([f"m{i}" for i in range(scores.shape[1])], rule, len(scores))
    calls = 0
    for row in scores.tolist():
        calls += len(contest.active)
        contest.add(row)
        if contest.decided:
            break
    return contest.finish(), calls


def models(rng: np.random.Generator, items: int, strengths: np.ndarray) -> np.ndarray:
    """0/1 scores of models of these strengths on items that are hard or easy for all."""
    hard = rng.normal(0.0, 1.5, items)
    return (rng.random((items, len(strengths))) < 1 / (1 + np.exp(hard[:, None] - strengths))).astype(float)


@pytest.mark.slow
@pytest.mark.parametrize(("spread", "share"), [(1.0, 0.25), (0.3, 0.6)], ids=["far apart", "neighbours"])
def test_the_chosen_one_is_hardly_ever_two_points_below_the_best(spread: float, share: float) -> None:
    """The promise of the forecast: 2% of runs, here with the noise of 80 of them."""
    rng = np.random.default_rng(3)
    regrets, shares = [], []
    for _ in range(RUNS):
        scores = models(rng, 400, rng.normal(0.0, spread, 8))
        verdict, calls = chosen(scores)
        assert verdict.chosen or verdict.winner
        means = scores.mean(axis=0)
        regrets.append(means.max() - means[int((verdict.chosen or verdict.winner or "m0")[1:])])
        shares.append(calls / scores.size)

    assert np.mean(np.array(regrets) > 0.02 + 1e-9) <= 0.02 + 3 * (0.02 * 0.98 / RUNS) ** 0.5
    assert np.mean(shares) < share


def test_it_takes_fewer_calls_than_naming_the_best() -> None:
    scores = models(np.random.default_rng(5), 400, np.array([1.0, 0.9, 0.3, 0.0, -0.5]))

    near, few = chosen(scores)
    _, many = chosen(scores, Rule(futility=False))

    assert near.decision == "near-best"
    assert near.winner is None, "a forecast names no winner"
    assert few < many / 2


def test_a_winner_is_still_named_where_the_bets_show_one() -> None:
    """Two candidates of whom one is always right: the e-process is there before the forecast may speak."""
    scores = np.column_stack([np.ones(60), np.zeros(60)])

    verdict, _ = chosen(scores)

    assert (verdict.decision, verdict.winner, verdict.basis) in {
        ("winner", "m0", "certified"),
        ("near-best", None, "forecast"),
    }
    assert "m0" in (verdict.winner, verdict.chosen)


def test_equal_candidates_are_chosen_from_when_all_items_were_drawn() -> None:
    scores = np.tile([[1.0, 1.0], [0.0, 0.0]], (6, 1))

    verdict, _ = chosen(scores)

    assert verdict.chosen == "m0"
    assert verdict.basis in {"forecast", "exhausted"}


def test_a_run_that_was_stopped_chooses_nobody() -> None:
    contest = Contest(["a", "b"], RULE, 100)
    contest.add([1.0, 0.0])

    verdict = contest.finish("the money ran out")

    assert (verdict.decision, verdict.chosen, verdict.basis) == ("undecided", None, "stopped")


def test_without_a_single_score_nobody_is_chosen() -> None:
    verdict, _ = chosen(np.full((20, 3), math.nan))

    assert (verdict.decision, verdict.chosen) == ("undecided", None)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(goal="near-best", regret=0.0), "regret"),
        (Rule(goal="near-best", regret=1.0), "regret"),
        (Rule(goal="near-best", margin=0.02), "no ties"),
        (Rule(goal="near-best", baseline="a"), "not-worse"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: Rule, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Contest(["a", "b"], rule, 10)


def test_nothing_is_forecast_once_all_items_are_drawn() -> None:
    """With as many items asked for as there are, the choice rests on all of them and must not say otherwise."""
    scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 100)

    verdict, calls = chosen(scores, Rule(goal="near-best", regret=0.05, min_items=200))

    assert (verdict.decision, verdict.basis, calls) == ("near-best", "exhausted", 400)
    assert verdict.reason.startswith("All items were drawn")


def test_a_single_item_is_spoken_of_as_one() -> None:
    reasons = [Contest(["a", "b"], rule, 1) for rule in (Rule(), Rule(scope="items"), RULE)]
    for contest in reasons:
        contest.add([1.0, 0.0])

    assert not any("1 items" in contest.finish().reason for contest in reasons)
