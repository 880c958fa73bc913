"""A promise about quality kept, tested on samples that nothing was learned from (learn, then test).

    kept        E[score of what is routed] / E[score of the strong model]
    null        E[q - keep s] <= 0, q the routed score and s the strong model's, both in [0, 1]
    evidence    wealth of bets against the null, item after item in a drawn order: 1 / its peak is a p-value (Ville's
                inequality). Several orders make one p-value together
    threshold   settings are tested from the safest on, each at alpha, and the last one before the first failure is
                taken: the chance that it breaks the promise is at most alpha, however many were tested

Valid for work like the calibration samples: independent draws from the same stream. It says nothing about prompts of
another kind, a model that was changed behind its name, or any single answer.

Sources: Angelopoulos et al. (2021), Learn then test; Waudby-Smith and Ramdas (2024), Estimating means of bounded random
variables by betting; Gasparin, Wang and Ramdas (2025), Combining exchangeable p-values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .arrays import Floats, Whole

MOST_STAKED = 0.75
"""Share of the wealth, were the worst to happen."""
LOG_GOAL = float(np.log(20.0))
"""Stakes are sized to reach 20, for alpha 0.05; other levels are as valid, and a little blunter."""
PRIOR_ITEMS, PRIOR_VARIANCE = 4.0, 0.05
BISECTIONS = 20
ORDERS = 8
"""Drawn orders of the items: one alone may be lucky or not."""


class Tested(NamedTuple):
    """What became of a sequence of settings."""

    chosen: int | None
    """The last one before the first failure; None when the safest fails."""
    bound: float
    """Lower bound on the quality kept: of the chosen setting, else of the safest."""


def refutes(routed: Floats, strong: Floats, keep: float, alpha: float) -> bool:
    """Whether scores (n,) show that more than `keep` of the strong model's quality is kept."""
    return _p_value(routed, strong, keep) <= alpha


def lower_bound(routed: Floats, strong: Floats, alpha: float) -> float:
    """Largest share of quality kept that is shown with error at most alpha; 0 when nothing is. At most 2."""
    low, high = 0.0, 2.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if refutes(routed, strong, middle, alpha) else (low, middle)
    return low


def fixed_sequence(routed: Sequence[Floats], strong: Floats, keep: float, alpha: float) -> Tested:
    """routed: scores (n,) under each setting, the safest first, in an order chosen without these samples."""
    chosen = None
    for place, scores in enumerate(routed):
        if not refutes(scores, strong, keep, alpha):
            break
        chosen = place
    taken = routed[chosen or 0]
    bound = min(lower_bound(taken, strong, alpha), float(taken.mean() / strong.mean()))
    return Tested(chosen, bound if chosen is None else max(bound, keep))


def _p_value(routed: Floats, strong: Floats, keep: float) -> float:
    """Of the null that no more than `keep` is kept; the orders are joined as exchangeable p-values may be: twice their
    mean, at whichever of them it is smallest."""
    count = len(routed)
    if not count:
        return 1.0
    y = ((routed - keep * strong + keep) / (1.0 + keep))[_orders(count)]  # (ORDERS, n), in [0, 1]
    null = keep / (1.0 + keep)
    before = np.arange(count)
    mean = (null * PRIOR_ITEMS + np.cumsum(y, axis=1) - y) / (before + PRIOR_ITEMS)
    surprise = (y - mean) ** 2
    variance = (PRIOR_VARIANCE + np.cumsum(surprise, axis=1) - surprise) / (before + 1)
    stakes = np.minimum(np.sqrt(2 * LOG_GOAL / (variance * count)), MOST_STAKED / null)
    wealth = np.cumsum(np.log1p(stakes * (y - null)), axis=1).max(axis=1)
    each = np.exp(-np.clip(wealth, 0.0, 700.0))
    return float((2 * np.cumsum(each) / np.arange(1, ORDERS + 1)).min())


@lru_cache(4)
def _orders(count: int) -> Whole:
    """(ORDERS, count) drawn once for each count: recorded items often stand in an order that tells."""
    rng = np.random.default_rng(count)
    return np.array([rng.permutation(count) for _ in range(ORDERS)])
