"""What all the items would probably show: the forecast that may end a run without a winner.

Without a margin, the plan (`plan.py`) says where going on is not worth it. With a margin, a run that will name no
winner may still certify a tie; the mean difference over all items is then predicted from the mean so far, with the
uncertainty of both. A forecast never names a winner, so it cannot make a false one.
Source: Lachin (2005), A review of methods for futility stopping based on conditional power.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from statistics import NormalDist

FIRST_FORECAST = 10
"""Items that both have a score for, before the first forecast."""
TIE_ABOVE = 0.9
"""A tie is forecast when the full set's difference lies within the margin with at least this chance."""
FUTILE_BELOW = 0.1
"""Going on is futile when all the items would certify a tie with a smaller chance than this."""
_NORMAL = NormalDist()


class Outlook(Enum):
    OPEN = auto()
    TIE = auto()
    FUTILE = auto()


@dataclass(frozen=True, slots=True)
class Gaps:
    """The differences of one pair so far, and how many there will be."""

    count: float
    total: float
    squares: float
    size: float
    """Differences when all items are drawn, at the present share of missing ones."""


def outlook_within(gaps: Gaps, margin: float, level: float) -> Outlook:
    """The outlook of a pair that will most likely have no winner. level: one-sided level of each test for a tie."""
    deviation = max((gaps.squares + 1.0) / (gaps.count + 4.0), 1e-12) ** 0.5
    mean = gaps.total / gaps.count
    spread = deviation * (max(gaps.size - gaps.count, 0.0) / (gaps.count * gaps.size)) ** 0.5
    if _chance_within(mean, spread, margin) >= TIE_ABOVE:
        return Outlook.TIE
    certain_within = margin + _NORMAL.inv_cdf(level) * deviation / gaps.size**0.5
    return Outlook.FUTILE if _chance_within(mean, spread, certain_within) < FUTILE_BELOW else Outlook.OPEN


def _chance_within(mean: float, spread: float, edge: float) -> float:
    """Chance that a normal variable lies within +-edge."""
    if edge <= 0:
        return 0.0
    if spread <= 0:
        return float(abs(mean) <= edge)
    return _NORMAL.cdf((edge - mean) / spread) - _NORMAL.cdf((-edge - mean) / spread)
