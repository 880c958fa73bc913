"""The ledger as a worker uses it: what must be quick in the loop, the rest in one thread beside it.

In the loop: one `write` to the journal for all calls that ended together; a look, a few times a second, whether keys
were changed. In the thread: folding the journal into the ledger's tables, and leases of money.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from weighbridge.dispatch.allowance import window_hour
from weighbridge.dispatch.purse import Purse
from weighbridge.ledger.connect import connect, explain
from weighbridge.ledger.fold import fold
from weighbridge.ledger.journal import Journal
from weighbridge.ledger.keys import KeyRow, mark, read_keys
from weighbridge.ledger.leases import Scope, give_back, take_lease
from weighbridge.ledger.ledger import FILE

Result = TypeVar("Result")
PAGES_KIB = 256
"""Of the ledger that a connection keeps in memory. Rows come in order, so that more of it makes nothing quicker; the
2 MiB that SQLite would take are filled slowly, call by call, and look like a leak."""


class Books:
    """Of one worker. Raises LedgerError when the ledger cannot be used."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._path = data_dir / FILE
        self._reader = _small(connect(self._path))
        self._db = _small(connect(self._path))
        fold(self._db, data_dir)
        self.journal = Journal(data_dir)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="books")
        self._seen = -1
        self._mark = -1

    def changed_keys(self) -> list[tuple[bytes, KeyRow]] | None:
        """All keys, if any of them changed since the last time; a look costs a few microseconds."""
        try:
            seen = self._reader.execute("PRAGMA data_version").fetchone()[0]
            if seen == self._seen:
                return None
            now = mark(self._reader)
            self._seen = seen
            if now == self._mark:
                return None
            rows = read_keys(self._reader)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        self._mark = now
        return rows

    def append(self, lines: Sequence[tuple[Any, ...]]) -> None:
        """Raises LedgerError; then none of the calls may be settled."""
        self.journal.append(lines)

    def glance(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Read what is in the ledger's tables, at once and in the loop: only for a few rows, before calls come."""
        try:
            return work(self._reader)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    async def fold(self) -> int:
        """Bring all journals into the ledger's tables."""
        return await self._run(lambda: fold(self._db, self.data_dir))

    async def lend(self, purse: Purse, need_usd: float) -> float:
        """Dollars lent to this worker's purse; 0.0 where the budget has less than `need_usd` left."""
        since = window_hour(purse.allowance.period, time.time())
        scope = Scope(purse.kind, purse.name)
        return await self._run(
            lambda: take_lease(
                self._db,
                self.journal.worker,
                scope,
                limit_usd=purse.allowance.usd,
                since_hour=since,
                need_usd=need_usd,
            )
        )

    async def give_back(self, surplus: Sequence[tuple[Purse, float]]) -> None:
        rows = [(Scope(purse.kind, purse.name), usd) for purse, usd in surplus]
        await self._run(lambda: give_back(self._db, self.journal.worker, rows))

    async def look(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Whatever else is to be read or changed, with all journals folded in."""

        def fold_and_look() -> Result:
            fold(self._db, self.data_dir)
            return work(self._db)

        return await self._run(fold_and_look)

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def close(self) -> None:
        """Fold what is left, and give back every lease: nobody is using them any more."""
        self._thread.shutdown(wait=True)
        self.journal.close()
        try:
            fold(self._db, self.data_dir)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        finally:
            self._db.close()
            self._reader.close()


def _small(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute(f"PRAGMA cache_size = -{PAGES_KIB}")
    return db
