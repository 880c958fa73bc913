"""What a contest says, through its front door: scores in, verdict out."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.errors import InputError
from weighbridge.stats import Contest, Rule, Verdict

NAN = math.nan


def run(contest: Contest, rows: Sequence[Sequence[float]] | np.ndarray) -> Verdict:
    """Add rows until it is decided, as the runner does."""
    for row in np.asarray(rows).tolist():
        contest.add(row)
        if contest.decided:
            break
    return contest.finish()


def coin_scores(*chances: float, items: int, seed: int = 0) -> np.ndarray:
    """0/1 scores (items, candidates), independent."""
    return (np.random.default_rng(seed).random((items, len(chances))) < chances).astype(float)


def make_contest(k: int = 2, *, total: int, **rule: object) -> Contest:
    return Contest([f"m{i}" for i in range(k)], Rule(**rule), total)


@pytest.mark.parametrize("scope", ["work", "items"])
def test_a_clearly_better_candidate_wins_with_a_fraction_of_the_items(scope: str) -> None:
    contest = make_contest(total=1_000, scope=scope)

    verdict = run(contest, coin_scores(0.8, 0.5, items=1_000))

    assert (verdict.decision, verdict.winner, verdict.basis) == ("winner", "m0", "certified")
    assert contest.drawn < 200
    assert verdict.reason.startswith("m0 is better than m1: 0.")


def test_the_deciding_pair_comes_first_and_agrees_with_the_decision() -> None:
    verdict = run(make_contest(3, total=2_000), coin_scores(0.8, 0.7, 0.2, items=2_000))

    pair = verdict.comparisons[0]
    assert verdict.winner == "m0"
    assert {pair.first, pair.second} == {"m0", "m1"}
    assert pair.evidence >= pair.threshold == 2 / 0.05
    assert pair.interval.low >= 0


@pytest.mark.parametrize("scope", ["work", "items"])
def test_evidence_and_interval_agree_at_every_look(scope: str) -> None:
    """Until the evidence reaches the threshold the interval holds 0; then it lies on the winner's side."""
    contest = make_contest(total=300, futility=False, scope=scope)

    for row in coin_scores(0.6, 0.42, items=300).tolist():
        contest.add(row)
        pair = contest.verdict().comparisons[0]
        certain = pair.evidence >= pair.threshold
        assert certain == contest.decided
        assert pair.interval.low >= 0 if certain else pair.interval.low <= 0 <= pair.interval.high
        assert pair.interval.low <= pair.difference <= pair.interval.high
    assert contest.verdict().winner == "m0"


@pytest.mark.parametrize("scope", ["work", "items"])
@pytest.mark.parametrize("futility", [True, False])
def test_equal_answers_never_have_a_winner_and_without_a_margin_never_tie(scope: str, futility: bool) -> None:
    contest = make_contest(total=200, scope=scope, futility=futility)

    verdict = run(contest, np.repeat(coin_scores(0.6, items=200), 2, axis=1))

    assert verdict.decision == "undecided"
    assert verdict.basis == ("futile" if futility else "exhausted")
    assert verdict.comparisons[0].difference == 0


def test_a_tie_is_certified_when_the_difference_surely_lies_within_the_margin() -> None:
    contest = make_contest(total=4_000, margin=0.1, futility=False)

    verdict = run(contest, coin_scores(0.6, 0.6, items=4_000))

    assert (verdict.decision, verdict.winner, verdict.basis) == ("tie", None, "certified")
    assert contest.drawn < 2_500
    interval = verdict.comparisons[0].interval
    assert -0.1 <= interval.low <= interval.high <= 0.1


def test_a_forecast_may_end_as_tie_only_with_a_margin() -> None:
    scores = coin_scores(0.6, 0.6, items=400, seed=5)

    with_margin = run(make_contest(total=400, margin=0.15), scores)
    without = run(make_contest(total=400), scores)

    assert (with_margin.decision, with_margin.basis) == ("tie", "futile")
    assert (without.decision, without.basis) == ("undecided", "futile")


