"""The schema, as numbered steps. A step is never changed once released: the next one is added below it.

`PRAGMA user_version` counts the steps a file has seen, `PRAGMA application_id` says that it is ours. Each step runs in
the transaction that raises the number, so that two processes opening an old file at once migrate it once.
No feature newer than SQLite 3.31 is used: Python 3.11 is still shipped with such libraries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x57425247
"""`WBRG` in ASCII."""


def m001_calls_and_answers(db: sqlite3.Connection) -> None:
    """The columns of `CallRow`, and the answers that were paid for.

    `calls` is clustered by its sortable id: rows arrive in order and the table is one B-tree. An answer can be large,
    so `answers` keeps its rowid (SQLite's advice for rows beyond a twentieth of a page).
    """
    db.execute(
        """
        CREATE TABLE calls (
            id TEXT PRIMARY KEY, at REAL NOT NULL, caller TEXT NOT NULL, run TEXT, task TEXT, item TEXT, candidate TEXT,
            backend TEXT NOT NULL, model_asked TEXT NOT NULL, model_served TEXT, outcome TEXT NOT NULL, reason TEXT,
            error TEXT, attempts INTEGER NOT NULL, input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER,
            reasoning_tokens INTEGER, usd REAL, latency_s REAL, ttft_s REAL, answer_key TEXT
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL)")


def m002_calls_by_run(db: sqlite3.Connection) -> None:
    """What a run has spent is asked at each resume."""
    db.execute("CREATE INDEX calls_by_run ON calls (run) WHERE run IS NOT NULL")


def m003_holds(db: sqlite3.Connection) -> None:
    """Money set aside for a call that may be billed, before it is sent; gone once the cost of the call is known.

    A hold without a row in `calls`, in a run that nobody is making, was under way when its process ended.
    """
    db.execute(
        """
        CREATE TABLE holds (
            id TEXT PRIMARY KEY, at REAL NOT NULL, run TEXT, backend TEXT NOT NULL, answer_key TEXT NOT NULL, usd REAL
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX holds_by_run ON holds (run)")


def m004_calls_by_task(db: sqlite3.Connection) -> None:
    """An estimate asks what a candidate's earlier calls for the same task took."""
    db.execute("CREATE INDEX calls_by_task ON calls (task, candidate) WHERE task IS NOT NULL")


def m005_gateway(db: sqlite3.Connection) -> None:
    """Callers with their keys and budgets, and what the gateway's workers know together.

    `spent` sums what was paid by scope (`key`, `team`, `route`) and hour, so that a budget's window is a few rows
    whatever the number of calls. A lease is money a worker may hand out without asking the others; folding the
    worker's journal turns it into spending in the same transaction. `under_way` holds, for each call that had not
    ended when its worker's journal was folded, the row it will leave behind if nothing more is heard of it. `marks`
    are counters that tell a running gateway that something has changed.
    """
    for column in ("key TEXT", "team TEXT", "route TEXT", "status INTEGER", "usd_is TEXT", "flags TEXT"):
        db.execute(f"ALTER TABLE calls ADD COLUMN {column}")
    db.execute(
        """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, name TEXT NOT NULL, team TEXT, created_at REAL NOT NULL,
            expires_at REAL, revoked_at REAL, budget_usd REAL, budget_period TEXT, rpm INTEGER, tpm INTEGER,
            routes TEXT, addresses TEXT
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE spent (
            scope TEXT NOT NULL, name TEXT NOT NULL, hour INTEGER NOT NULL, usd REAL NOT NULL,
            PRIMARY KEY (scope, name, hour)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE leases (
            worker TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, usd REAL NOT NULL,
            PRIMARY KEY (worker, scope, name)
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE TABLE journals (file TEXT PRIMARY KEY, folded INTEGER NOT NULL) WITHOUT ROWID")
    db.execute("CREATE TABLE under_way (id TEXT PRIMARY KEY, worker TEXT NOT NULL, row TEXT NOT NULL) WITHOUT ROWID")
    db.execute("CREATE TABLE marks (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID")


def m006_decisions(db: sqlite3.Connection) -> None:
    """What a policy decided, and the traffic that shares are measured from (decisions.py says what each table is).

    `traffic` is summed when a journal is folded, as `spent` is, so that a window of thirty days is some hundred rows
    whatever the number of calls. What was answered before is counted here once.
    """
    db.execute("ALTER TABLE calls ADD COLUMN decision TEXT")
    db.execute(
        """
        CREATE TABLE decisions (
            id TEXT PRIMARY KEY, at REAL NOT NULL, caller TEXT NOT NULL, policy TEXT NOT NULL,
            policy_sha256 TEXT NOT NULL, model TEXT NOT NULL, backend TEXT, provider TEXT, data_class TEXT,
            allowed INTEGER NOT NULL, body TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE decided (
            decision TEXT NOT NULL, hour INTEGER NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (decision, hour)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE policies (
            sha256 TEXT PRIMARY KEY, at REAL NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, text TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE traffic (
            hour INTEGER NOT NULL, backend TEXT NOT NULL, model TEXT NOT NULL, served TEXT NOT NULL,
            calls INTEGER NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (hour, backend, model, served)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        INSERT INTO traffic
        SELECT CAST(at / 3600 AS INTEGER), backend, model_asked, coalesce(model_served, ''), count(*),
            CAST(total(input_tokens) + total(output_tokens) AS INTEGER)
        FROM calls WHERE caller = 'gateway' AND outcome = 'ok' GROUP BY 1, 2, 3, 4
        """
    )


def m007_votes(db: sqlite3.Connection) -> None:
    """Votes of people on two answers (votes.py): the columns of `VoteRow`."""
    db.execute(
        """
        CREATE TABLE votes (
            id TEXT PRIMARY KEY, at REAL NOT NULL, task TEXT NOT NULL, run TEXT NOT NULL, item TEXT NOT NULL,
            a TEXT NOT NULL, b TEXT NOT NULL, outcome TEXT NOT NULL, voter TEXT NOT NULL, key_a TEXT, key_b TEXT,
            length_a INTEGER, length_b INTEGER
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX votes_by_task ON votes (task)")


def m008_data_of_keys(db: sqlite3.Connection) -> None:
    """A key may say which class of data its calls carry."""
    db.execute("ALTER TABLE keys ADD COLUMN data_class TEXT")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    m001_calls_and_answers,
    m002_calls_by_run,
    m003_holds,
    m004_calls_by_task,
    m005_gateway,
    m006_decisions,
    m007_votes,
    m008_data_of_keys,
)


def migrate(db: sqlite3.Connection) -> int:
    """Bring the file up to date; returns the version it was at. A newer file is left alone: the caller refuses it."""
    seen = _version(db)
    if seen >= len(MIGRATIONS):
        return seen
    db.execute("BEGIN IMMEDIATE")
    try:
        seen = _version(db)  # another process may have been first
        for step in MIGRATIONS[seen:]:
            step(db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {max(seen, len(MIGRATIONS))}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return seen


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
