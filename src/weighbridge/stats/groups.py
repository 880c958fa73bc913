"""Who is better within each group of items (a language, a category), corrected for how many groups were looked at.

Group sizes depend on when the run stopped, so tests for a fixed size would be wrong here: each group gets an e-value,
valid at whatever moment one looks, and the e-values pass through Holm's step-down procedure (an e-value e counts as
the p-value 1/e: Vovk and Wang 2021, E-values: calibration, combination and applications).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .bets import stake_grid
from .draws import Draws
from .intervals import mean_interval
from .records import Interval, Rule

Gains = Callable[[int, int], Floats]
"""What betting on the first candidate against the second gains at each draw."""


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


class Weighing(NamedTuple):
    """How items were drawn, where chances were unequal."""

    draws: Draws
    rule: Rule
    places: Mapping[str, npt.NDArray[np.intp]]
    """By group, when each of its items was drawn."""
    ends: Sequence[int]
    """How many draws each candidate was asked in; fewer than there were for one that was eliminated."""

    def weights(self, group: str) -> Floats:
        return self.draws.weight[self.places[group]]


def compare_groups(
    names: Sequence[str],
    groups: Mapping[str, Sequence[Sequence[float]]],
    alpha: float = 0.05,
    weighing: Weighing | None = None,
) -> tuple[GroupComparison, ...]:
    """Compare candidates within every group.

    groups: rows of scores by group, a row per item in drawn order, a score per name; NaN where there is none. weighing:
    where items were not drawn with equal chances.
    """
    tables = {group: np.asarray(rows, dtype=np.float64).reshape(-1, len(names)) for group, rows in groups.items()}

    def gains(group: str) -> Gains:
        def of_pair(first: int, second: int) -> Floats:
            gaps = tables[group][:, first] - tables[group][:, second]
            if weighing is None:
                return gaps[~np.isnan(gaps)]
            return _weighted_gains(gaps, min(weighing.ends[first], weighing.ends[second]), weighing, group)

        return of_pair

    def weights(group: str) -> Floats | None:
        return None if weighing is None else weighing.weights(group)

    found = {group: _best(table, gains(group), weights(group)) for group, table in tables.items()}
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
            means={name: _mean(table[:, i], weights(group)) for i, name in enumerate(names)},
            intervals={
                name: mean_interval(table[:, i].tolist(), alpha, weights(group)) for i, name in enumerate(names)
            },
            evidence=found[group][1],
            differs=names[found[group][0]] if group in certain else None,
        )
        for group, table in tables.items()
    )


def _best(table: Floats, gains: Gains, weights: Floats | None) -> tuple[int, float]:
    """The candidate with the best mean, and the e-value against: it is not better than all others.

    That is its worst pair's wealth, shared among the k candidates that could have been picked.
    """
    k = table.shape[1]
    means = [_mean(table[:, i], weights) for i in range(k)]
    best = int(np.argmax([-1.0 if mean is None else mean for mean in means]))
    return best, min(_e_value(gains(best, j)) for j in range(k) if j != best) / k


def _e_value(gains: Floats) -> float:
    """Wealth after betting on each gain, at least -1, being above 0, averaged over a grid of stakes."""
    wealth = [float(np.exp(min(np.log1p(stake * gains).sum(), 600.0))) for stake in stake_grid(max(len(gains), 100))]
    return sum(wealth) / len(wealth)


def _weighted_gains(gaps: Floats, ended: int, weighing: Weighing, group: str) -> Floats:
    """What each draw gains if nobody is better in the group: gaps as their weights say, as a share of the largest loss.

    On a finite set every draw counts, also one of another group: the mean of what is left in the group is known. But
    none after the pair's end: to be asked no more is not to score alike. Where clusters are drawn, whose items are of
    several groups, nothing is gained: then groups are described only."""
    draws, places = weighing.draws, weighing.places[group]
    gaps, places = np.where(np.isnan(gaps), 0.0, gaps)[places < ended], places[places < ended]
    if weighing.rule.cluster is not None:
        return np.zeros(1)
    if weighing.rule.scope == "work":
        return draws.weight[places] * gaps / draws.most[places]
    y = np.zeros(ended)
    y[places] = gaps
    centre = -(y.cumsum() - y) / (draws.total - np.arange(ended))
    gains: Floats = (draws.weight[:ended] * y - centre) / (draws.most[:ended] + np.maximum(centre, 0.0))
    return gains


def _mean(scores: Floats, weights: Floats | None) -> float | None:
    seen = ~np.isnan(scores)
    return float(np.average(scores[seen], weights=None if weights is None else weights[seen])) if seen.any() else None
