"""How much money may be spent in an hour, a day or a month, as it is written: `5/day`.

Windows are those of UTC and begin on the hour, so that what was spent in one is a sum over whole hours.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal, get_args

import msgspec

from weighbridge.errors import InputError

Period = Literal["hour", "day", "month"]
HOUR_S = 3600

_WRITTEN = re.compile(r"\$?([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*/\s*([a-z]+)")


class Allowance(msgspec.Struct, frozen=True):
    usd: float
    period: Period

    def __str__(self) -> str:
        usd = f"{self.usd:.9f}".rstrip("0").rstrip(".")  # all the digits that can be written
        return f"${usd} {'an' if self.period == 'hour' else 'a'} {self.period}"


def parse_allowance(text: str) -> Allowance:
    """`5/day` as 5 dollars a day. InputError for anything else."""
    found = _WRITTEN.fullmatch(text.strip().lower())
    if found is None or found[2] not in get_args(Period):
        raise InputError(
            f"not a budget: {text!r:.40}",
            next_move="Write dollars and a period: 5/day, 0.50/hour or 100/month.",
        )
    return Allowance(float(found[1]), found[2])  # type: ignore[arg-type]


def window_hour(period: Period, now: float) -> int:
    """The Unix hour at which the window that holds `now` (Unix seconds) began."""
    hour = int(now // HOUR_S)
    if period == "hour":
        return hour
    if period == "day":
        return hour - hour % 24
    first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp() // HOUR_S)
