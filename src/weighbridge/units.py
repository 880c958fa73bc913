"""The units we count in, and how they are written for people.

Bytes are whole numbers everywhere; GB (10^9) is what vendors print, GiB (2^30) is what memory holds, and the two
are never mixed up. Money is US dollars; prices are dollars a million tokens; times are seconds.
"""

from __future__ import annotations

import math

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
GB = 10**9


def format_bytes(count: int) -> str:
    """`98362432` as `93.8 MiB`: binary units, one decimal, so that what is printed can be compared with memory."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def format_duration(seconds: float) -> str:
    """`75.2` as `1 min 15 s`; under ten seconds with one decimal."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def format_usd(amount: float | None) -> str:
    """`0.25` as `$0.2500`, `0.000031` as `$0.000031`; `None` is `unknown`, and what is little is never `$0`."""
    if amount is None:
        return "unknown"
    if 0 < abs(amount) < 0.001:
        return f"${amount:.{1 - math.floor(math.log10(abs(amount)))}f}"  # two digits that say something
    return f"${amount:.4f}" if abs(amount) < 1 else f"${amount:,.2f}"
