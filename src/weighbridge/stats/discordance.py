"""How likely two candidates are to score differently on an item, from what earlier candidates scored there.

Two candidates like the earlier ones differ by twice the variance of the scores there, in the mean square. The variance
is shrunk towards PRIOR, with the weight of one candidate, so that few earlier scores say little and none say nothing.
What it costs to be wrong is calls, never validity (`draws.py`).
"""

from __future__ import annotations

import numpy as np

from .arrays import Floats

PRIOR = 0.15
"""Variance of scores on an item nobody answered; half of all items right would be 0.25."""
FEWEST_EARLIER = 2
"""Scores of one candidate do not vary."""


class EarlierScores:
    """Sums of what earlier candidates scored, per item. items: how many there are."""

    def __init__(self, items: int) -> None:
        self.count = np.zeros(items)
        self._total = np.zeros(items)
        self._square = np.zeros(items)

    def add(self, item: int, score: float) -> None:
        """One earlier candidate's score of one item, in [0, 1]."""
        self.count[item] += 1
        self._total[item] += score
        self._square[item] += score * score

    def add_all(self, scores: Floats) -> None:
        """One earlier candidate's scores of all items, NaN where it has none."""
        seen = ~np.isnan(scores)
        known = np.where(seen, scores, 0.0)
        self.count += seen
        self._total += known
        self._square += known * known

    @property
    def telling(self) -> int:
        """Items that enough earlier candidates have a score for."""
        return int((self.count >= FEWEST_EARLIER).sum())

    def predict(self) -> Floats:
        """(items,) predicted mean squared difference of two candidates."""
        among = np.maximum(self._square - self._total**2 / np.maximum(self.count, 1.0), 0.0)
        return 2.0 * (among + PRIOR) / np.maximum(self.count, 1.0)
