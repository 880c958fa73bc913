"""What every file format of items has to say: where each record lies, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, Protocol

from weighbridge.units import format_bytes


class Span(NamedTuple):
    """A record of the file, as bytes that `fields` can read again."""

    line: int
    """The line it starts on, from 1."""
    start: int
    """Offset in the file; the record is `len(raw)` bytes from there."""
    raw: bytes


class BadRecord(Exception):
    """A record that is no item: its line, the field (None for the whole), what is wrong, what to do."""

    def __init__(self, line: int | None, field: str | None, what: str, next_move: str | None = None) -> None:
        super().__init__(what)
        self.line = line
        self.field = field
        self.what = what
        self.next_move = next_move


class Layout(Protocol):
    """A format: JSON Lines or CSV."""

    def spans(self, file: BinaryIO) -> Iterator[Span | BadRecord]:
        """Every record in order; a BadRecord is given, not raised, where reading can go on after it."""
        ...

    def fields(self, raw: bytes, line: int) -> dict[str, Any]:
        """What one record holds. Raises BadRecord."""
        ...


def too_large(line: int, size: int, most: int) -> BadRecord:
    return BadRecord(
        line,
        None,
        f"this item is {format_bytes(size)}; an item may have at most {format_bytes(most)}",
        "Shorten it, or raise `max_item_bytes` under `[task]`.",
    )
