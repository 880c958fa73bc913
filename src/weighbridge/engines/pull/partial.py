"""A file that is being fetched: it can be cut at any byte and gone on with, in this process or the next.

NAME.partial        what has come
NAME.partial.etag   the ETag it belongs to, so that the rest is asked of the same thing
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from weighbridge.engines.pull.disk import disk_errors, read_chunks
from weighbridge.errors import DiskFull


class PartialFile:
    """A net.fetch.Sink on disk that knows its SHA-256 as it grows. Close it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._etag_path = path.with_name(path.name + ".etag")
        self._digest = hashlib.sha256()
        self._size = 0
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
            for chunk in read_chunks(path):
                self._digest.update(chunk)
                self._size += len(chunk)
        self._validator = self._read_etag() if self._size else None
        self.was_resumed = self._size > 0

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        return self._size

    @property
    def validator(self) -> str | None:
        """The ETag under which they came; a server that has another one has other bytes."""
        return self._validator

    @validator.setter
    def validator(self, etag: str | None) -> None:
        if etag != self._validator:
            self._validator = etag
            with disk_errors(self._etag_path):
                self._etag_path.write_text(etag or "")

    def write(self, chunk: bytes) -> None:
        """Append. DiskFull where there is no room; nothing half-written stays behind."""
        try:
            with disk_errors(self.path):
                self._file.write(chunk)
        except DiskFull:
            self.drop()
            raise
        self._digest.update(chunk)
        self._size += len(chunk)

    def restart(self) -> None:
        """Forget what came: the server has other bytes now."""
        with disk_errors(self.path):
            self._file.truncate(0)
        self._digest, self._size, self._validator = hashlib.sha256(), 0, None

    def finish(self) -> str:
        """Force it to the disk; its SHA-256."""
        try:
            with disk_errors(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())
        except DiskFull:
            self.drop()
            raise
        self.close()
        return self._digest.hexdigest()

    def git_sha1(self) -> str:
        """The hash git gives to a file with these bytes; call after `finish`."""
        digest = hashlib.sha1(b"blob %d\0" % self._size, usedforsecurity=False)
        for chunk in read_chunks(self.path):
            digest.update(chunk)
        return digest.hexdigest()

    def close(self) -> None:
        """Keep what has come, for another time."""
        if not self._file.closed:
            try:
                with disk_errors(self.path):
                    self._file.close()
            except DiskFull:
                self.drop()
                raise

    def reopen(self) -> None:
        """Begin again from nothing, after `finish`."""
        self.close()
        with disk_errors(self.path):
            self._file = self.path.open("wb")
        self._digest, self._size, self._validator, self.was_resumed = hashlib.sha256(), 0, None, False

    def drop(self) -> None:
        """Keep nothing."""
        self._file.raw.close()  # without the buffer, which a full disk would refuse once more
        self.path.unlink(missing_ok=True)
        self._etag_path.unlink(missing_ok=True)

    def _read_etag(self) -> str | None:
        try:
            return self._etag_path.read_text().strip() or None
        except (OSError, UnicodeDecodeError):
            return None
