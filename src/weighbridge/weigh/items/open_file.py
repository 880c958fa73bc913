"""A file opened for reading at any place, closed once and for all."""

from __future__ import annotations

import errno
import os
import stat
import weakref
from pathlib import Path
from typing import BinaryIO


class OpenFile:
    """Owns a descriptor: closed by `close`, or when nobody holds this any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)

    def close(self) -> None:
        """Safe to call twice."""
        self._close()

    def read(self, length: int, start: int) -> bytes:
        """Up to `length` bytes from `start`. Raises ValueError once closed: the number may be another file's by now."""
        if not self._close.alive:
            raise ValueError("the items are closed")
        return os.pread(self._descriptor, length, start)

    def stamp(self) -> tuple[int, int]:
        """Size in bytes and time of the last write: changes whenever the file is written to."""
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def stream(self) -> BinaryIO:
        """The file from its start, with a descriptor of its own to close."""
        file = os.fdopen(os.dup(self._descriptor), "rb", buffering=1 << 20)
        file.seek(0)
        return file


def open_regular(path: Path) -> int:
    """A descriptor of a file for reading. Raises OSError, also for what is no regular file (a pipe would block)."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))
