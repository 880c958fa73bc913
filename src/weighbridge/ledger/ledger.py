"""The ledger: every call, every answer that was paid for, and the money held for calls under way.

One file, `ledger.sqlite` in the data directory, shared by all commands and by several processes at once. Writing goes
through one thread (writer.py); reading is a second connection, used by the thread that opened the ledger.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from weighbridge.chat import Answer
from weighbridge.errors import LedgerError

from .connect import connect, explain
from .pack import pack, unpack
from .rows import COLUMNS, CallRow, History, Hold, Spending
from .runlock import sole_run
from .writer import Done, Entry, Writer

FILE = "ledger.sqlite"
PAGE_ROWS = 1000
"""Rows read at a time, so that a run of any length can be walked through."""
HISTORY_CALLS = 500
"""How many of a candidate's latest answers an estimate looks at."""

_CALLS = f"SELECT {COLUMNS} FROM calls WHERE run = ? AND id > ? ORDER BY id LIMIT ?"  # noqa: S608 - our own columns
_PAID = "SELECT total(usd), count(*) FILTER (WHERE usd IS NULL AND outcome = 'ok') FROM calls WHERE run = ?"
_HELD = """
    SELECT total(holds.usd), count(holds.id) - count(calls.id)
    FROM holds LEFT JOIN calls ON calls.id = holds.id WHERE holds.run = ?
"""
_ANSWERS_TO = """
    SELECT item, candidate, answer_key FROM calls
    WHERE task = ? AND caller = 'weigh' AND outcome != 'failed' AND answer_key IS NOT NULL AND flags IS NOT 'again'
    ORDER BY id
"""
_RUNS = "SELECT DISTINCT run FROM calls WHERE task = ? AND candidate = ? AND run IS NOT NULL"
_ASKED = "SELECT count(DISTINCT item) FROM calls WHERE task = ? AND candidate = ?"
_ANSWERED = "SELECT count(DISTINCT item) FROM calls WHERE task = ? AND candidate = ? AND outcome = 'ok'"
_MEANS = """
    SELECT avg(input_tokens), avg(output_tokens), avg(usd), avg(latency_s)
    FROM (SELECT * FROM calls WHERE task = ? AND candidate = ? AND outcome = 'ok' ORDER BY id DESC LIMIT ?)
"""


class Ledger:
    """Open with a data directory; use as a context manager, or call `close`."""

    def __init__(self, data_dir: Path) -> None:
        """Make or open the ledger. Raises LedgerError: locked, read-only, damaged, or newer than this version."""
        self.path = data_dir / FILE
        self._reader = connect(self.path)
        self._writer = Writer(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is queued and close. Safe to call twice."""
        self._writer.close()
        self._reader.close()

    def hold(self, hold: Hold, done: Done) -> None:
        """Set money aside for a billed call that is about to be sent. `done`: as for `record`."""
        self._writer.put(Entry(hold=hold), done)

    def record(
        self, row: CallRow, answer: Answer | None, done: Done, *, settles: str | None = None, replace: bool = False
    ) -> None:
        """Append a finished call, with the answer it paid for, and release its hold: all of it or nothing.

        `done` is called once, in the writer's thread: with None when it is committed, or with the LedgerError.
        An answer already stored under the row's key stays, unless `replace`. Raises UnicodeEncodeError, before
        anything is queued, for an answer that holds lone surrogates.
        """
        body = None if answer is None else pack(answer)
        self._writer.put(Entry(row=row, answer=body, replace=replace, release=settles), done)

    def sole_run(self, run: str) -> AbstractContextManager[None]:
        """Keep other processes from making the same run at the same time. Raises LedgerError when one is."""
        return sole_run(self.path.parent, run)

    def answer(self, key: str) -> Answer | None:
        """The answer paid for under this key, if there is one. A point look-up: tens of microseconds."""
        found = self._rows("SELECT body FROM answers WHERE key = ?", key)
        if not found:
            return None
        try:
            return unpack(found[0][0])
        except (msgspec.DecodeError, zlib.error) as error:
            raise LedgerError(
                f"the stored answer {key} cannot be read: {error}",
                where=str(self.path),
                next_move="Remove its row from the table `answers`; it will be asked for again.",
            ) from error

    def calls(self, run: str) -> Iterator[CallRow]:
        """The calls of one run, in order of time."""
        after = ""
        while page := self._rows(_CALLS, run, after, PAGE_ROWS):
            for values in page:
                yield CallRow(**dict(zip(CallRow.__struct_fields__, values, strict=True)))
            after = page[-1][0]

    def spending(self, run: str) -> Spending:
        """What the run's calls have cost so far, by all processes that made it. Holds of calls under way count."""
        paid, unpriced = self._rows(_PAID, run)[0]
        held, broken = self._rows(_HELD, run)[0]
        return Spending(paid, held, broken, unpriced)

    def knows(self, task: str) -> bool:
        """Whether a call for this task was ever made."""
        return bool(self._rows("SELECT 1 FROM calls WHERE task = ? LIMIT 1", task))

    def answers_to(self, task: str) -> dict[tuple[str, str], str]:
        """Item and candidate to the key of the latest answer that was weighed for a task; of repeats the first."""
        return {(item, candidate): key for item, candidate, key in self._rows(_ANSWERS_TO, task)}

    def runs_of(self, task: str, candidate: str) -> list[str]:
        """Names of the runs that asked the candidate about a task's items."""
        return [run for (run,) in self._rows(_RUNS, task, candidate)]

    def asked(self, task: str, candidate: str) -> int:
        """Items of a task that the candidate was ever asked about, whatever came of it."""
        return int(self._rows(_ASKED, task, candidate)[0][0])

    def history(self, task: str, candidate: str) -> History:
        """What the candidate's latest answers for this task took."""
        items = self._rows(_ANSWERED, task, candidate)[0][0]
        return History(items, *self._rows(_MEANS, task, candidate, HISTORY_CALLS)[0])

    def _rows(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
