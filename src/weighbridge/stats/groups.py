"""Who is better within each group of items (a language, a category), corrected for how many groups were looked at.

Group sizes depend on when the run stopped, so tests for a fixed size would be wrong here: each group gets an e-value,
valid at whatever moment one looks, and the e-values pass through Holm's step-down procedure (an e-value e counts as
the p-value 1/e: Vovk and Wang 2021, E-values: calibration, combination and applications).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from .arrays import Floats
from .bets import stake_grid
from .intervals import mean_interval
from .records import Interval


class GroupComparison(msgspec.Struct, frozen=True):
    """Scores within one group: a description, and who is better after correction for the number of groups."""

    group: str
    items: int
    """Items of the group that were drawn."""
    means: dict[str, float | None]
    """None where the candidate has no score in this group."""
    intervals: dict[str, Interval]
    """Fixed-size 95% intervals (`mean_interval`), one by one: they describe."""
    evidence: float
    """E-value against: nobody is better than all others here."""
    differs: str | None
    """Better than every other candidate here, at family-wise error alpha over all groups; None if unresolved."""


def compare_groups(
    names: Sequence[str], groups: Mapping[str, Sequence[Sequence[float]]], alpha: float = 0.05
) -> tuple[GroupComparison, ...]:
    """Compare candidates within every group.

    groups: rows of scores by group, a row per item in drawn order, a score per name; NaN where there is none.
    """
    tables = {group: np.asarray(rows, dtype=np.float64).reshape(-1, len(names)) for group, rows in groups.items()}
    found = {group: _best(table) for group, table in tables.items()}
    ranked = sorted(found, key=lambda group: found[group][1], reverse=True)
    certain: set[str] = set()
    for place, group in enumerate(ranked):
        if found[group][1] < (len(ranked) - place) / alpha:
            break
        certain.add(group)
    return tuple(
        GroupComparison(
            group=group,
            items=len(table),
            means={name: _mean(table[:, i]) for i, name in enumerate(names)},
            intervals={name: mean_interval(table[:, i].tolist(), alpha) for i, name in enumerate(names)},
            evidence=found[group][1],
            differs=names[found[group][0]] if group in certain else None,
        )
        for group, table in tables.items()
    )


def _best(table: Floats) -> tuple[int, float]:
    """The candidate with the best mean, and the e-value against: it is not better than all others.

    That is its worst pair's wealth, shared among the k candidates that could have been picked.
    """
    k = table.shape[1]
    means = [_mean(table[:, i]) for i in range(k)]
    best = int(np.argmax([-1.0 if mean is None else mean for mean in means]))
    return best, min(_e_value(table[:, best] - table[:, j]) for j in range(k) if j != best) / k


def _e_value(gaps: Floats) -> float:
    """Wealth after betting on each gap being above 0, averaged over a grid of stakes; NaN gaps are left out."""
    gaps = gaps[~np.isnan(gaps)]
    wealth = [float(np.exp(min(np.log1p(stake * gaps).sum(), 600.0))) for stake in stake_grid(max(len(gaps), 100))]
    return sum(wealth) / len(wealth)


def _mean(scores: Floats) -> float | None:
    scores = scores[~np.isnan(scores)]
    return float(scores.mean()) if len(scores) else None
