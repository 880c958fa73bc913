"""Numbers as people write them in options and TOML: `50000/day`, `60%`, `1.2k`, `0.2@150000`.

Strict, unlike catalog/quantities.py, which reads other people's prose: here a slip must be an error, not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
DAYS_A_MONTH = 365.25 / 12
HOURS_A_MONTH = 24 * DAYS_A_MONTH
PER_DAY: Mapping[str, float] = {
    **dict.fromkeys(("s", "sec", "second"), 86_400.0),
    **dict.fromkeys(("min", "minute"), 1_440.0),
    **dict.fromkeys(("h", "hour"), 24.0),
    **dict.fromkeys(("d", "day"), 1.0),
    **dict.fromkeys(("w", "week"), 1 / 7),
    **dict.fromkeys(("mo", "month"), 1 / DAYS_A_MONTH),
}
_NUMBER = re.compile(
    r"\s*(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d[\d_]*(?:\.\d+)?(?:e[+-]?\d{1,3})?)\s*([kmbt])?\s*", re.IGNORECASE | re.ASCII
)


def read_amount(text: object) -> float | None:
    """`1200`, `1,200`, `1.2k`, `14.8T` as a number of at least 0; None where it is none, or not one for certain."""
    if isinstance(text, bool):
        return None
    if isinstance(text, int | float):
        return float(text) if 0 <= text < 1e40 else None
    found = _NUMBER.fullmatch(text) if isinstance(text, str) and len(text) <= 40 else None
    if found is None:
        return None
    value = float(found[1].replace(",", "").replace("_", "")) * SCALES[(found[2] or "").lower()]
    return value if value < 1e40 else None


def read_share(text: object) -> float | None:
    """`60%` and `0.6` as 0.6; None where it is no share from 0 to 1. `60` is neither: it may have been meant as 60%."""
    if isinstance(text, str) and text.strip().endswith("%"):
        percent = read_amount(text.strip()[:-1])
        return percent / 100 if percent is not None and percent <= 100 else None
    share = read_amount(text)
    return share if share is not None and share <= 1 else None


def read_rate(text: object) -> float | None:
    """`50000/day`, `1.5M/month`, `3/s` as requests a day; a number without a unit is None."""
    if not isinstance(text, str):
        return None
    amount, slash, unit = text.partition("/")
    value = read_amount(amount)
    per_day = PER_DAY.get(unit.strip().lower())
    return value * per_day if slash and value is not None and per_day is not None else None


def read_people(text: object) -> tuple[float, float] | None:
    """`0.2@150000`: full-time posts, and what one costs a year in dollars, dues included."""
    if not isinstance(text, str):
        return None
    posts, _, salary = text.partition("@")
    count, usd = read_amount(posts), read_amount(salary)
    return None if count is None or usd is None else (count, usd)