def test_a_margin_too_small_to_be_certified_is_not_paid_for() -> None:
    """With 300 items the standard error is about 0.04: they cannot show that a difference is below 0.005."""
    contest = make_contest(total=300, margin=0.005)

    verdict = run(contest, coin_scores(0.6, 0.6, items=300, seed=2))

    assert (verdict.decision, verdict.basis) == ("undecided", "futile")
    assert contest.drawn < 300


def test_a_lead_within_the_margin_is_not_a_win() -> None:
    """m0 is better by 1 point beyond doubt; the user said that 5 points count as a tie."""
    scores = np.tile([[0.51, 0.50]], (3_000, 1))

    verdict = run(make_contest(total=3_000, margin=0.05), scores)

    assert verdict.decision == "tie"


@pytest.mark.parametrize(
    ("scores", "margin", "decision", "winner"),
    [
        pytest.param([[1, 0], [0, 1], [1, 0]], 0.0, "winner", "m0", id="ahead-on-three"),
        pytest.param([[1, 0], [0, 1]], 0.0, "undecided", None, id="even"),
        pytest.param([[1, 0], [0, 1]], 0.1, "tie", None, id="even-with-margin"),
        pytest.param([[0.5, 0.6]], 0.2, "tie", None, id="one-item-within-margin"),
        pytest.param([[NAN, 1], [1, NAN]], 0.0, "undecided", None, id="no-item-both-answered"),
    ],
)
def test_a_finite_set_that_was_drawn_to_the_end_is_known(
    scores: list[list[float]], margin: float, decision: str, winner: str | None
) -> None:
    verdict = run(make_contest(total=len(scores), scope="items", margin=margin), scores)

    assert (verdict.decision, verdict.winner) == (decision, winner)


def test_work_that_all_items_do_not_resolve_is_undecided() -> None:
    verdict = run(make_contest(total=3), [[1, 0], [0, 1], [1, 0]])

    assert (verdict.decision, verdict.winner, verdict.basis) == ("undecided", None, "exhausted")


def test_a_stopped_run_says_why() -> None:
    contest = make_contest(total=10)
    contest.add([1, 0])

    verdict = contest.finish(stopped="the limit of $2 was reached")

    assert (verdict.decision, verdict.basis) == ("undecided", "stopped")
    assert "the limit of $2 was reached" in verdict.reason
    assert "1 of 10" in verdict.reason


def test_a_verdict_stands_once_it_is_made() -> None:
    contest = make_contest(total=500)
    verdict = run(contest, np.tile([[1.0, 0.0]], (500, 1)))

    contest.add([0, 1])

    assert contest.finish(stopped="too late") == verdict == contest.verdict()


def test_losers_are_asked_no_more() -> None:
    contest = make_contest(4, total=3_000)
    asked = []

    for row in coin_scores(0.9, 0.8, 0.3, 0.2, items=3_000).tolist():
        asked.append(len(contest.active))
        contest.add(row)
        if contest.decided:
            break

    verdict = contest.finish()
    assert verdict.winner == "m0"
    assert asked[0] == 4
    assert 2 in asked
    assert asked == sorted(asked, reverse=True)
    out = {one.name: one.items for one in verdict.estimates if not one.active}
    assert out["m3"] < out["m1"]


def test_scores_of_candidates_that_are_out_are_ignored() -> None:
    """The runner may deliver an answer that was already on its way."""
    scores = coin_scores(0.9, 0.85, 0.1, items=600)

    given, silent = make_contest(3, total=600), make_contest(3, total=600)
    for row in scores.tolist():
        given.add(row)
        silent.add([value if name in silent.active else NAN for name, value in zip(silent.names, row, strict=True)])

    assert given.verdict() == silent.verdict()


def test_a_failed_sample_drops_the_item_for_its_pairs_only() -> None:
    contest = make_contest(3, total=5)

    for row in ([1, 0, 1], [1, NAN, 0], [NAN, NAN, NAN], [0, 1, NAN]):
        contest.add(row)
    verdict = contest.verdict()

    items = {(pair.first, pair.second): (pair.items, pair.difference) for pair in verdict.comparisons}
    assert items == {("m0", "m1"): (2, 0.0), ("m0", "m2"): (2, 0.5), ("m1", "m2"): (1, -1.0)}
    assert [one.items for one in verdict.estimates] == [3, 2, 2]
    assert [one.mean for one in verdict.estimates] == [pytest.approx(2 / 3), 0.5, 0.5]


