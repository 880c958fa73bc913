"""SHA-256 of files at disk speed, in as many threads as are given (hashing lets go of the interpreter)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from .walk import Entry

PIECE = 1 << 20
BATCH_BYTES, BATCH_FILES = 8 << 20, 256
SPARSE_LIMIT = 64 << 30
"""A sparse file is hashed up to this size; beyond, its zeros would take hours."""


def hash_files(
    entries: Iterable[Entry], *, threads: int = 2, tell: Callable[[int], None] = lambda _: None
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """SHA-256 by name, and what was not hashed and why. `tell` hears of bytes as they are read, from any thread."""
    wanted: list[Entry] = []
    skipped: list[str] = []
    for entry in entries:
        if entry.size > SPARSE_LIMIT and entry.on_disk < entry.size // 2:
            skipped.append(
                f"{entry.name}: not hashed, a sparse file of {entry.size:,} bytes, {entry.on_disk:,} on disk"
            )
        else:
            wanted.append(entry)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        done = [each for batch in pool.map(lambda batch: _batch(batch, tell), _batches(wanted)) for each in batch]
    hashes: dict[str, str] = {}
    for entry, (digest, problem) in zip(wanted, done, strict=True):
        if digest is None:
            skipped.append(f"{entry.name}: not hashed, {problem}")
        else:
            hashes[entry.name] = digest
    return hashes, tuple(skipped)


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Small files together, so that handing them to a thread costs less than hashing them."""
    batch: list[Entry] = []
    held = 0
    for entry in entries:
        batch.append(entry)
        held += entry.size
        if held >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, held = [], 0
    yield batch


def _batch(entries: list[Entry], tell: Callable[[int], None]) -> list[tuple[str | None, str]]:
    return [_hash(entry, tell) for entry in entries]


def _hash(entry: Entry, tell: Callable[[int], None]) -> tuple[str | None, str]:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(PIECE, entry.size + 1)))
    try:
        with entry.path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
                tell(count)
    except OSError as error:
        return None, error.strerror or str(error)
    return digest.hexdigest(), ""
