"""Reading a file line by line without ever holding more than an item may measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


class Line(NamedTuple):
    number: int
    """From 1."""
    start: int
    """Offset of its first byte in the file."""
    raw: bytes
    """With its line end; empty when it is longer than allowed."""
    length: int
    """Bytes in the file, line end included."""


def read_lines(file: BinaryIO, most_bytes: int) -> Iterator[Line]:
    """Every line of a file opened at its start. One longer than `most_bytes` is measured, not held."""
    start = 0
    number = 0
    while raw := file.readline(most_bytes + 2):  # 2: a line end is not part of the item
        number += 1
        length = len(raw)
        if length > most_bytes and not raw.endswith(b"\n"):
            length += _rest_of_line(file)
            yield Line(number, start, b"", length)
        else:
            yield Line(number, start, raw, length)
        start += length


def _rest_of_line(file: BinaryIO) -> int:
    length = 0
    while raw := file.readline(_CHUNK):
        length += len(raw)
        if raw.endswith(b"\n"):
            break
    return length
