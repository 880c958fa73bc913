"""Move what workers wrote into their journals into the ledger's tables, exactly once, whoever does it and when.

How far a file was folded stands in the ledger, and moves in the transaction that writes its rows. Any process may fold
any journal at any time; a reader folds before it reads. A worker that is gone (its lock is free) is settled: its calls
under way are recorded as they last stood, with the money that was held for them, and its leases are given back.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from .decisions import SAID, put
from .journal import FOLDER
from .rows import COLUMNS, CallRow

CHUNK_BYTES = 512 * 1024
"""Bytes of a journal folded in one transaction: other processes get their turn, and the memory stays small."""
HOUR_S = 3600

_FIELDS = CallRow.__struct_fields__
_PLACES = ",".join("?" * len(_FIELDS))
_CALL = f"INSERT OR IGNORE INTO calls ({COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - our own columns
_SPEND = """
    INSERT INTO spent VALUES (?, ?, ?, ?)
    ON CONFLICT (scope, name, hour) DO UPDATE SET usd = usd + excluded.usd
"""
_UNLEASE = "UPDATE leases SET usd = usd - ? WHERE worker = ? AND scope = ? AND name = ?"
_AT, _USD = _FIELDS.index("at"), _FIELDS.index("usd")
_BACKEND, _ASKED, _SERVED = (_FIELDS.index(name) for name in ("backend", "model_asked", "model_served"))
_CALLER, _OUTCOME = _FIELDS.index("caller"), _FIELDS.index("outcome")
_TOKENS = tuple(_FIELDS.index(name) for name in ("input_tokens", "output_tokens"))
_SCOPES = tuple((scope, _FIELDS.index(scope)) for scope in ("key", "team", "route"))
_WIDTH = len(_FIELDS)

_decoder = msgspec.json.Decoder(list[Any])


def fold(db: sqlite3.Connection, data_dir: Path) -> int:
    """Fold every journal and settle workers that are gone; returns how many calls came in. `db` is in autocommit mode.

    Raises sqlite3.Error; what was committed stays.
    """
    folder = data_dir / FOLDER
    if not folder.is_dir():
        return 0
    count = 0
    for lock in sorted(folder.glob("*.lock")):
        worker = lock.stem
        gone = _is_gone(lock)  # before its journal is read: what it says later is said by nobody
        for path in sorted(folder.glob(f"{worker}.*.jsonl"), key=_number):
            count += fold_file(db, path)
        if gone:
            count += _settle(db, worker)
            for path in folder.glob(f"{worker}.*.jsonl"):
                _forget(db, path)
            lock.unlink(missing_ok=True)
        else:
            _forget_folded(db, sorted(folder.glob(f"{worker}.*.jsonl"), key=_number)[:-1])
    return count


def fold_file(db: sqlite3.Connection, path: Path) -> int:
    """Fold what has been appended to one journal since the last time."""
    count = 0
    while True:
        db.execute("BEGIN IMMEDIATE")
        try:
            got, more = _fold_chunk(db, path)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        count += got
        if not more:
            return count


def _fold_chunk(db: sqlite3.Connection, path: Path) -> tuple[int, bool]:
    """Rows taken in, and whether there may be more."""
    row = db.execute("SELECT folded FROM journals WHERE file = ?", (path.name,)).fetchone()
    start = row[0] if row else 0
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(CHUNK_BYTES)
    except FileNotFoundError:  # folded and removed by somebody else a moment ago
        return 0, False
    whole = data[: data.rfind(b"\n") + 1]  # the rest is being written, or was cut off with its process
    if not whole:
        return 0, False
    calls, opened, decided = _read(whole)
    worker = path.name.partition(".")[0]
    _insert(db, worker, calls.values())
    for kind, said in decided.items():
        put(db, kind, said)
    waiting = [row[0] for row in db.execute("SELECT id FROM under_way WHERE worker = ?", (worker,))]
    db.executemany("DELETE FROM under_way WHERE id = ?", ((call_id,) for call_id in waiting if call_id in calls))
    db.executemany(
        "INSERT OR REPLACE INTO under_way VALUES (?, ?, ?)",
        ((call_id, worker, msgspec.json.encode(values).decode()) for call_id, values in opened.items()),
    )
    db.execute("INSERT OR REPLACE INTO journals VALUES (?, ?)", (path.name, start + len(whole)))
    return len(calls), len(data) == CHUNK_BYTES


def _read(whole: bytes) -> tuple[dict[str, list[Any]], dict[str, list[Any]], dict[str, list[tuple[Any, ...]]]]:
    """Calls that ended, and those that are still under way at the end of these lines, by id; what else was said, of
    decisions, by kind."""
    calls: dict[str, list[Any]] = {}
    opened: dict[str, list[Any]] = {}
    decided: dict[str, list[tuple[Any, ...]]] = {}
    for line in whole.splitlines():
        try:
            kind, *values = _decoder.decode(line)
        except (msgspec.DecodeError, ValueError):
            continue  # a disk that lies; the other lines are whole
        if kind in SAID:
            decided.setdefault(kind, []).append(tuple(values))
            continue
        values = (values + [None] * _WIDTH)[:_WIDTH]  # written by an older or newer version
        if kind == "call":
            calls[values[0]] = values
            opened.pop(values[0], None)
        elif kind == "open":
            opened[values[0]] = values
    return calls, opened, decided


def _insert(db: sqlite3.Connection, worker: str, rows: Iterable[list[Any]]) -> None:
    rows = list(rows)
    db.executemany(_CALL, rows)
    put(db, "traffic", ((*place, *counts) for place, counts in _traffic(rows).items()))
    sums = _sums(rows)
    db.executemany(_SPEND, ((*place, usd) for place, usd in sums.items()))
    db.executemany(_UNLEASE, ((usd, worker, scope, name) for (scope, name, _), usd in sums.items()))


def _sums(rows: Iterable[list[Any]]) -> dict[tuple[str, str, int], float]:
    """Dollars by scope, name and hour."""
    sums: dict[tuple[str, str, int], float] = defaultdict(float)
    for row in rows:
        usd = row[_USD]
        if usd:
            hour = int(row[_AT] // HOUR_S)
            for scope, place in _SCOPES:
                if row[place] is not None:
                    sums[scope, row[place], hour] += usd
    return sums


def _traffic(rows: Iterable[list[Any]]) -> dict[tuple[int, str, str, str], list[int]]:
    """Answered calls of the gateway and their tokens, by hour, backend, model asked for and model that answered."""
    sums: dict[tuple[int, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if row[_OUTCOME] == "ok" and row[_CALLER] == "gateway":
            counts = sums[int(row[_AT] // HOUR_S), row[_BACKEND], row[_ASKED], row[_SERVED] or ""]
            counts[0] += 1
            counts[1] += sum(row[place] or 0 for place in _TOKENS)
    return sums


def _settle(db: sqlite3.Connection, worker: str) -> int:
    """Record what a worker that is gone had under way, and give its leases back."""
    db.execute("BEGIN IMMEDIATE")
    try:
        rows = [
            _decoder.decode(text) for (text,) in db.execute("SELECT row FROM under_way WHERE worker = ?", (worker,))
        ]
        _insert(db, worker, rows)
        db.execute("DELETE FROM under_way WHERE worker = ?", (worker,))
        db.execute("DELETE FROM leases WHERE worker = ?", (worker,))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return len(rows)


def _forget_folded(db: sqlite3.Connection, paths: Iterable[Path]) -> None:
    """Remove files that their worker has finished with and that are in the ledger to their last byte."""
    for path in paths:
        row = db.execute("SELECT folded FROM journals WHERE file = ?", (path.name,)).fetchone()
        try:
            if row is not None and row[0] >= path.stat().st_size:
                _forget(db, path)
        except FileNotFoundError:
            continue


def _forget(db: sqlite3.Connection, path: Path) -> None:
    path.unlink(missing_ok=True)
    db.execute("DELETE FROM journals WHERE file = ?", (path.name,))


def _is_gone(lock: Path) -> bool:
    try:
        file = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # being settled by somebody else
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _number(path: Path) -> int:
    return int(path.name.split(".")[1])
