"""Items as CSV or TSV: a header, then one record each; quoted fields may hold line ends. Every value is a text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, BinaryIO

from weighbridge.weigh.items.jsonl import not_utf8
from weighbridge.weigh.items.layout import BadRecord, Span, too_large
from weighbridge.weigh.items.lines import BOM, Line, read_lines


class Delimited:
    """The delimiter is a tab in `.tsv`; in `.csv` a comma, or a semicolon where the header holds no comma."""

    def __init__(self, max_item_bytes: int, *, tab: bool = False) -> None:
        self._max = max_item_bytes
        self._delimiter = "\t" if tab else ","
        self._header: list[str] = []
        csv.field_size_limit(max(csv.field_size_limit(), max_item_bytes))  # the module's own limit is 128 KiB

    def spans(self, file: BinaryIO) -> Iterator[Span | BadRecord]:
        records = _records(read_lines(file, self._max), self._max)
        header = next(records, None)
        if header is None:
            return
        if isinstance(header, BadRecord):
            yield header
            return
        self._read_header(header)
        yield from records

    def fields(self, raw: bytes, line: int) -> dict[str, Any]:
        """One item. Raises BadRecord."""
        values = self._values(raw, line)
        if len(values) != len(self._header):
            count = "1 column" if len(values) == 1 else f"{len(values)} columns"
            what = f"this record has {count}, the header has {len(self._header)}"
            raise BadRecord(line, None, what, f"Put values that hold {self._delimiter!r} or line ends in quotes.")
        return dict(zip(self._header, values, strict=True))

    def _read_header(self, header: Span) -> None:
        raw = header.raw.removeprefix(BOM)
        if self._delimiter == "," and b"," not in raw and b";" in raw:
            self._delimiter = ";"
        names = [name.strip() for name in self._values(raw, header.line)]
        seen: set[str] = set()
        for place, name in enumerate(names, 1):
            if not name:
                raise BadRecord(header.line, None, f"column {place} has no name", "Name every column in the header.")
            if name in seen:
                raise BadRecord(header.line, name, f"two columns are called {name!r}", "Rename one of them.")
            seen.add(name)
        self._header = names

    def _values(self, raw: bytes, line: int) -> list[str]:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise BadRecord(line, None, *not_utf8(raw)) from None
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except csv.Error as error:
            raise BadRecord(line, None, f"not readable as CSV: {error}", "Check the quotes of this record.") from None


def _records(lines: Iterator[Line], most: int) -> Iterator[Span | BadRecord]:
    """Joins the lines of records whose quoted fields hold line ends: a record ends where its quotes are even."""
    held: list[bytes] = []
    first = start = size = quotes = 0
    for number, offset, raw, length in lines:
        if not held:
            first, start, size, quotes = number, offset, 0, 0
        size += length
        if not raw or size > most + 2:
            yield too_large(first, size, most)
            return  # where the next record begins cannot be known
        quotes += raw.count(b'"')
        held.append(raw)
        if quotes % 2 == 0:
            record = b"".join(held)
            held = []
            if not record.isspace():
                yield Span(first, start, record)
    if held:
        what = f"a quote is opened in the record that starts here and never closed ({size} bytes to the end)"
        yield BadRecord(first, None, what, "Close it, or double quotes that belong to a text.")
