"""How numbers are written: no more digits than the interval carries, and unknown is a word, never a zero.

Scores are means in [0, 1] and written in percent; differences of scores are written in points (0.08 is 8 points).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from weighbridge.stats.records import Interval

MISSING = "n/a"
MINUS = "−"


def known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def decimals(intervals: Iterable[Interval]) -> int:
    """Decimals of a percentage that the narrowest interval justifies: 0 when it spans 15 points or more."""
    widths = [width for interval in intervals if known(width := interval.high - interval.low)]
    narrowest = min(widths, default=1.0)
    if narrowest >= 0.15:
        return 0
    return 1 if narrowest >= 0.01 else 2


def percent(value: float | None, digits: int = 0) -> str:
    """`0.7241` as `72%`."""
    if value is None or not math.isfinite(value):
        return MISSING
    return _signed(100 * value, digits) + "%"


def points(value: float | None, digits: int = 0, *, sign: bool = True) -> str:
    """`0.0812` as `+8 points`; without `sign` for a size, such as a margin."""
    if value is None or not math.isfinite(value):
        return MISSING
    number = bare_points(value, digits, sign=sign)
    return f"{number} point" if number in ("1", "+1", MINUS + "1") else f"{number} points"


def bare_points(value: float, digits: int = 0, *, sign: bool = True) -> str:
    number = _signed(100 * value, digits)
    return f"+{number}" if sign and 100 * value > 0 and float(f"{100 * value:.{digits}f}") != 0 else number


def percent_range(interval: Interval, digits: int = 0) -> str:
    """`64–79%`."""
    return f"{percent(interval.low, digits).removesuffix('%')}–{percent(interval.high, digits)}"


def points_range(interval: Interval, digits: int = 0) -> str:
    """`-4 to +12 points`."""
    if not (known(interval.low) and known(interval.high)):
        return MISSING
    return f"{bare_points(interval.low, digits)} to {bare_points(interval.high, digits)} points"


def margin_points(margin: float) -> str:
    """A margin as the user set it: `0.025` as `2.5 points`."""
    number = f"{100 * margin:.6g}"
    return f"{number} point" if number == "1" else f"{number} points"


def count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def seconds(value: float | None) -> str:
    """A latency: two significant digits, milliseconds below a tenth of a second."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0.001:
        return "under 1 ms"
    if value < 0.1:
        return f"{1000 * value:.2g} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def evidence(value: float | None) -> str:
    """An e-value: `37`, `0.8`, `over a million`."""
    if value is None or math.isnan(value):
        return MISSING
    if value > 1e6:
        return "over a million"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.01 or value == 0 else "under 0.01"


def _signed(number: float, digits: int) -> str:
    written = f"{abs(number):.{digits}f}"
    return MINUS + written if number < 0 and float(written) != 0 else written
