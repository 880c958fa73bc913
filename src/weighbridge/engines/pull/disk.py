"""Writing large files: what a full disk, a lost right and a crash do to us.

A file is written under a temporary name on the same file system, forced to the disk, and only then renamed: under
its final name it is whole or it is not there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weighbridge.errors import DiskFull, PullError
from weighbridge.units import MIB, format_bytes

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No space, no quota, or a limit on file sizes."""
_CHUNK_BYTES = MIB
_RESERVE_BYTES = 16 * MIB
"""Left free, so that records and ledgers can still be written."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into an error with a next move."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(path, error.strerror or "no space left") from error
        raise PullError(
            f"cannot write: {error.strerror or error}",
            where=str(error.filename or path),
            next_move="Check the rights of the folder, or set XDG_CACHE_HOME and XDG_DATA_HOME to others.",
        ) from error


def disk_full(path: Path, reason: str) -> DiskFull:
    """The error for a disk without room, with what to do."""
    return DiskFull(
        f"the disk is full: {reason}",
        where=str(path),
        next_move="Nothing half-written was kept. Free some room (`weighbridge pull --prune` drops leftovers), "
        "or point XDG_CACHE_HOME at a larger disk.",
    )


def need_room(folder: Path, count: int) -> None:
    """Raise DiskFull when `count` bytes will not fit into `folder`'s file system."""
    free = shutil.disk_usage(folder).free
    if count + _RESERVE_BYTES > free:
        raise disk_full(folder, f"{format_bytes(count)} are needed, {format_bytes(free)} are free")


def write_hashed(path: Path, chunks: Iterable[bytes], on_bytes: Callable[[int], None]) -> tuple[str, int]:
    """Write `chunks` to `path`, whole or not at all; their SHA-256 and size. `on_bytes` gets the size so far."""
    digest, size = hashlib.sha256(), 0
    try:
        with disk_errors(path), path.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                on_bytes(size)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return digest.hexdigest(), size


def write_small(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step that other processes see as a whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_hashed(temporary, [content], lambda _: None)
    with disk_errors(path):
        temporary.replace(path)


def read_chunks(path: Path, stop: Callable[[], None] = lambda: None) -> Iterator[bytes]:
    """The file's bytes, a piece at a time; `stop` is called before each and may raise."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            stop()
            yield chunk


def hash_file(
    path: Path, on_bytes: Callable[[int], None] = lambda _: None, stop: Callable[[], None] = lambda: None
) -> str:
    """SHA-256 of a file; about a gigabyte a second where the processor has SHA instructions."""
    digest, size = hashlib.sha256(), 0
    for chunk in read_chunks(path, stop):
        digest.update(chunk)
        size += len(chunk)
        on_bytes(size)
    return digest.hexdigest()


def drop_if_empty(folder: Path) -> None:
    """Remove a folder in which nothing is."""
    with suppress(OSError):
        folder.rmdir()
