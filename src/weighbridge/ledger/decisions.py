"""What a policy decided, how often, and over which traffic: the evidence for a reviewer.

    policies    the text of each policy file that decided anything, by its SHA-256
    decisions   each decision once: the same rules, facts and outcome again are the same decision
    decided     how often it was made, by hour
    traffic     answered calls of the gateway by hour, backend and model: what shares are measured from
    calls       each row's column `decision` leads to the decision that allowed or refused it

A gateway's worker says these things in its journal; whoever has no journal writes them with `keep`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

HOUR_S = 3600


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision. Columns are only ever added (ledger/migrations.py)."""

    id: str
    """Digest of everything but `at`."""
    at: float
    """Unix seconds when it was first made."""
    caller: str
    """What asked: `gateway`, `weigh`, `pick`."""
    policy: str
    """Name of the policy."""
    policy_sha256: str
    model: str
    backend: str | None
    provider: str | None
    """None: an engine of one's own, or not known."""
    data_class: str | None
    allowed: bool
    body: str
    """JSON: `{"reasons": [...], "due": [...], "facts": {...}}`, as the policy says them."""


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True):
    sha256: str
    at: float
    """Unix seconds when it first decided anything."""
    name: str
    path: str
    text: str


class Traffic(msgspec.Struct, frozen=True):
    """Answered calls of one model at one backend in one hour."""

    hour: int
    """Unix hours."""
    backend: str
    model: str
    """As it was asked for."""
    served: str
    """As the backend says; empty where it does not."""
    calls: int
    tokens: int


class Made(msgspec.Struct, frozen=True):
    """A decision and how often it was made in a window."""

    decision: DecisionRow
    times: int
    calls: int
    """Rows of `calls` that lead to it."""


_DECISION = "INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_POLICY = "INSERT OR IGNORE INTO policies VALUES (?, ?, ?, ?, ?)"
_TIMES = """
    INSERT INTO decided VALUES (?, ?, ?)
    ON CONFLICT (decision, hour) DO UPDATE SET times = times + excluded.times
"""
_TRAFFIC = """
    INSERT INTO traffic VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (hour, backend, model, served)
    DO UPDATE SET calls = calls + excluded.calls, tokens = tokens + excluded.tokens
"""
_COLUMNS = ", ".join(f"decisions.{name}" for name in DecisionRow.__struct_fields__)
_MADE = f"""
    SELECT {_COLUMNS}, total(times) FROM decided JOIN decisions ON decisions.id = decided.decision
    WHERE hour >= ? AND hour < ? GROUP BY decisions.id ORDER BY decisions.at, decisions.id
"""  # noqa: S608 - our own columns
_CALLS = "SELECT decision, count(*) FROM calls WHERE at >= ? AND at < ? AND id >= ? GROUP BY decision"


def keep(
    db: sqlite3.Connection, policy: PolicyRow | None, rows: Iterable[DecisionRow], times: Iterable[tuple[str, int, int]]
) -> None:
    """Write decisions of a process without a journal, all or none; `times` are (decision, Unix hour, how often)."""
    db.execute("BEGIN IMMEDIATE")
    try:
        put(db, "policy", [] if policy is None else [msgspec.structs.astuple(policy)])
        put(db, "decision", [msgspec.structs.astuple(row) for row in rows])
        put(db, "decided", times)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


STATEMENTS = {"policy": _POLICY, "decision": _DECISION, "decided": _TIMES, "traffic": _TRAFFIC}
SAID = ("policy", "decision", "decided")
"""Kinds of lines that a journal may hold beside calls; their values are the columns of the table."""


def put(db: sqlite3.Connection, kind: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows of one kind, within the caller's transaction; columns of a newer version are left out."""
    width = STATEMENTS[kind].count("?")
    db.executemany(STATEMENTS[kind], (row[:width] for row in rows if len(row) >= width))


def made_between(db: sqlite3.Connection, since: float, until: float) -> list[Made]:
    """Decisions made in a window of Unix seconds, in the order they were first made; hours count whole."""
    called = _calls_by_decision(db, since, until)
    hours = int(since // HOUR_S), int(-(-until // HOUR_S))
    found = []
    for *values, times in db.execute(_MADE, hours):
        fields = dict(zip(DecisionRow.__struct_fields__, values, strict=True))
        row = DecisionRow(**{**fields, "allowed": bool(fields["allowed"])})
        found.append(Made(row, int(times), called.get(row.id, 0)))
    return found


def calls_without(db: sqlite3.Connection, since: float, until: float) -> int:
    """Calls that no decision stands behind: made where no policy was asked."""
    return _calls_by_decision(db, since, until).get(None, 0)


def _calls_by_decision(db: sqlite3.Connection, since: float, until: float) -> dict[str | None, int]:
    first = f"{max(0, int(since * 1000)):012x}"  # ids begin with milliseconds: no scan from 1970
    return dict(db.execute(_CALLS, (since, until, first)))


def policies(db: sqlite3.Connection, wanted: Iterable[str]) -> Iterator[PolicyRow]:
    """The policy files of these hashes, the oldest first."""
    names = set(wanted)
    for values in db.execute("SELECT * FROM policies ORDER BY at"):
        if values[0] in names:
            yield PolicyRow(**dict(zip(PolicyRow.__struct_fields__, values, strict=True)))


def traffic_since(db: sqlite3.Connection, hour: int) -> list[Traffic]:
    """A row for each hour, backend, model and served name, from a Unix hour on."""
    query = "SELECT hour, backend, model, served, calls, tokens FROM traffic WHERE hour >= ? ORDER BY hour"
    return [Traffic(*values) for values in db.execute(query, (hour,))]
