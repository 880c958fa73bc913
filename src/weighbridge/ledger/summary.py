"""What was spent, by whom and on what: sums over the calls, and the calls themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from .rows import COLUMNS, CallRow

GROUPS: dict[str, str] = {
    "key": "key",
    "team": "team",
    "route": "route",
    "model": "model_asked",
    "backend": "backend",
    "caller": "caller",
    "outcome": "outcome",
    "hour": "strftime('%Y-%m-%dT%H:00Z', at, 'unixepoch')",
    "day": "date(at, 'unixepoch')",
    "month": "strftime('%Y-%m', at, 'unixepoch')",
}
"""What sums may be made by, and how it is said in SQL. Days and hours are those of UTC."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are meant; None means all."""

    since: float | None = None
    """Unix seconds, included."""
    until: float | None = None
    """Unix seconds, excluded."""
    caller: str | None = None
    key: str | None = None
    team: str | None = None
    route: str | None = None
    model: str | None = None


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """Of the calls that have the same values in what they are summed by."""

    by: dict[str, str | None]
    calls: int
    ok: int
    failed: int
    cached: int
    """Answered from a cache: nothing was sent and nothing is billed."""
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    usd: float
    """Of the calls whose cost is known."""
    estimated_usd: float
    """The part of `usd` that was not counted by a backend: streams that broke, and what was held for calls whose end
    nobody knows."""
    unpriced: int
    """Calls whose cost is not known: they may have cost something."""
    latency_s: float | None
    """Mean, of calls that were answered."""


_SUMS = """
    count(*), total(outcome = 'ok'), total(outcome = 'failed'), total(outcome = 'cached'),
    total(input_tokens), total(output_tokens), total(cached_tokens), total(reasoning_tokens),
    total(usd), total(CASE WHEN usd_is IN ('estimated', 'held') THEN usd END), total(usd IS NULL),
    avg(CASE WHEN outcome = 'ok' THEN latency_s END)
"""


def summarise(db: sqlite3.Connection, chosen: Chosen, by: Sequence[str]) -> list[Sum]:
    """One Sum for each combination of `by` (names of GROUPS) that occurs; one for all where `by` is empty."""
    groups = ", ".join(GROUPS[name] for name in by)
    where, values = _where(chosen)
    start = f"SELECT {groups + ', ' if groups else ''}{_SUMS} FROM calls {where}"  # noqa: S608 - GROUPS is ours
    query = f"{start} GROUP BY {groups} ORDER BY {groups}" if groups else start
    sums = []
    for row in db.execute(query, values):
        names, counts = row[: len(by)], row[len(by) :]
        whole = [int(count) for count in counts[:8]]
        sums.append(
            Sum(
                by=dict(zip(by, names, strict=True)),
                calls=whole[0],
                ok=whole[1],
                failed=whole[2],
                cached=whole[3],
                input_tokens=whole[4],
                output_tokens=whole[5],
                cached_tokens=whole[6],
                reasoning_tokens=whole[7],
                usd=counts[8],
                estimated_usd=counts[9],
                unpriced=int(counts[10]),
                latency_s=counts[11],
            )
        )
    return sums


def each_call(db: sqlite3.Connection, chosen: Chosen) -> Iterator[CallRow]:
    """The calls, in order of time."""
    where, values = _where(chosen)
    for row in db.execute(f"SELECT {COLUMNS} FROM calls {where} ORDER BY id", values):  # noqa: S608 - our own columns
        yield CallRow(**dict(zip(CallRow.__struct_fields__, row, strict=True)))


def _where(chosen: Chosen) -> tuple[str, list[Any]]:
    tests, values = [], []
    for test, value in (
        ("at >= ?", chosen.since),
        ("at < ?", chosen.until),
        ("caller = ?", chosen.caller),
        ("key = ?", chosen.key),
        ("team = ?", chosen.team),
        ("route = ?", chosen.route),
        ("model_asked = ?", chosen.model),
    ):
        if value is not None:
            tests.append(test)
            values.append(value)
    if chosen.since is not None:  # ids begin with milliseconds and the table is ordered by them: no scan from 1970
        tests.append("id >= ?")
        values.append(f"{max(0, int(chosen.since * 1000)):012x}")
    return (f"WHERE {' AND '.join(tests)}" if tests else ""), values
