"""What a gateway's worker has to say, on disk before anybody acts on it.

A file of JSON lines, `journal/WORKER.N.jsonl` in the data directory, appended to by one process with one `write` for
all calls that ended together:

    ["call", ...columns of CallRow]     a call ended; its money may be settled once this line is written
    ["open", ...columns of CallRow]     a call is under way; this is its row if nothing more is heard of it

A line is kept by the operating system whatever happens to the process (`kill -9` included), like a commit of the
ledger itself (connect.py). `fold` (fold.py) moves lines into the tables when there is time, exactly once each. A worker
holds a lock on `WORKER.lock` while it lives, so that others know whose calls and leases were left behind.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.errors import LedgerError

FOLDER = "journal"
ROTATE_BYTES = 8 << 20
"""A file that has grown beyond this is followed by the next one, and removed once it is folded."""

_encoder = msgspec.json.Encoder()


class Journal:
    """The pen of one worker. Not thread-safe: it belongs to the worker's event loop."""

    def __init__(self, data_dir: Path) -> None:
        """Raises LedgerError where the folder cannot be written."""
        self._folder = data_dir / FOLDER
        self.worker = f"{os.getpid():x}-{os.urandom(5).hex()}"
        self._number = 0
        self._written = 0
        self.backlog_bytes = 0
        """Written since somebody last set it back, on folding."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._take_lock()
            self._file = self._open()
        except OSError as error:
            raise _cannot(error, self._folder) from error

    @property
    def path(self) -> Path:
        return self._folder / f"{self.worker}.{self._number}.jsonl"

    def append(self, lines: Sequence[tuple[Any, ...]]) -> None:
        """Write the lines, all of them or, with LedgerError, none that counts. Returns once the system has them."""
        data = _encoder.encode_lines(lines)
        try:
            if self._written > ROTATE_BYTES:
                self._rotate()
            done = os.write(self._file, data)
            if done != len(data):  # the disk is full: a part of a line must not run into the next
                os.ftruncate(self._file, self._written)
                raise OSError(28, "no space left on device")
        except OSError as error:
            raise _cannot(error, self.path) from error
        self._written += done
        self.backlog_bytes += done

    def close(self) -> None:
        """Let go of the worker's name; what is in the journal is folded by whoever comes next."""
        if self._file >= 0:
            os.close(self._file)
            os.close(self._lock)
            self._file = -1

    def _take_lock(self) -> int:
        """The lock gets its name once it is held, so that nobody ever sees it free while its worker lives."""
        nameless = self._folder / f".{self.worker}.new"
        lock = os.open(nameless, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        nameless.rename(self._folder / f"{self.worker}.lock")
        return lock

    def _open(self) -> int:
        return os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _rotate(self) -> None:
        old = self._file
        self._number += 1
        self._file = self._open()
        self._written = 0
        os.close(old)


def _cannot(error: OSError, path: Path) -> LedgerError:
    return LedgerError(
        f"the journal of calls cannot be written: {error.strerror}",
        where=str(path),
        next_move="Free space, or make the folder writable for this user; calls that are not recorded are not settled.",
    )
