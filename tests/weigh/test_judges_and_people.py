"""The verdict by people keeps its error rate, whenever the judges' verdict ended the run."""

from __future__ import annotations

import numpy as np

from weighbridge.stats import Contest, Rule
from weighbridge.weigh.judges.people import Tables, held_against_people

ITEMS, LABELS, RUNS = 300, 40, 150


def world(rng: np.random.Generator, better: float) -> Tables:
    """Two candidates; people prefer the first by `better`, the judge by 0.12 more than people, with noise of its own.
    The run ends when the judge is satisfied; the first LABELS items have labels."""
    hard = rng.normal(0, 0.15, (ITEMS, 1))
    people = np.clip(0.5 + np.array([better / 2, -better / 2]) + hard + rng.normal(0, 0.15, (ITEMS, 2)), 0, 1)
    judged = np.clip(people + np.array([0.06, -0.06]) + rng.normal(0, 0.08, (ITEMS, 2)), 0, 1)
    contest = Contest(("a", "b"), Rule(), ITEMS)
    for scores in judged:
        contest.add(scores.tolist())
        if contest.decided:
            break
    weighed = np.arange(ITEMS) < contest.drawn
    labelled = np.arange(ITEMS) < LABELS
    people[~labelled] = np.nan
    judged[~(weighed | labelled)] = np.nan
    return Tables(("a", "b"), people, judged, weighed)


def winners(better: float, seed: int) -> list[str | None]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(RUNS):
        check = held_against_people(world(rng, better), "labels.csv", alpha=0.05, steps=9, ignored=0, looked_early=True)
        assert check is not None
        found.append(check.winner)
    return found


def test_a_judge_with_a_liking_makes_no_winner_of_equals() -> None:
    """At most 5%: 9% is three standard errors above."""
    named = winners(0.0, seed=1)

    assert sum(name is not None for name in named) <= 0.09 * RUNS


def test_what_people_see_is_found_with_a_few_labels() -> None:
    named = winners(0.2, seed=2)

    assert named.count("a") >= 0.8 * RUNS
    assert named.count("b") == 0
