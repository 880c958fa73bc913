"""The one thread that writes.

Whoever has something to record puts it in a queue with a function to be called once it is committed. The thread takes
what comes within GATHER_S of the first, writes it in one transaction and calls back, so that calls that end together
share the cost of a commit.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.errors import LedgerError

from .connect import connect, explain
from .rows import COLUMNS, CallRow, Hold

BATCH = 2048
"""Entries in one transaction at most, so that other processes get their turn."""

GATHER_S = 0.0005
"""How long the first entry of a batch waits for company: nothing beside a model's answer, and it makes a run against a
model that answers at once a third cheaper."""

Done = Callable[[LedgerError | None], None]

_PLACES = ",".join("?" * len(CallRow.__struct_fields__))
_CALL = f"INSERT INTO calls ({COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - our own columns
_KEEP = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?)"
_REPLACE = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)"
_HOLD = "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?)"
_RELEASE = "DELETE FROM holds WHERE id = ?"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is written together or not at all."""

    row: CallRow | None = None
    answer: bytes | None = None
    """The encoded answer, stored under the row's `answer_key`."""
    replace: bool = False
    """Whether it takes the place of an answer already stored under that key."""
    hold: Hold | None = None
    release: str | None = None
    """Id of the hold that this settles."""


class Writer:
    """A thread that commits entries in batches. `close` writes what is still queued."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect(path)
        self._queue: queue.SimpleQueue[tuple[Entry, Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def put(self, entry: Entry, done: Done) -> None:
        """Queue an entry; `done` is called in the writer's thread, with None once the entry is committed."""
        self._queue.put((entry, done))

    def close(self) -> None:
        """Commit what is queued, then stop. Safe to call twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
            self._db.close()

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._take()
            error = self._commit([entry for entry, _ in batch]) if batch else None
            for _, done in batch:
                done(error)

    def _take(self) -> tuple[list[tuple[Entry, Done]], bool]:
        """Wait for one entry, then take all that come; False when the end was among them."""
        batch: list[tuple[Entry, Done]] = []
        got = self._queue.get()
        time.sleep(GATHER_S)
        while got is not None:
            batch.append(got)
            if len(batch) == BATCH or self._queue.empty():
                return batch, True
            got = self._queue.get()
        return batch, False

    def _commit(self, entries: Sequence[Entry]) -> LedgerError | None:
        try:
            self._write(entries)
        except (UnicodeEncodeError, OverflowError):
            return self._commit([_storable(entry) for entry in entries])
        except sqlite3.Error as error:
            return explain(error, self._path)
        return None

    def _write(self, entries: Sequence[Entry]) -> None:
        """One transaction; on any error none of it happened."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._many(_HOLD, (msgspec.structs.astuple(entry.hold) for entry in entries if entry.hold))
            self._many(_CALL, (msgspec.structs.astuple(entry.row) for entry in entries if entry.row))
            self._many(_KEEP, (_stored(entry) for entry in entries if entry.answer and not entry.replace))
            self._many(_REPLACE, (_stored(entry) for entry in entries if entry.answer and entry.replace))
            self._many(_RELEASE, ((entry.release,) for entry in entries if entry.release))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite rolls back by itself when the disk is full
                self._db.execute("ROLLBACK")
            raise

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._db.executemany(statement, rows)


def _stored(entry: Entry) -> tuple[str | None, float, bytes | None]:
    assert entry.row is not None, "an answer is stored with the call that paid for it"
    return entry.row.answer_key, entry.row.at, entry.answer


def _storable(entry: Entry) -> Entry:
    """What SQLite can hold: lone surrogates become question marks, whole numbers beyond 64 bits become unknown."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode("utf-8")
        return None if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63 else value

    if entry.row is None:
        return entry
    row = CallRow(**{name: clean(getattr(entry.row, name)) for name in CallRow.__struct_fields__})
    return msgspec.structs.replace(entry, row=row)
