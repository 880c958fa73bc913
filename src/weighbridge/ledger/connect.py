"""Opening the file, and what to say when that fails.

WAL lets any number of processes read while one writes; writers wait for each other up to BUSY_S. `synchronous = NORMAL`
hands a committed transaction to the operating system, which keeps it whatever happens to our process (`kill -9`
included); only a power cut or a crash of the system itself can take back the last moments, and never corrupts the file
(https://www.sqlite.org/pragma.html#pragma_synchronous). FULL would protect those moments for one fsync per commit.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from weighbridge.errors import LedgerError

from .migrations import APPLICATION_ID, MIGRATIONS, migrate

BUSY_S = 30.0
"""How long a writer waits for another process before the ledger counts as locked."""

_SAY: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: (
        "the ledger is locked: another process has been writing to it for longer than we wait",
        "End the process that holds it (a backup, a database browser, another run), then run the same command again.",
    ),
    sqlite3.SQLITE_READONLY: (
        "the ledger cannot be written: its file or folder is read-only",
        "Make both writable for this user, or set XDG_DATA_HOME to a folder that is.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the ledger cannot be opened or made there",
        "Make the folder writable for this user, or set XDG_DATA_HOME to a folder that is.",
    ),
    sqlite3.SQLITE_FULL: (
        "no room left on the disk for the ledger",
        "Everything committed so far is kept. Free some space, then run the same command again: it goes on from there.",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk refused to write or read the ledger",
        "Everything committed so far is kept. Check the disk and its free space and limits, then run the same command.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the ledger is damaged",
        "Recover what is whole with `sqlite3 ledger.sqlite .recover`, or move the file away to start an empty one.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "the ledger is not a database: something else stands under its name, or its start was overwritten",
        "Move the file away; the next run starts an empty one.",
    ),
}


def explain(error: sqlite3.Error | OSError, path: Path) -> LedgerError:
    """One LedgerError for whatever SQLite or the file system said."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, OSError) or code is None:
        return LedgerError(
            f"the ledger cannot be used: {error}",
            where=str(path),
            next_move="Make the folder writable for this user, or set XDG_DATA_HOME to a folder that is.",
        )
    primary = code & 0xFF  # extended codes carry the detail in the upper bits
    what, next_move = _SAY.get(primary, ("the ledger failed", "Run the same command again; committed calls are kept."))
    return LedgerError(f"{what} ({error})", where=str(path), next_move=next_move)


def connect(path: Path, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """A connection in autocommit mode to an up-to-date ledger, made if there is none. Raises LedgerError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise explain(error, path) from error
    try:
        _refuse_strangers(db, path)
        _use_wal(db, path, busy_s)
        migrate(db)
    except sqlite3.Error as error:
        db.close()
        raise explain(error, path) from error
    except LedgerError:
        db.close()
        raise
    return db


def _refuse_strangers(db: sqlite3.Connection, path: Path) -> None:
    """Leave alone what a newer version made, and what is not a ledger at all."""
    db.execute("BEGIN")  # one look at one moment: another process may be making the ledger just now
    try:
        tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        application = int(db.execute("PRAGMA application_id").fetchone()[0])
    finally:
        if db.in_transaction:
            db.execute("COMMIT")
    if application != APPLICATION_ID and (tables or application):
        raise LedgerError(
            "the database under the ledger's name is not a ledger of Weighbridge",
            where=str(path),
            next_move="Move it away, or set XDG_DATA_HOME to another folder.",
        )
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"the ledger was written by a newer Weighbridge: schema {version}, this one knows up to {len(MIGRATIONS)}",
            where=str(path),
            next_move="Upgrade with `pip install --upgrade weighbridge`, or set XDG_DATA_HOME to another folder.",
        )


def _use_wal(db: sqlite3.Connection, path: Path, busy_s: float) -> None:
    """Switch to WAL. SQLite does not wait by itself when two processes switch a new file at once, so we do."""
    until = time.monotonic() + busy_s
    while True:
        try:
            mode = str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise LedgerError(
            f"the file system of the ledger has no shared memory (SQLite stayed in mode {mode})",
            where=str(path),
            next_move="Set XDG_DATA_HOME to a folder on a local disk; network drives cannot hold it.",
        )
    db.execute("PRAGMA synchronous = NORMAL")