@pytest.mark.parametrize("scope", ["work", "items"])
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_nothing_but_failures_is_undecided_and_knows_nothing(scope: str, margin: float) -> None:
    verdict = run(make_contest(3, total=40, scope=scope, margin=margin), np.full((40, 3), NAN))

    assert (verdict.decision, verdict.basis) == ("undecided", "exhausted")
    assert all(one.mean is None and one.interval == type(one.interval)(0.0, 1.0) for one in verdict.estimates)
    assert all(pair.difference is None and pair.evidence == 1.0 for pair in verdict.comparisons)


def test_an_empty_set_is_undecided() -> None:
    verdict = make_contest(total=0, scope="items").finish()

    assert (verdict.decision, verdict.basis) == ("undecided", "exhausted")


@pytest.mark.parametrize("bad", [1.0001, -0.1, math.inf, -math.inf])
def test_a_score_outside_the_scale_names_candidate_and_value(bad: float) -> None:
    contest = make_contest(total=5)
    contest.add([1, 0])

    with pytest.raises(InputError, match=f"score {bad!r} of candidate 'm1' is not in") as caught:
        contest.add([NAN, bad])

    assert caught.value.where == "item 2 in drawn order"
    assert contest.drawn == 1


def test_too_many_items_or_scores_are_refused() -> None:
    contest = make_contest(total=1)
    with pytest.raises(InputError, match="expected 2 scores, one per candidate, got 3"):
        contest.add([1, 0, 1])
    contest.add([1, 0])
    with pytest.raises(InputError, match="all 1 items were already added"):
        contest.add([1, 0])


@pytest.mark.parametrize(
    ("names", "rule", "message"),
    [
        (["a"], Rule(), "at least two candidates"),
        (["a", "a"], Rule(), "different names"),
        (["a", "b"], Rule(alpha=0.0), "alpha must lie between 0 and 1"),
        (["a", "b"], Rule(alpha=math.nan), "alpha must lie between 0 and 1"),
        (["a", "b"], Rule(margin=-0.1), "margin must be at least 0"),
        (["a", "b"], Rule(margin=math.nan), "margin must be at least 0"),
        (["a", "b"], Rule(margin=1.0), "margin must be at least 0 and below 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(names: list[str], rule: Rule, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Contest(names, rule, 10)


SCORES = st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 1.0, NAN])] * 3), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.sampled_from(["work", "items"]), st.sampled_from([0.0, 0.2]))
def test_any_scores_give_a_verdict_that_hangs_together(
    rows: list[tuple[float, ...]], scope: str, margin: float
) -> None:
    verdict = run(make_contest(3, total=len(rows), scope=scope, margin=margin), rows)

    assert (verdict.winner is not None) == (verdict.decision == "winner")
    assert verdict.basis is not None
    assert margin > 0 or verdict.decision != "tie"
    assert verdict.basis != "futile" or verdict.winner is None
    for one in verdict.estimates:
        assert 0 <= one.interval.low <= (one.mean if one.mean is not None else 0.5) <= one.interval.high <= 1
    for pair in verdict.comparisons:
        assert -1 <= pair.interval.low <= pair.interval.high <= 1
        assert math.isfinite(pair.evidence)


@settings(max_examples=40, deadline=None)
@given(SCORES, st.sampled_from(["work", "items"]), st.sampled_from(list(permutations(range(3)))))
def test_the_order_of_candidates_does_not_matter(
    rows: list[tuple[float, ...]], scope: str, order: tuple[int, ...]
) -> None:
    rule = Rule(scope=scope, alpha=0.4)
    names = ["a", "b", "c"]

    straight = run(Contest(names, rule, len(rows)), rows)
    turned = run(Contest([names[i] for i in order], rule, len(rows)), [[row[i] for i in order] for row in rows])

    assert (straight.decision, straight.winner, straight.basis) == (turned.decision, turned.winner, turned.basis)
    assert {one.name: one for one in straight.estimates} == {one.name: one for one in turned.estimates}


