"""Votes of people on two answers: appended one at a time, on disk before the next pair is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from .connect import connect, explain

Outcome = Literal["a", "b", "tie", "both bad", "skip"]


class VoteRow(msgspec.Struct, frozen=True, kw_only=True):
    """One vote, or that somebody passed on a pair."""

    id: str
    """Sortable: time first, then random bits."""
    at: float
    """Unix seconds."""
    task: str
    run: str
    """Of the task's files and its candidates with all their settings: votes on other settings are about others."""
    item: str
    a: str
    """Candidate whose answer was shown first."""
    b: str
    outcome: Outcome
    voter: str
    key_a: str | None = None
    """Key of the answer (table `answers`)."""
    key_b: str | None = None
    length_a: int | None = None
    """Characters."""
    length_b: int | None = None


_COLUMNS = ", ".join(VoteRow.__struct_fields__)
_PLACES = ", ".join("?" * len(VoteRow.__struct_fields__))
_INSERT = f"INSERT INTO votes ({_COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - our own columns
_SELECT = f"SELECT {_COLUMNS} FROM votes WHERE ? IS NULL OR task = ? ORDER BY id"  # noqa: S608 - our own columns


class Votes:
    """The table `votes` of a ledger, over a connection of its own."""

    def __init__(self, path: Path) -> None:
        """`path` of the ledger. Raises LedgerError."""
        self._path = path
        self._db = connect(path)

    def close(self) -> None:
        self._db.close()

    def cast(self, row: VoteRow) -> None:
        """Commit one vote. Raises LedgerError."""
        try:
            self._db.execute(_INSERT, msgspec.structs.astuple(row))
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def all(self, task: str | None = None) -> Iterator[VoteRow]:
        """Votes in order of time, of one task or of all."""
        try:
            for values in self._db.execute(_SELECT, (task, task)):
                yield VoteRow(**dict(zip(VoteRow.__struct_fields__, values, strict=True)))
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def tasks(self) -> dict[str, int]:
        """Tasks that have votes, and how many."""
        try:
            found = self._db.execute("SELECT task, count(*) FROM votes WHERE outcome != 'skip' GROUP BY task")
            return dict(found.fetchall())
        except sqlite3.Error as error:
            raise explain(error, self._path) from error


@contextmanager
def votes_of(path: Path) -> Iterator[Votes]:
    votes = Votes(path)
    try:
        yield votes
    finally:
        votes.close()
