"""Wealth is fair: exact enumeration of small cases, and many replicates at once for the error at any stopping time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
import pytest

from weighbridge.stats.bets import Bets
from weighbridge.stats.plan import make_plan

LEVEL = 0.025


def make_bets(rows: int, total: int, *, finite: bool = False, floor: float = -1.0) -> Bets:
    plan = make_plan(0.9 * LEVEL, LEVEL, finite)
    return Bets(np.full(rows, floor), total, plan, finite=finite, spread=0.1)


def play(sequences: np.ndarray, *, total: int, finite: bool = False, floor: float = -1.0) -> np.ndarray:
    """Evidence after every item, (items, sequences); each sequence is a row of the bets."""
    bets = make_bets(len(sequences), total, finite=finite, floor=floor)
    path = []
    for item in sequences.T:
        bets.add(item.astype(float))
        path.append(bets.evidence.copy())
    return np.array(path)


@pytest.mark.parametrize(
    ("values", "chances"),
    [
        pytest.param((-1.0, 0.0, 1.0), (0.3, 0.4, 0.3), id="right-or-wrong"),
        pytest.param((-1.0, 0.5), (1 / 3, 2 / 3), id="one-large-loss-for-two-small-gains"),
        pytest.param((-0.2, 1.0), (5 / 6, 1 / 6), id="one-large-gain-for-five-small-losses"),
    ],
)
def test_expected_wealth_stays_one_when_the_mean_is_zero(values: Sequence[float], chances: Sequence[float]) -> None:
    """All sequences of 8 items, weighted by their chance: the definition of a fair game, without sampling error."""
    sequences = np.array(list(product(range(len(values)), repeat=8)))
    weights = np.array(chances)[sequences].prod(axis=1)

    path = play(np.array(values)[sequences], total=8)

    assert path @ weights == pytest.approx(np.ones(8))


def test_expected_wealth_falls_when_the_mean_is_below_zero() -> None:
    sequences = np.array(list(product((-1.0, 1.0), repeat=8)))
    weights = np.where(sequences > 0, 0.4, 0.6).prod(axis=1)

    expected = play(sequences, total=8) @ weights

    assert np.all(np.diff(np.concatenate([[1.0], expected])) < 0)


@pytest.mark.parametrize(
    ("items", "fair"),
    [
        pytest.param((1.0, 1.0, -1.0, -1.0, 0.5, -0.5, 0.0), True, id="sum-0"),
        pytest.param((1.0, -0.25, -0.25, -0.25, -0.25, 0.0, 0.0), True, id="sum-0-skewed"),
        pytest.param((1.0, 1.0, -1.0, -1.0, -0.5, -0.5, 0.0), False, id="sum-below-0"),
    ],
)
def test_drawing_a_finite_set_whose_sum_is_not_above_zero_earns_nothing(items: Sequence[float], fair: bool) -> None:
    """All 5,040 orders of seven items."""
    orders = np.array(list(permutations(items)))

    expected = play(orders, total=7, finite=True)[:-1].mean(axis=1)

    if fair:
        assert expected == pytest.approx(np.ones(6))
    else:
        assert np.all(expected <= 1.0)


@pytest.mark.parametrize("finite", [False, True], ids=["work", "items"])
@pytest.mark.parametrize("discordant", [1.0, 0.3, 0.05])
def test_wealth_hardly_ever_reaches_its_goal_at_any_look(finite: bool, discordant: float) -> None:
    """20,000 null runs of 200 items, watched after each: at most 2.5%, plus three standard errors (0.33%)."""
    rng = np.random.default_rng(7)
    runs, total = 20_000, 200
    values = rng.choice([-1.0, 1.0], (runs, total)) * (rng.random((runs, total)) < discordant)
    if finite:  # a set with sum 0: as many losses as gains, in random order
        half = round(discordant * total / 2)
        values = np.tile(np.repeat([1.0, -1.0, 0.0], [half, half, total - 2 * half]), (runs, 1))
        values = rng.permuted(values, axis=1)

    reached = (play(values, total=total, finite=finite) >= 1 / LEVEL).any(axis=0)

    assert reached.mean() <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / runs) ** 0.5


def test_a_clear_difference_is_found_early() -> None:
    """A test that never finds anything would pass all the others."""
    rng = np.random.default_rng(3)
    values = np.where(rng.random((2_000, 400)) < 0.65, 1.0, -1.0)  # mean 0.3, so the full set's z-score is about 6

    path = play(values, total=400)

    first = np.argmax(path >= 1 / LEVEL, axis=0)
    assert (path >= 1 / LEVEL).any(axis=0).mean() > 0.99
    assert first.mean() < 0.35 * 400


def test_wealth_is_never_negative_and_never_infinite() -> None:
    """Worst losses and best gains in a row, with a floor near 0 (a margin close to 1)."""
    rng = np.random.default_rng(1)
    for finite in (False, True):
        for floor in (-1.0, -0.02):
            values = rng.choice([floor, 1.0], (50, 300))
            values[0], values[1] = floor, 1.0
            path = play(values, total=300, finite=finite, floor=floor)
            assert np.all(path >= 0)
            assert np.all(np.isfinite(path))
