"""Unequal chances leave every claim about all items: wealth cannot be expected to grow, means are right on average."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from weighbridge.errors import InputError
from weighbridge.stats import Contest, NotWorse, Rule, Verdict
from weighbridge.stats.arrays import Floats
from weighbridge.stats.bets import Bets
from weighbridge.stats.discordance import EarlierScores
from weighbridge.stats.draws import LEAST_CHANCE, Draws, by_weight, chances, effective, thin
from weighbridge.stats.plan import make_plan
from weighbridge.stats.weighted_means import WeightedFinite, WeightedWork

PLAN = {finite: make_plan(0.0225, 0.025, finite) for finite in (False, True)}


def wealth(y: Floats, draws: Draws, *, finite: bool) -> Floats:
    """Evidence against "the mean is at most 0" after every draw."""
    bets = Bets(np.array([-1.0]), draws.total, PLAN[finite], finite=finite, spread=0.5, draws=draws)
    seen = []
    for value in y.tolist():
        bets.add(np.array([value]))
        seen.append(float(bets.evidence[0]))
    return np.array(seen)


def chance_of(draws: Draws) -> float:
    """Of an order of a finite set: each draw has (1 / weight) / left of what is left."""
    left = np.arange(draws.total, 0, -1)
    return float(np.prod(1.0 / draws.weight / left))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((1.0, 1.0, 0.0, -1.0, -1.0), id="sums-to-0"),
        pytest.param((1.0, -0.5, 0.2, -0.9, 0.0), id="below-0"),
    ],
)
def test_on_a_finite_set_wealth_is_not_expected_to_grow_whatever_the_weights(values: tuple[float, ...]) -> None:
    """Exact: every order with its probability. The weights go with the values, the worst that can happen."""
    y = np.array(values)
    discordance = np.array([0.5, 0.4, 0.01, 0.05, 0.2])
    expected, total = np.zeros(5), 0.0
    for order in permutations(range(5)):
        uniform = np.empty(5)
        for rank, place in enumerate(order):  # far enough apart to come in this order, whatever the weight
            uniform[place] = np.exp(-(4.0**rank))
        drawn, draws = by_weight(discordance, uniform)
        assert tuple(drawn.tolist()) == order
        chance = chance_of(draws)
        total += chance
        expected += chance * wealth(y[drawn], draws, finite=True)

    assert total == pytest.approx(1.0)
    assert (expected <= 1.0 + 1e-9).all()
    assert (expected > 0.99).all() if y.sum() == 0 else (expected < 1.0).all()


def test_for_work_wealth_is_not_expected_to_grow_though_predictions_know_who_is_ahead() -> None:
    """Exact: every set of five items drawn from three kinds, every toss of the coins. On average nobody is ahead, and
    yet the first is ahead just where a difference was predicted."""
    kinds = [(0.5, 1.0, 0.25), (0.02, -1.0, 0.25), (0.1, 0.0, 0.5)]  # predicted, value, share of the work
    expected, total = 0.0, 0.0
    for items in product(range(3), repeat=5):
        discordance, y, share = (np.array([kinds[kind][field] for kind in items]) for field in range(3))
        chance = chances(discordance)
        for tosses in product((True, False), repeat=5):
            asked, draws = thin(discordance, np.where(tosses, 0.0, 0.999999))
            if (chance[~np.array(tosses)] == 1.0).any():
                continue
            weight = float(np.prod(share) * np.prod(np.where(tosses, chance, 1.0 - chance)))
            total += weight
            expected += weight * (wealth(y[asked], draws, finite=False)[-1] if len(asked) else 1.0)

    assert total == pytest.approx(1.0)
    assert expected == pytest.approx(1.0, abs=1e-4)
    assert expected <= 1.0 + 1e-9


def hard_and_easy(rng: np.random.Generator, items: int) -> tuple[Floats, Floats]:
    """Scores (items, 2) that go with the prediction: where a difference is likely, both are mostly wrong."""
    discordance = rng.choice([0.02, 0.5], items)
    hard = discordance > 0.1
    scores = np.where(hard[:, None], rng.random((items, 2)) < (0.3, 0.2), rng.random((items, 2)) < 0.95)
    return discordance, scores.astype(float)


@pytest.mark.parametrize("finite", [False, True], ids=["work", "items"])
def test_the_mean_is_that_of_all_items_and_not_of_those_that_came_up(finite: bool) -> None:
    """400 runs stopped after 60 draws: the plain mean of what was drawn is off by more than three points."""
    rng = np.random.default_rng(3)
    weighted, plain = [], []
    for _ in range(400):
        discordance, scores = hard_and_easy(rng, 200)
        truth = scores[:, 0].mean() if finite else (0.3 + 0.95) / 2
        order, draws = (by_weight if finite else thin)(discordance, 1.0 - rng.random(200))
        means = (WeightedFinite if finite else WeightedWork)(1, draws)
        means.add(scores[order[:60], :1], np.ones(1, dtype=np.bool_))
        weighted.append((means.mean(0) or 0.0) - truth)
        plain.append(scores[order[:60], 0].mean() - truth)

    assert abs(np.mean(weighted)) < 3 * np.std(weighted) / 400**0.5
    assert np.mean(plain) < -0.03


def test_once_all_of_a_finite_set_is_drawn_its_mean_is_known() -> None:
    rng = np.random.default_rng(4)
    discordance, scores = hard_and_easy(rng, 50)
    order, draws = by_weight(discordance, 1.0 - rng.random(50))

    contest = Contest(("a", "b"), Rule(scope="items", futility=False, alpha=1e-9), 50, draws)
    for row in scores[order].tolist():
        contest.add(row)
    verdict = contest.finish()

    assert [one.mean for one in verdict.estimates] == pytest.approx(scores.mean(axis=0).tolist())
    assert verdict.comparisons[0].difference == pytest.approx(float(np.diff(scores[:, ::-1].mean(axis=0))[0]))
    assert verdict.basis == "exhausted"


def missed(runs: int, *, finite: bool, gaps: float = 0.0) -> float:
    """Share of runs in which an 80% interval ever leaves out the mean, looked at seven times; `gaps` scores missing."""
    rng, bad = np.random.default_rng(8), 0
    for _ in range(runs):
        discordance, scores = hard_and_easy(rng, 300)
        values = np.where(rng.random(300) < gaps, np.nan, scores[:, 0])
        truth = np.nanmean(values) if finite else (0.3 + 0.95) / 2
        order, draws = (by_weight if finite else thin)(discordance, 1.0 - rng.random(300))
        means = (WeightedFinite if finite else WeightedWork)(1, draws)
        out, before = False, 0
        for look in (5, 10, 20, 40, 80, 150, len(order)):
            means.add(values[order[before:look], None], np.ones(1, dtype=np.bool_))
            interval, before = means.interval(0, 0.2), look
            out |= not interval.low - 1e-9 <= truth <= interval.high + 1e-9
        bad += out
    return bad / runs


@pytest.mark.slow
@pytest.mark.parametrize("finite", [False, True], ids=["work", "items"])
@pytest.mark.parametrize("gaps", [0.0, 0.1], ids=["all-scored", "some-missing"])
def test_intervals_of_weighted_means_cover_at_every_look(finite: bool, gaps: float) -> None:
    assert missed(300, finite=finite, gaps=gaps) <= 0.2


def play(scores: Floats, discordance: Floats, rule: Rule, rng: np.random.Generator) -> tuple[Verdict, int]:
    """The verdict on scores whose order goes by the predictions, and how many items it took."""
    items = len(scores)
    if rule.scope == "items":
        order, draws = by_weight(discordance, 1.0 - rng.random(items))
        contest = Contest(("a", "b"), rule, items, draws)
    else:
        shuffled = rng.permutation(items)
        asked, draws = thin(discordance[shuffled], rng.random(items))
        order = shuffled[asked]
        contest = Contest(("a", "b"), rule, len(order), draws)
    for row in scores[order].tolist():
        contest.add(row)
        if contest.decided:
            break
    return contest.finish(), contest.drawn


@pytest.mark.slow
@pytest.mark.parametrize("predictions", ["good", "misleading", "of-the-answers"])
def test_equal_candidates_have_a_winner_in_at_most_alpha_of_runs(predictions: str) -> None:
    """Sign-flip null, 300 runs that nothing ends early, alpha 0.1, three standard errors; one kind knows all gaps."""
    rng, wins = np.random.default_rng(9), 0
    rule = Rule(alpha=0.1, futility=False)
    for _ in range(300):
        discordance, scores = hard_and_easy(rng, 150)
        flip = rng.random(150) < 0.5
        scores[flip] = scores[flip][:, ::-1]
        known = {"good": discordance, "misleading": 0.52 - discordance, "of-the-answers": np.ptp(scores, axis=1) + 0.01}
        wins += play(scores, known[predictions], rule, rng)[0].winner is not None

    assert wins / 300 <= 0.1 + 3 * (0.1 * 0.9 / 300) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["work", "items"])
def test_a_lead_where_differences_were_predicted_is_no_lead_of_all(scope: str) -> None:
    """The first is ahead on hard items and behind on easy ones: on all together nobody is. A test that forgot the
    weights would name the first, whose items come up more often."""
    rng, wins = np.random.default_rng(10), 0
    rule = Rule(alpha=0.1, scope=scope, futility=False)  # type: ignore[arg-type]
    for _ in range(200):
        hard = rng.permutation(np.repeat([True, False], 100))
        ahead = rng.random(200) < 0.4
        scores = np.where(hard[:, None], [[1.0, 0.0]], [[0.0, 1.0]]) * ahead[:, None]
        if scope == "items":
            scores[hard] = scores[~hard][:, ::-1]
        found = play(scores, np.where(hard, 0.5, 0.02), rule, rng)[0]
        wins += found.winner is not None and found.basis == "certified"

    assert wins / 200 <= 0.1 + 3 * (0.1 * 0.9 / 200) ** 0.5


@pytest.mark.parametrize("scope", ["work", "items"])
def test_wrong_predictions_cost_calls_and_nothing_else(scope: str) -> None:
    """One candidate is better wherever they differ; 40 runs each."""
    rng = np.random.default_rng(12)
    rule = Rule(scope=scope)  # type: ignore[arg-type]
    drawn = dict.fromkeys(("good", "wrong"), 0)
    for _ in range(40):
        discordance = rng.choice([0.02, 0.5], 400, p=(0.6, 0.4))
        differ = rng.random(400) < discordance
        scores = np.column_stack([differ, np.zeros(400)]) * (rng.random(400) < 0.75)[:, None]
        for kind, predicted in (("good", discordance), ("wrong", 0.52 - discordance)):
            verdict, took = play(scores, predicted, rule, rng)
            assert verdict.winner == "a"
            drawn[kind] += took

    assert drawn["good"] < 0.9 * drawn["wrong"]


def test_predictions_that_are_all_alike_are_equal_chances() -> None:
    order, draws = by_weight(np.full(20, 0.3), np.linspace(0.99, 0.01, 20))
    asked, passing = thin(np.full(20, 0.3), np.full(20, 0.5))

    assert order.tolist() == list(range(20))
    assert draws.weight.tolist() == pytest.approx([1.0] * 20)
    assert len(asked) == 20 or passing.weight.max() < 1.0 / LEAST_CHANCE


def test_no_chance_is_ever_zero_and_no_weight_without_bounds() -> None:
    discordance = np.array([0.5, 0.0, 0.0, 0.5, 0.0, 0.0])

    _, finite = by_weight(discordance, np.linspace(0.1, 0.9, 6))

    assert chances(discordance).min() == LEAST_CHANCE
    assert (finite.weight <= finite.most + 1e-12).all()
    assert finite.most.max() <= 2.5 + 1e-9
    assert effective(finite.weight) <= 6.0


def test_a_chance_knows_nothing_of_later_items() -> None:
    """Otherwise the next item would be no draw from the work, and the claim not about it."""
    rng = np.random.default_rng(5)
    first = rng.random(30)

    alone = chances(first)
    followed = chances(np.concatenate([first, rng.random(30)]))

    assert followed[:30].tolist() == alone.tolist()


def test_a_forecast_that_was_measured_on_random_order_takes_no_other() -> None:
    _, draws = by_weight(np.full(10, 0.2), np.linspace(0.1, 0.9, 10))

    with pytest.raises(InputError, match="near-best"):
        Contest(("a", "b"), Rule(goal="near-best", scope="items"), 10, draws)
    with pytest.raises(InputError, match="10 items, and 9"):
        NotWorse(("a", "b"), Rule(goal="not-worse", baseline="a", margin=0.1, scope="items"), 9, draws)


def test_not_worse_holds_for_weighted_draws() -> None:
    rng = np.random.default_rng(6)
    asked, draws = thin(rng.choice([0.02, 0.5], 600), rng.random(600))
    contest = NotWorse(("open", "closed"), Rule(goal="not-worse", baseline="closed", margin=0.1), len(asked), draws)
    for right in (rng.random(len(asked)) < 0.8).tolist():
        contest.add([float(right), float(right)])
        if contest.decided:
            break

    assert contest.finish().decision == "not-worse"
    assert contest.drawn < 200


def test_items_on_which_earlier_candidates_differed_are_predicted_to_tell_most() -> None:
    """Twice the variance, shrunk; an item that nobody answered counts as it was thought to be before."""
    earlier = EarlierScores(3)
    for first, second in ((1.0, 1.0), (0.0, 1.0), (1.0, 1.0), (0.0, 1.0)):
        earlier.add(0, first)
        earlier.add_all(np.array([np.nan, second, np.nan]))

    split, agreed, unknown = earlier.predict().tolist()

    assert split == pytest.approx(2 * (1.0 + 0.15) / 4)
    assert agreed == pytest.approx(2 * 0.15 / 4)
    assert unknown == pytest.approx(0.3)
    assert earlier.telling == 2


@pytest.mark.parametrize("scope", ["work", "items"])
def test_the_mean_of_a_challenger_that_is_settled_stays_as_it_was(scope: str) -> None:
    """It is asked no more; items that come later are none it failed on."""
    rng = np.random.default_rng(1)
    discordance, coins = rng.choice([0.02, 0.5], 400), 1.0 - rng.random(400)
    order, draws = thin(discordance, coins) if scope == "work" else by_weight(discordance, coins)
    rule = Rule(goal="not-worse", baseline="base", margin=0.02, scope=scope, futility=False)  # type: ignore[arg-type]
    contest = NotWorse(("base", "bad", "near"), rule, len(order), draws)
    settled = None
    for _ in range(200):
        contest.add([1.0, float(rng.random() < 0.3), float(rng.random() < 0.97)])
        if settled is None and "bad" not in contest.active:
            settled = contest.verdict().estimates[1]

    assert settled is not None
    assert contest.verdict().estimates[1] == settled
    assert not contest.decided


def test_where_items_were_passed_over_not_worse_does_not_say_that_all_were_drawn() -> None:
    asked, draws = thin(np.array([0.5] + [0.01] * 8), np.full(9, 0.59))
    asked, draws = asked[:4], draws.first(4)
    contest = NotWorse(("a", "b"), Rule(goal="not-worse", baseline="a", margin=0.1), len(asked), draws)
    for _ in range(len(asked)):
        contest.add([1.0, 1.0])

    assert contest.finish().reason.startswith("All that came up were asked.")
