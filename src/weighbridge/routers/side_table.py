"""A table of one thing about each item and voter, read whole: its cells by item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.csv_lines import Row
from weighbridge.formats.problems import did_you_mean
from weighbridge.formats.table_rows import table_rows
from weighbridge.units import MIB, format_bytes

from .columns import column

MOST_TEXT = 1024 * MIB


class SideTable:
    def __init__(self, path: Path, names: Sequence[str], kind: str) -> None:
        """kind: `prompt`, or what it says of voters."""
        self._path = path
        self._cells: dict[str, list[str]] = {}
        with table_rows(path) as (header, rows):
            self.voters = [""] if kind == "prompt" else [name for name in names if name in header[1:]]
            if not self.voters:
                raise UsageError(
                    f"none of the models is a column of {path.name}",
                    where=f"{path.name}:1",
                    next_move=did_you_mean(names[0], header[1:]),
                )
            if kind == "prompt":
                places = [column(header, "prompt", path.name)]
            else:
                places = [header.index(name, 1) for name in self.voters]
            self._read(rows, places)

    def _read(self, rows: Iterator[Row], places: list[int]) -> None:
        size = 0
        for row in rows:
            item = row.cells[0].strip()
            if item in self._cells:
                what = f"item {item[:80]!r} stands there twice"
                raise InputError(what, where=f"{self._path.name}:{row.line}", next_move="Give each item one row.")
            self._cells[item] = [row.cells[place] for place in places]
            size += sum(map(len, self._cells[item]))
            if size > MOST_TEXT:
                raise InputError(f"the table holds more than {format_bytes(MOST_TEXT)}", where=self._path.name)

    def of(self, item: str, at: str) -> dict[str, str]:
        found = self._cells.get(item)
        if found is None:
            raise InputError(
                f"there is no item {item[:80]!r} in {self._path.name}",
                where=at,
                next_move="Both tables name items in their first column; name another with --item.",
            )
        return dict(zip(self.voters, found, strict=True))