def test_the_same_scores_give_the_same_verdict() -> None:
    scores = coin_scores(0.6, 0.5, 0.55, items=300)

    assert run(make_contest(3, total=300), scores) == run(make_contest(3, total=300), scores)


@pytest.mark.slow
def test_a_million_items_need_no_more_memory_than_a_thousand() -> None:
    """Nothing in a contest grows with the number of items drawn."""
    sizes = []
    for items in (1_000, 10_000):
        contest = make_contest(total=1_000_000, futility=False)
        for i in range(items):
            contest.add([i % 2, (i + 1) % 2])
        sizes.append(len(pickle.dumps(contest)))

    assert sizes[0] == pytest.approx(sizes[1], abs=200), "9,000 items more would take 9,000 bytes at the very least"


def narrow_set(rng: np.random.Generator) -> np.ndarray:
    """240 items in random order, 39 won by m0 and 27 by m1: it is ahead, and a paired z-test says 1.5."""
    return rng.permutation(np.array([[1.0, 0.0]] * 39 + [[0.0, 1.0]] * 27 + [[1.0, 1.0]] * 174))


def test_of_a_finite_set_a_lead_within_chance_is_seldom_named_although_it_is_certain() -> None:
    """Near the end of a small set the first is sure to stay ahead; that all the items show no more than chance is what
    a reader wants to know. Without forecasts the certain lead is named."""
    rng = np.random.default_rng(2)
    orders = [narrow_set(rng) for _ in range(40)]

    held = [run(make_contest(total=240, scope="items"), rows) for rows in orders]
    named = [run(make_contest(total=240, scope="items", futility=False), rows) for rows in orders]

    assert sum(one.winner is not None for one in held) <= 8
    assert sum(one.winner is not None for one in named) == 40


def test_a_lead_within_chance_on_a_set_drawn_to_its_end_is_known_and_not_called_certified() -> None:
    """`certified` says that all the items show more than chance, and of these nobody forecast it: all were drawn."""
    rows = np.random.default_rng(3).permutation(np.array([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 3 + [[1.0, 1.0]] * 31))

    verdict = run(make_contest(total=40, scope="items", min_items=40), rows)

    assert verdict.comparisons[0].evidence >= verdict.comparisons[0].threshold
    assert (verdict.decision, verdict.winner, verdict.basis) == ("winner", "m0", "exhausted")


def test_of_three_a_lead_that_was_held_back_is_said_as_what_the_bets_have_shown() -> None:
    """They are against being the best of all, not against scoring like the leader."""
    verdict = run(make_contest(3, total=58, scope="items"), coin_scores(0.4, 0.5, 0.6, items=58, seed=8))

    assert verdict.basis == "futile"
    assert verdict.reason.startswith("m1 is for certain not the best, but of it and m2 all 58 items would most likely")


def test_a_lead_that_was_held_back_is_named_when_the_run_is_stopped() -> None:
    """What is certain may be said at any moment; the money is gone, so there is nothing to wait for."""
    contest = make_contest(total=240, scope="items")
    rng = np.random.default_rng(0)
    while not holds_back(contest):
        contest = make_contest(total=240, scope="items")
        for row in narrow_set(rng).tolist():
            contest.add(row)
            if contest.decided or holds_back(contest):
                break

    verdict = contest.finish("the money ran out")

    assert (verdict.decision, verdict.basis) == ("winner", "certified")


def holds_back(contest: Contest) -> bool:
    """Whether the evidence is there and nobody is named."""
    pair = contest.verdict().comparisons[0]
    return not contest.decided and pair.evidence >= pair.threshold


@pytest.mark.parametrize("scope", ["work", "items"])
def test_grades_of_half_the_scale_take_hardly_more_items(scope: str) -> None:
    """A judge that never goes below 0.5 tells as much as one that uses the whole scale; what is typical is learnt."""
    scores = coin_scores(0.6, 0.45, items=600, seed=4)
    whole, half = make_contest(total=600, scope=scope), make_contest(total=600, scope=scope)

    verdicts = [run(whole, scores), run(half, 0.5 + scores / 2)]

    assert [one.winner for one in verdicts] == ["m0", "m0"]
    assert half.drawn <= 1.25 * whole.drawn
