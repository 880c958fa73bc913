"""Read a file forward, never past its end and never more at once than was checked to be there.

A length that the file declares is compared with the bytes that remain *before* anything is allocated, so a file of
40 bytes that promises 2^60 elements costs 40 bytes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from weighbridge.errors import WeightsError
from weighbridge.units import MIB

WINDOW_BYTES = MIB
"""Read ahead; also the most that is held for a run of small values."""


class Cursor:
    """A position in a file that is read forward; closes the file on leaving the `with` block."""

    def __init__(self, path: Path, at: int = 0) -> None:
        self.path = path
        self._file: BinaryIO = path.open("rb")
        self.size = self._file.seek(0, 2)
        self._buffer = b""
        self._base = at
        """Where in the file the buffer begins."""
        self._at = 0
        """Where in the buffer we stand."""
        self._file.seek(at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        """Bytes from the file's beginning."""
        return self._base + self._at

    @property
    def remaining(self) -> int:
        """Bytes to the file's end."""
        return self.size - self.position

    def wrong(self, what: str, at: int | None = None) -> WeightsError:
        """An error that names the file and the byte."""
        return WeightsError(
            what,
            where=f"{self.path}, byte {self.position if at is None else at}",
            next_move="The file is damaged or not what it says it is: pull it again, or ask where it came from.",
        )

    def rewind(self, position: int) -> None:
        """Stand at `position` again, which must still be in the buffer (the first bytes of a file are)."""
        self._at = position - self._base

    def need(self, count: int, what: str) -> None:
        """Make sure that `count` bytes are left for `what`."""
        if count > self.remaining:
            raise self.wrong(
                f"the file ends inside {what}: {count} bytes are needed, {max(0, self.remaining)} are left"
            )

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes."""
        self._ensure(count, what)
        start = self._at
        self._at += count
        return self._buffer[start : self._at]

    def unpack(self, layout: struct.Struct, what: str) -> tuple[int | float | bool, ...]:
        """The next values, laid out as `layout`."""
        self._ensure(layout.size, what)
        start = self._at
        self._at += layout.size
        return layout.unpack_from(self._buffer, start)

    def uint32(self, what: str) -> int:
        return int.from_bytes(self.take(4, what), "little")

    def uint64(self, what: str) -> int:
        return int.from_bytes(self.take(8, what), "little")

    def skip(self, count: int, what: str) -> None:
        """Step over `count` bytes without reading them."""
        self.need(count, what)
        if self._at + count <= len(self._buffer):
            self._at += count
            return
        self._base = self.position + count
        self._file.seek(self._base)
        self._buffer, self._at = b"", 0

    def skip_strings(self, count: int, what: str) -> None:
        """Step over `count` strings, each an 8-byte length and that many bytes. Half a microsecond a string."""
        left = count
        length_of = struct.Struct("<Q").unpack_from
        while left:
            self._ensure(8, what)
            buffer, at, end = self._buffer, self._at, len(self._buffer)
            while left and at + 8 <= end:
                after = at + 8 + length_of(buffer, at)[0]
                if after > end:
                    break
                at, left = after, left - 1
            moved = at != self._at
            self._at = at
            if left and not moved:  # the next string is longer than the window: step over it by itself
                self.skip(self.uint64(what), what)
                left -= 1

    def _ensure(self, count: int, what: str) -> None:
        """Have at least `count` bytes in the buffer from here on."""
        held = len(self._buffer) - self._at
        if held >= count:
            return
        self.need(count, what)
        self._base += self._at
        rest = self._buffer[self._at :]
        self._buffer = rest + self._file.read(max(count, WINDOW_BYTES) - held)
        self._at = 0
        if len(self._buffer) < count:  # it shrank while we were reading
            self.size = self._base + len(self._buffer)
            self.need(count, what)
