"""The catalogue as it is shipped: compiled from the TOML beside it, so that a command has it in milliseconds.

`weighbridge catalog build` makes the file, and tests/catalog/test_snapshot.py fails when it is not in step with the
TOML. Written whole or not at all; the same TOML gives the same bytes.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import msgspec

from weighbridge.catalog.records import Catalogue
from weighbridge.errors import InputError

DATA = Path(__file__).parent / "data"
"""The shipped catalogue: TOML, tables, snapshot."""
SNAPSHOT = "catalogue.msgpack"


@cache
def load_catalogue(folder: Path = DATA) -> Catalogue:
    """The catalogue from its snapshot; the same value each time."""
    path = folder / SNAPSHOT
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Catalogue)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the catalogue's snapshot cannot be read: {error}",
            where=str(path),
            next_move="`weighbridge catalog build` makes it from the TOML; or install weighbridge again.",
        ) from error


def encode(catalogue: Catalogue) -> bytes:
    """The bytes of a snapshot."""
    return msgspec.msgpack.encode(catalogue)


def is_in_step(catalogue: Catalogue, folder: Path) -> bool:
    """Whether the snapshot of a folder is the one this catalogue gives."""
    path = folder / SNAPSHOT
    return path.exists() and path.read_bytes() == encode(catalogue)


def write_snapshot(catalogue: Catalogue, folder: Path) -> Path:
    """Put the snapshot into its folder; what was there stays until the new one is whole."""
    path = folder / SNAPSHOT
    try:
        handle, name = tempfile.mkstemp(prefix=f".{SNAPSHOT}.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(encode(catalogue))
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", where=str(path)) from error
    return path
