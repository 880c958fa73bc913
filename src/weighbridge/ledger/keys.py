"""Callers' keys: made, listed, revoked, given a new secret. Only a hash is stored, so a key is shown once.

A key is 256 random bits, so its plain SHA-256 cannot be searched for; a slow hash would protect nothing more. Every
change raises the mark `keys`, by which a running gateway knows that it has to look again.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

PREFIX = "sk-wb-"
MARK = "keys"

Result = TypeVar("Result")


class KeyRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a key; the key itself is not."""

    id: str
    name: str
    team: str | None = None
    created_at: float
    """Unix seconds."""
    expires_at: float | None = None
    revoked_at: float | None = None
    budget_usd: float | None = None
    budget_period: str | None = None
    """`hour`, `day` or `month`, of UTC."""
    rpm: int | None = None
    """Requests a minute."""
    tpm: int | None = None
    """Tokens a minute, in and out."""
    routes: tuple[str, ...] | None = None
    """Public model names it may ask for; None is all."""
    addresses: tuple[str, ...] | None = None
    """Networks its callers may come from, as `10.0.0.0/8`; None is anywhere."""
    data_class: str | None = None
    """Of the data its calls carry, whatever their header says; None: as the header says."""


_COLUMNS = ", ".join(KeyRow.__struct_fields__)


def new_secret() -> str:
    """256 random bits behind a prefix by which leaked ones are found."""
    return PREFIX + base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def digest_of(secret: bytes) -> bytes:
    """SHA-256: what is kept of a secret, whose 256 bits nobody can guess."""
    return hashlib.sha256(secret).digest()


def add_key(db: sqlite3.Connection, row: KeyRow, secret: str) -> None:
    """Keep a new key: its digest, never the secret itself."""
    values = [getattr(row, name) for name in KeyRow.__struct_fields__]
    packed = [msgspec.json.encode(value).decode() if isinstance(value, tuple) else value for value in values]
    places = ",".join("?" * (len(values) + 1))
    statement = f"INSERT INTO keys ({_COLUMNS}, digest) VALUES ({places})"  # noqa: S608 - our own columns
    _changing(db, lambda: db.execute(statement, (*packed, digest_of(secret.encode()))))


def revoke_key(db: sqlite3.Connection, key_id: str, at: float) -> bool:
    """False where there is no such key; a key that was revoked before stays as it was."""
    statement = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
    return _changing(db, lambda: db.execute(statement, (at, key_id)).rowcount == 1)


def rotate_key(db: sqlite3.Connection, key_id: str, secret: str) -> bool:
    """Give a key a new secret at once; id, limits and what was spent stay. False where there is none to rotate."""
    statement = "UPDATE keys SET digest = ? WHERE id = ? AND revoked_at IS NULL"
    return _changing(db, lambda: db.execute(statement, (digest_of(secret.encode()), key_id)).rowcount == 1)


def read_keys(db: sqlite3.Connection) -> list[tuple[bytes, KeyRow]]:
    """All keys with the hash each is known by, oldest first, revoked and expired ones included."""
    found = db.execute(f"SELECT digest, {_COLUMNS} FROM keys ORDER BY created_at, id").fetchall()  # noqa: S608
    return [(values[0], _row(values[1:])) for values in found]


def mark(db: sqlite3.Connection, name: str = MARK) -> int:
    """How often what goes by this name has changed."""
    row = db.execute("SELECT count FROM marks WHERE name = ?", (name,)).fetchone()
    return row[0] if row else 0


def _row(values: tuple[Any, ...]) -> KeyRow:
    fields = dict(zip(KeyRow.__struct_fields__, values, strict=True))
    for name in ("routes", "addresses"):
        if fields[name] is not None:
            fields[name] = msgspec.json.decode(fields[name], type=tuple[str, ...])
    return KeyRow(**fields)


def _changing(db: sqlite3.Connection, change: Callable[[], Result]) -> Result:
    """Make a change and raise the mark, both or neither."""
    db.execute("BEGIN IMMEDIATE")
    try:
        result = change()
        db.execute("INSERT INTO marks VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1", (MARK,))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result
