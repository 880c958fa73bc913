"""Who can be left out when something close to the best is good enough: the forecast behind the goal `near-best`.

For the leader and each rival, the difference of their means over all the items is predicted from the paired differences
so far, shrunk towards the other candidates (empirical Bayes on the spread between them), with the uncertainty of what
was not drawn. A rival is left out once the forecast gives it at most RISK x (share of items left) chance to be more
than REACH times the regret ahead: the risk is taken for the calls it saves, and those grow fewer. It is a forecast: it
is calibrated over many comparisons, and guarantees nothing for each of them.

Sources: Even-Dar, Mannor and Mansour (2006), Action elimination and stopping conditions for reinforcement learning;
Efron and Morris (1975), Data analysis using Stein's estimator. RISK and REACH were set on recorded scores, so that the
chosen one was more than twice the regret below the best in at most 2% of runs (docs/stats.md has the table).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .arrays import Floats

FIRST_LEFT_OUT = 10
"""Items before anyone is left out."""
RISK = 0.018
REACH = 1.5
LEAST_SPREAD = 0.02
"""Candidates' true means are taken to differ by this much at least (standard deviation)."""
LEAST_LEFT = 0.01
"""Share of items left below which the risk falls no further."""
_NORMAL = NormalDist()


def out_of_reach(
    sums: Floats,
    squares: Floats,
    counts: Floats,
    *,
    leader: int,
    rivals: npt.NDArray[np.int64],
    total: int,
    drawn: int,
    regret: float,
) -> npt.NDArray[np.int64]:
    """Those of `rivals` that are most likely not better than the leader by more than the regret.

    sums, squares, counts: (k, k) paired differences so far, [i, j] is i minus j. total: items there are.
    """  # fmt: skip
    n = np.maximum(counts[rivals, leader], 1.0)
    gap = sums[rivals, leader] / n
    square = (squares[rivals, leader] + 1.0) / (n + 4.0)
    spread = 2.0 * _between(sums, counts, np.append(rivals, leader), float(np.mean(square / n)) / 2.0)
    trust = spread / (spread + square / n)
    left = 1.0 - drawn / total
    mean = gap * (1.0 - left + left * trust)
    variance = left**2 * spread * (1.0 - trust) + left * square / total
    needed = _NORMAL.inv_cdf(1.0 - RISK * max(left, LEAST_LEFT))
    beaten = REACH * regret - mean >= needed * np.sqrt(variance)
    out: npt.NDArray[np.int64] = rivals[beaten & (counts[rivals, leader] >= FIRST_LEFT_OUT)]
    return out


def _between(sums: Floats, counts: Floats, asked: npt.NDArray[np.int64], noise: float) -> float:
    """Variance of the candidates' true means, from those seen; noise: variance of one seen mean about its true one."""
    block = np.ix_(asked, asked)
    ahead = (sums[block] / np.maximum(counts[block], 1.0)).mean(axis=1)  # of the average of those asked
    seen = float((ahead**2).sum()) / max(len(asked) - 1, 1)
    return max(seen - noise, LEAST_SPREAD**2)
