"""The volume at which own hardware costs what a provider costs.

A provider's bill is a line through nothing: c dollars a month for each request a day. Own hardware is a staircase:
fixed + (n + spare) x set, where n sets carry up to n x carried requests a day. They meet on the n-th step where
c x volume is that step, if the n-th step reaches so far. Beyond the first meeting a new step may lift own hardware
above the line again; `stays` is the volume from which it does so no more.
"""

from __future__ import annotations

import math

import msgspec

from weighbridge.cost.api import ApiCost
from weighbridge.cost.hardware import OwnCost
from weighbridge.cost.workload import Workload


class BreakEven(msgspec.Struct, frozen=True):
    """Requests a day; None where it never happens, however many there are."""

    first: float | None
    """Where both cost the same for the first time."""
    stays: float | None
    """From where on own hardware is never dearer again."""


NEVER = BreakEven(None, None)


def break_even(api: ApiCost, own: OwnCost, work: Workload, carried: float | None = None) -> BreakEven:
    """`carried` is what one set carries a day where it is not the middle of what the speed allows."""
    each = carried or own.requests_per_day_a_set.value
    slope = api.usd.value / work.requests_per_day
    start = own.fixed_usd + own.hardware.spare * own.per_set_usd
    gain = slope * each - own.per_set_usd
    if gain <= 0:
        return NEVER
    first = max(1, math.ceil(start / gain - 1e-9))
    stays = max(1, math.ceil((start + own.per_set_usd) / gain - 1e-9))
    return BreakEven((start + first * own.per_set_usd) / slope, (start + stays * own.per_set_usd) / slope)
