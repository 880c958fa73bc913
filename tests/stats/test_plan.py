"""The plan keeps its promise about errors in the model it is made for, and does what common sense says."""

from __future__ import annotations

import numpy as np
import pytest

from weighbridge.stats.plan import STEPS, make_plan


@pytest.mark.parametrize("finite", [False, True], ids=["work", "items"])
@pytest.mark.parametrize("level", [0.02, 0.0025])
def test_the_goal_is_one_over_the_level(level: float, finite: bool) -> None:
    """A wealth of 1/level under a fair game is reached with probability at most level."""
    goal = np.exp(make_plan(level, level, finite).log_wealth[-1])

    assert 1 / level <= goal <= 1.05 / level


def test_giving_up_needs_less_bad_luck_as_items_run_out() -> None:
    plan = make_plan(0.0225, 0.025, False)
    hopeless = plan.hopeless[plan.hopeless >= 0]

    assert plan.hopeless[0] == -1
    assert np.all(np.diff(hopeless) >= -1e-9)
    assert hopeless[-1] < 1.96


def test_brownian_motion_that_stakes_by_the_plan_seldom_reaches_the_goal_and_often_enough() -> None:
    """Simulated without drift the goal is reached about as often as promised: nothing of the error is left unused."""
    level, runs, steps = 0.025, 20_000, 500
    plan = make_plan(level, level, False)
    rng = np.random.default_rng(0)
    log_wealth = np.zeros(runs)
    best = np.zeros(runs)

    for n in range(steps):
        stakes = np.interp(log_wealth, plan.log_wealth, plan.stakes[n * STEPS // steps])
        stakes[log_wealth >= plan.log_wealth[-1]] = 0.0
        move = rng.standard_normal(runs) / steps**0.5
        log_wealth += stakes * move - 0.5 * stakes**2 / steps
        best = np.maximum(best, log_wealth)

    reached = (best >= plan.log_wealth[-1] - 1e-9).mean()
    assert 0.4 * level < reached < level + 3 * (level / runs) ** 0.5
