"""Bytes that can be read at any place, never more at once than is there: a file, a part of one, or memory.

What is inside a container (a member of a zip, the pickle in a numpy file) is a blob of its own, so every reader works
on any depth of nesting.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


class Blob(Protocol):
    """`name` says where it is, for findings."""

    name: str
    size: int

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from `at`; fewer at the end, none beyond it."""
        ...


class FileBlob:
    """A file of the disk; closes it on leaving the `with` block. Raises OSError."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
        self.size = os.fstat(self._handle).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def read(self, at: int, count: int) -> bytes:
        """At most `count` bytes from `at` on; fewer at the end, none outside."""
        if at < 0 or count <= 0 or at >= self.size:
            return b""
        return os.pread(self._handle, min(count, self.size - at), at)


class Window:
    """A part of another blob."""

    def __init__(self, blob: Blob, at: int, size: int, name: str | None = None) -> None:
        self.name = name or blob.name
        self._blob = blob
        self._at = at
        self.size = max(0, min(size, blob.size - at))

    def read(self, at: int, count: int) -> bytes:
        """At most `count` bytes from `at` on; fewer at the end, none outside."""
        if at < 0 or count <= 0 or at >= self.size:
            return b""
        return self._blob.read(self._at + at, min(count, self.size - at))


class BytesBlob:
    """Bytes in memory."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.size = len(data)
        self._data = data

    def read(self, at: int, count: int) -> bytes:
        """At most `count` bytes from `at` on; fewer at the end, none outside."""
        return self._data[at : at + count] if at >= 0 and count > 0 else b""
