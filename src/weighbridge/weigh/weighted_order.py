"""The order in which items that tell most come up more often, fixed by the seed before the first call.

The stream of random numbers is that of `drawing.py`: raw output of PCG64, which NumPy promises never to change. With
predictions that are all alike scope `items` draws the very order that `draw_order` does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from weighbridge.stats.arrays import Floats
from weighbridge.stats.draws import Draws, by_weight, thin
from weighbridge.stats.records import Rule

from .drawing import check_seed

_BITS = 53


class WeightedOrder(NamedTuple):
    """Units (items or clusters) in drawn order, and what each counts."""

    order: npt.NDArray[np.int64]
    draws: Draws


def weighted_order(discordance: Floats, rule: Rule, seed: int, at_most: int | None = None) -> WeightedOrder:
    """discordance: (units,) predicted mean squared difference. at_most: units that may come up; in scope `work` some
    of them are passed over."""
    check_seed(seed)
    total = len(discordance)
    raw = np.random.PCG64(seed).random_raw(2 * total) if total else np.empty(0, np.uint64)
    if rule.scope == "items":
        uniform = 1.0 - (_fractions(raw[:total]) + 0.5 / 2**_BITS)
        order, draws = by_weight(discordance, uniform)
        return WeightedOrder(order[:at_most], draws)
    coming = np.argsort(raw[:total], kind="stable")[:at_most]
    asked, draws = thin(discordance[coming], _fractions(raw[total:])[: len(coming)])
    return WeightedOrder(coming[asked], draws)


def _fractions(raw: npt.NDArray[np.uint64]) -> Floats:
    """Numbers in [0, 1) from the upper bits."""
    return (raw >> np.uint64(64 - _BITS)).astype(np.float64) / 2.0**_BITS
