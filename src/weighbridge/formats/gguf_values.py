"""Single values in a GGUF file, and arrays that stay there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from weighbridge.formats.cursor import Cursor
from weighbridge.units import MIB

MAX_KEPT_BYTES = 64 * MIB
"""Of all strings together that are held in memory; chat templates are tens of kilobytes."""

BOOL, STRING, ARRAY = 7, 8, 9
SCALARS = {kind: struct.Struct("<" + code) for kind, code in enumerate("BbHhIif?")} | {
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class GgufArray:
    """An array that stays in the file; iterating opens it again and reads piece by piece."""

    path: Path
    kind: int
    count: int
    offset: int
    """Where its first element begins, from the start of the file."""

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Scalar]:
        with Cursor(self.path, self.offset) as cursor:
            for _ in range(self.count):
                yield read_scalar(cursor, self.kind, "an array")

    def head(self, count: int) -> tuple[Scalar, ...]:
        """The first `count` elements."""
        return tuple(islice(self, count))


Value = Scalar | tuple[Scalar, ...] | GgufArray


def read_scalar(cursor: Cursor, kind: int, what: str, most: int = MAX_KEPT_BYTES) -> Scalar:
    """The next value of type `kind`; a string of at most `most` bytes."""
    if kind == STRING:
        length = cursor.uint64(f"the length of {what}")
        if length > most:
            cursor.need(length, f"the string {what}")
            raise cursor.wrong(f"{what} is a string of {length} bytes; more than {most} is not kept")
        return cursor.take(length, f"the string {what}").decode("utf-8", "replace")
    if kind not in SCALARS:
        raise cursor.wrong(f"{what} has the unknown type {kind}")
    if kind == BOOL:
        byte = cursor.take(1, what)[0]
        if byte > 1:
            raise cursor.wrong(f"{what} is a boolean with the value {byte}")
        return bool(byte)
    value: int | float = cursor.unpack(SCALARS[kind], what)[0]
    return value
