"""Prompts, redacted, of routes that keep them: `prompts.sqlite` beside the ledger, so that they can really be deleted.

A row is gone for good when its time is up: SQLite overwrites it with zeros (`secure_delete`), and the file keeps no
journal of it (`journal_mode = TRUNCATE`, where WAL would). A ledger row and its prompt share their id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from weighbridge.errors import LedgerError

from .connect import explain

FILE = "prompts.sqlite"
DAY_S = 86_400.0
Rule = Literal["email", "phone", "card", "iban", "api_key"]
RULES: tuple[Rule, ...] = ("api_key", "iban", "card", "email", "phone")
"""What can be taken out of a prompt (redaction.py), in the order it is looked for."""
BUSY_S = 30.0
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS prompts (
        id TEXT PRIMARY KEY, at REAL NOT NULL, expires_at REAL NOT NULL, route TEXT NOT NULL, key TEXT,
        path TEXT NOT NULL, body TEXT NOT NULL
    ) WITHOUT ROWID
"""
_COLUMNS = "id, at, expires_at, route, key, path, body"


class PromptRow(NamedTuple):
    """One request as it is stored."""

    id: str
    """Of the call in the ledger."""
    at: float
    """Unix seconds."""
    expires_at: float
    """When it is deleted."""
    route: str
    key: str | None
    """Id of the caller's key."""
    path: str
    """Where it was sent, which says the dialect of `body`."""
    body: str
    """JSON, redacted."""


class Which(msgspec.Struct, frozen=True):
    """Rows to be read or deleted; None is any."""

    id: str | None = None
    route: str | None = None
    key: str | None = None
    since: float | None = None
    until: float | None = None


class Prompts:
    """The store. Not thread-safe: it belongs to the thread that uses it. Raises LedgerError."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            self._db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("PRAGMA journal_mode = TRUNCATE")
            self._db.execute(_SCHEMA)
            self._db.execute("CREATE INDEX IF NOT EXISTS prompts_by_end ON prompts (expires_at)")
        except (OSError, sqlite3.Error) as error:
            raise explain(error, self._path) from error

    def keep(self, rows: Sequence[PromptRow]) -> None:
        """All of them or none."""
        self._change("INSERT OR REPLACE INTO prompts VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def forget_expired(self, now: float) -> int:
        """Delete what is past its time; returns how many were."""
        try:
            return self._db.execute("DELETE FROM prompts WHERE expires_at <= ?", (now,)).rowcount
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def shorten(self, route: str, seconds: float) -> None:
        """A route keeps them for less than it did: that holds for those it has, too."""
        self._change(
            "UPDATE prompts SET expires_at = min(expires_at, at + ?) WHERE route = ? AND expires_at > at + ?",
            [(seconds, route, seconds)],
        )

    def next_end(self) -> float | None:
        """When the next one is to be deleted."""
        found = self._db.execute("SELECT min(expires_at) FROM prompts").fetchone()[0]
        return None if found is None else float(found)

    def read(self, which: Which) -> list[PromptRow]:
        """Oldest first."""
        where, values = _where(which)
        try:
            found = self._db.execute(f"SELECT {_COLUMNS} FROM prompts{where} ORDER BY id", values)  # noqa: S608
            return [PromptRow(*row) for row in found]
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def forget(self, which: Which) -> int:
        """Delete; returns how many there were."""
        where, values = _where(which)
        try:
            return self._db.execute(f"DELETE FROM prompts{where}", values).rowcount  # noqa: S608
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def close(self) -> None:
        self._db.close()

    def _change(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise explain(error, self._path) from error


def stored_prompts(data_dir: Path, now: float) -> Prompts | None:
    """The store, without what is past its time; None where there is none. Raises LedgerError."""
    if not (data_dir / FILE).exists():
        return None
    store = Prompts(data_dir)
    try:
        store.forget_expired(now)
    except LedgerError:
        store.close()
        raise
    return store


def _where(which: Which) -> tuple[str, list[object]]:
    tests: dict[str, object] = {"id = ?": which.id, "route = ?": which.route, "key = ?": which.key}
    tests |= {"at >= ?": which.since, "at < ?": which.until}
    given = {test: value for test, value in tests.items() if value is not None}
    return (f" WHERE {' AND '.join(given)}" if given else ""), list(given.values())
