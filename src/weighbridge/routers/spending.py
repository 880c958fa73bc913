"""What calls cost: the strong model for everything, against the weak side for everything and the strong for the rest.

A cost is of one call, in one unit for all models (dollars, or a ratio). Recorded dollars go before what is named; a
model without either has an unknown cost, and then so has every sum that it is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .arrays import Flags
from .samples import Samples, model_of


class Spending(NamedTuple):
    """Per item, on average; None is unknown."""

    always_strong: float | None
    routed: float | None

    @property
    def saved(self) -> float | None:
        """Share; below 0 where routing costs more."""
        if self.always_strong is None or self.routed is None or self.always_strong <= 0:
            return None
        return 1.0 - self.routed / self.always_strong


def spending(
    samples: Samples,
    voters: Sequence[str],
    strong: str,
    costs: Mapping[str, float | None],
    to_weak: Flags,
    *,
    cascade: bool,
) -> Spending:
    """to_weak (n,): whether the weak side answers. A cascade asks every voter each time, a router only who answers."""
    best = _mean(samples, strong, costs, np.ones(len(samples), bool))
    weak = np.ones(len(samples), bool) if cascade else to_weak
    parts = [_mean(samples, voter, costs, weak) for voter in voters]
    parts.append(_mean(samples, strong, costs, ~to_weak))
    known = [part for part in parts if part is not None]
    return Spending(best, sum(known) if len(known) == len(parts) else None)


def _mean(samples: Samples, voter: str, costs: Mapping[str, float | None], asked: Flags) -> float | None:
    """Of the calls that are made, over all items."""
    recorded = samples.usd.get(voter)
    if recorded is not None:
        return None if np.isnan(recorded[asked]).any() else float(recorded[asked].sum() / max(len(recorded), 1))
    cost = costs.get(voter, costs.get(model_of(voter)))
    return None if cost is None else cost * float(asked.mean())
