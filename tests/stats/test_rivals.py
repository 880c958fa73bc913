"""Evidence against being best is fair although the opponent is chosen by the data: exact enumeration."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from weighbridge.stats.rivals import Rivals

PAIRS = [(0, 1), (0, 2), (1, 2)]


def make_rivals(total: int, *, finite: bool, margin: float = 0.0) -> Rivals:
    return Rivals(PAIRS, total, margin, level=0.025, finite=finite, spread=0.1)


def evidence(items: np.ndarray, *, finite: bool) -> np.ndarray:
    """(items, 3) e-values after every item."""
    rivals = make_rivals(len(items), finite=finite)
    path = []
    for row in items:
        rivals.add(np.array(row, dtype=float))
        path.append(rivals.evidence.copy())
    return np.array(path)


def test_three_equal_candidates_earn_nothing_against_each_other() -> None:
    """All 4,096 outcomes of four items for three coins of the same chance: expected wealth is 1 after each item."""
    rows = np.array(list(product((0.0, 1.0), repeat=3)))
    runs = [evidence(rows[list(choice)], finite=False) for choice in product(range(8), repeat=4)]

    assert np.mean(runs, axis=0) == pytest.approx(np.ones((4, 3)))


def test_the_best_candidate_is_bet_on_at_a_loss_the_worst_at_a_gain() -> None:
    rows = np.array(list(product((0.0, 1.0), repeat=3)))
    chances = np.where(rows > 0, (0.9, 0.5, 0.1), (0.1, 0.5, 0.9)).prod(axis=1)

    expected = np.zeros(3)
    for choice in product(range(8), repeat=4):
        expected += chances[list(choice)].prod() * evidence(rows[list(choice)], finite=False)[-1]

    assert expected[0] < 1 < expected[2]


def test_all_orders_of_a_finite_set_with_equal_sums_earn_nothing() -> None:
    """720 orders of six items on which all three candidates have the same sum; a missing score among them."""
    items = [(1, 0, 0.5), (0, 1, 0.5), (1, 1, 0), (0, 0, 1), (0.5, 0.5, 0.5), (np.nan, np.nan, np.nan)]
    runs = [evidence(np.array(order), finite=True)[:-1] for order in permutations(items)]

    assert np.mean(runs, axis=0) == pytest.approx(np.ones((5, 3)))


def test_a_candidate_that_is_out_is_nobodys_opponent_and_its_evidence_stays() -> None:
    rivals = make_rivals(50, finite=False)
    for _ in range(5):
        rivals.add(np.array([1.0, 0.5, 0.0]))
    rivals.drop(0)
    before = rivals.evidence.copy()

    rivals.add(np.array([np.nan, 0.0, 1.0]))

    assert rivals.evidence[0] == before[0]
    assert rivals.evidence[1] > before[1]
    assert rivals.leaders() == [1]


def test_pairs_on_the_edge_of_the_margin_earn_nothing_by_betting_on_a_tie() -> None:
    """Differences of exactly the margin: all 16 outcomes of four items with mean difference 0.5."""
    values = [(1.0, 0.0, 0.0), (0.5, 0.5, 0.0)]  # mean differences 0.5, 0.75 and 0.25
    paths = []
    for choice in product(range(2), repeat=4):
        rivals = make_rivals(4, finite=False, margin=0.5)
        for c in choice:
            rivals.add(np.array(values[c]))
        paths.append(rivals.within((0, 1)))

    above, below = np.mean(paths, axis=0)
    assert below == pytest.approx(1.0)
    assert above > 1.0
