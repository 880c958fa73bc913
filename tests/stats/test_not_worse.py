"""The goal `not-worse`: a challenger is at most the margin worse than the baseline, at the error rate promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weighbridge.errors import InputError
from weighbridge.stats import NotWorse, Rule, Verdict


def rule(scope: str = "work", margin: float = 0.05, **more: object) -> Rule:
    return Rule(goal="not-worse", baseline="m0", margin=margin, scope=scope, **more)


def weighed(scores: np.ndarray, by: Rule, total: int | None = None) -> tuple[Verdict, int]:
    """The verdict on (items, candidates) scores in that order, and the items it took."""
    contest = NotWorse([f"m{i}" for i in range(scores.shape[1])], by, total or len(scores))
    for row in scores.tolist():
        contest.add(row)
        if contest.decided:
            break
    return contest.finish(), contest.drawn


def pairs(rng: np.random.Generator, items: int, below: float, challengers: int = 1) -> np.ndarray:
    """A baseline right on 70% of items and challengers `below` under it, agreeing with it on about 60% of items."""
    luck = rng.random(items)
    columns = [luck < 0.7]
    for _ in range(challengers):
        own = np.where(rng.random(items) < 0.4, rng.random(items), luck)
        columns.append(own < 0.7 - below)
    return np.column_stack(columns).astype(float)


@pytest.mark.slow
@pytest.mark.parametrize("challengers", [1, 3])
@pytest.mark.parametrize("futility", [True, False])
def test_a_challenger_at_the_margin_is_called_anything_in_at_most_alpha_of_runs(
    challengers: int, futility: bool
) -> None:
    """Exactly the margin below: calling it not worse, or worse, are both wrong. A look after every item."""
    rng = np.random.default_rng(7)
    runs, wrong = 150, 0
    for _ in range(runs):
        scores = pairs(rng, 200, 0.05, challengers)
        contest = NotWorse([f"m{i}" for i in range(challengers + 1)], rule(alpha=0.1, futility=futility), 200)
        for row in scores.tolist():
            contest.add(row)
        said = contest.finish().reason
        wrong += "at most" in said or "more than" in said

    assert wrong / runs <= 0.1 + 3 * (0.1 * 0.9 / runs) ** 0.5


def test_a_good_challenger_is_shown_to_be_not_worse_with_part_of_the_items() -> None:
    verdict, items = weighed(pairs(np.random.default_rng(1), 800, -0.02), rule())

    assert (verdict.decision, verdict.chosen, verdict.winner) == ("not-worse", "m1", None)
    assert verdict.basis == "certified"
    assert items < 400
    assert verdict.comparisons[0].interval.low >= -0.05


def test_a_bad_challenger_is_shown_to_be_worse() -> None:
    verdict, items = weighed(pairs(np.random.default_rng(1), 800, 0.25), rule())

    assert (verdict.decision, verdict.chosen) == ("worse", None)
    assert items < 400
    assert verdict.comparisons[0].interval.high <= -0.05


def test_each_challenger_gets_its_own_answer() -> None:
    rng = np.random.default_rng(2)
    scores = np.column_stack([pairs(rng, 800, -0.05), pairs(rng, 800, 0.3)[:, 1]])

    verdict, _ = weighed(scores, rule())

    assert verdict.chosen == "m1"
    assert (verdict.not_worse, verdict.worse) == (("m1",), ("m2",))
    assert "m1: at most 0.05 worse than m0" in verdict.reason
    assert "m2: more than 0.05 worse than m0" in verdict.reason


def test_a_challenger_that_is_decided_is_asked_no_more() -> None:
    rng = np.random.default_rng(2)
    scores = np.column_stack([pairs(rng, 800, 0.04), pairs(rng, 800, 0.5)[:, 1]])
    contest = NotWorse(["m0", "m1", "m2"], rule(futility=False), 800)
    for row in scores[:200].tolist():
        contest.add(row)

    assert contest.active == ("m0", "m1")


def test_when_all_items_are_known_the_difference_says_the_rest() -> None:
    """Scope `items`: one item more would have changed it, so no bet could have said it before."""
    scores = np.ones((40, 2))
    scores[:2, 1] = 0.0

    verdict, _ = weighed(scores, rule("items", futility=False))

    assert (verdict.decision, verdict.basis) == ("not-worse", "exhausted")


def test_failed_samples_decide_nothing() -> None:
    verdict, _ = weighed(np.full((30, 2), math.nan), rule())

    assert (verdict.decision, verdict.comparisons[0].difference) == ("undecided", None)


def test_a_stopped_run_says_why() -> None:
    contest = NotWorse(["m0", "m1"], rule(), 50)
    contest.add([1.0, 1.0])

    verdict = contest.finish("interrupted.")

    assert (verdict.decision, verdict.basis) == ("undecided", "stopped")
    assert "interrupted." in verdict.reason


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (Rule(goal="not-worse", baseline="m0"), "margin"),
        (Rule(goal="not-worse", margin=0.02), "baseline"),
        (Rule(goal="not-worse", margin=0.02, baseline="M1"), "Did you mean 'm1'"),
        (Rule(baseline="m0"), "only for the goal"),
    ],
)
def test_a_rule_that_lacks_something_is_refused(by: Rule, said: str) -> None:
    with pytest.raises(InputError) as caught:
        NotWorse(["m0", "m1"], by, 10)

    assert said in f"{caught.value.what} {caught.value.next_move}"
