"""Money lent to one worker, so that it can admit calls without asking the others.

    left of a budget = limit - spent in its window - sum of all leases

A lease is taken in one transaction, so that workers together never hand out more than the limit. What a worker's
calls cost leaves its lease when its journal is folded (fold.py), in the transaction that adds it to `spent`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple


class Scope(NamedTuple):
    """Whose budget it is: (`key`, id), (`team`, name) or (`route`, name)."""

    kind: str
    name: str


LEAST_USD = 1e-9
"""Less than this is the rounding of sums."""


def take_lease(
    db: sqlite3.Connection, worker: str, scope: Scope, *, limit_usd: float, since_hour: int, need_usd: float
) -> float:
    """Dollars lent: half of what is left, at least `need_usd`; 0.0 where not even that is left."""
    db.execute("BEGIN IMMEDIATE")
    try:
        left = limit_usd - spent_usd(db, scope, since_hour) - _leased(db, scope)
        if left + LEAST_USD < need_usd or left <= 0:
            db.execute("ROLLBACK")
            return 0.0
        granted = max(left / 2, min(need_usd, left))
        db.execute(
            "INSERT INTO leases VALUES (?, ?, ?, ?)"
            " ON CONFLICT (worker, scope, name) DO UPDATE SET usd = usd + excluded.usd",
            (worker, scope.kind, scope.name, granted),
        )
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return granted


def give_back(db: sqlite3.Connection, worker: str, surplus: Iterable[tuple[Scope, float]]) -> None:
    """Return what a worker does not need."""
    db.executemany(
        "UPDATE leases SET usd = usd - ? WHERE worker = ? AND scope = ? AND name = ?",
        [(usd, worker, scope.kind, scope.name) for scope, usd in surplus],
    )


def spent_usd(db: sqlite3.Connection, scope: Scope, since_hour: int) -> float:
    """What was paid since the beginning of an hour (Unix hours)."""
    query = "SELECT total(usd) FROM spent WHERE scope = ? AND name = ? AND hour >= ?"
    return float(db.execute(query, (*scope, since_hour)).fetchone()[0])


def _leased(db: sqlite3.Connection, scope: Scope) -> float:
    return float(db.execute("SELECT total(usd) FROM leases WHERE scope = ? AND name = ?", scope).fetchone()[0])
