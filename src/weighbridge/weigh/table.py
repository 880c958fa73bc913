"""A wide table of recorded scores: first column the item, one column for each candidate.

Read as a stream, a line and a field of bounded length at a time: only the scores of the named columns are kept, 8 bytes
each. A compressed file that swells beyond belief is refused before it fills anything.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.csv_lines import open_csv
from weighbridge.formats.problems import nearest

MOST_BLANK_LINES = 100_000


class Table(NamedTuple):
    """What was read."""

    candidates: tuple[str, ...]
    scores: npt.NDArray[np.float64]
    """(items, candidates), in the order of the file, of the items that have all of them."""
    rows: int
    """Items in the file, those with a missing value included."""


def read_table(path: Path, candidates: Sequence[str], *, rows_are_items: bool = False) -> Table:
    """The scores of the named candidates; with `rows_are_items` whatever the first column says.

    Raises UsageError for a name that is no column, InputError with row and column for anything else.
    """
    _check_names(candidates)
    with open_csv(path) as rows:
        return _read(rows, path.name, candidates, rows_are_items=rows_are_items)


def _read(rows: Iterator[list[str]], name: str, candidates: Sequence[str], *, rows_are_items: bool) -> Table:
    reader = cast("csv.DictReader[str]", rows)  # only its line_num is used
    header = next(rows, None)
    if header is None:
        raise InputError("the table is empty", where=name, next_move="Give it a header and a row for each item.")
    columns = _columns(header, name, candidates)
    scores = array("d")
    seen: dict[str, int] = {}
    line = reader.line_num + 1
    count = blank = 0
    for row in rows:
        if not row:
            blank += 1
            if blank > MOST_BLANK_LINES:
                what = f"more than {MOST_BLANK_LINES:,} blank lines"
                raise InputError(what, where=f"{name}:{line}", next_move="Check how the file was written.")
        else:
            at = f"{name}:{line}"
            if len(row) != len(header):
                what = f"row {count + 1} has {len(row)} cells, and the header has {len(header)}"
                raise InputError(what, where=at, next_move="Give every row as many cells; a missing value is blank.")
            count += 1
            if not rows_are_items:
                _check_id(row[0].strip(), at, seen, line)
            values = [_value(row[column], at, header[column], count) for column in columns]
            if None not in values:
                scores.extend(cast("list[float]", values))
        line = reader.line_num + 1
    table = np.frombuffer(scores, dtype=np.float64) if scores else np.empty(0)
    return Table(tuple(candidates), table.reshape(-1, len(columns)), count)


def _columns(header: Sequence[str], name: str, candidates: Sequence[str]) -> list[int]:
    """Where the candidates stand; never in the first column, which holds the item."""
    names = [column.strip() for column in header]
    for candidate in candidates:
        count = names[1:].count(candidate)
        if count == 1:
            continue
        if count > 1:
            raise InputError(f"{count} columns are called {candidate!r}", where=f"{name}:1", next_move="Rename them.")
        hint = f"{near} " if (near := nearest(candidate, names[1:])) else ""
        shown = ", ".join(names[1:9]) + (f" and {len(names) - 9} more" if len(names) > 9 else "")
        what = f"no candidate {candidate!r} in the table"
        if names and candidate == names[0]:
            what = f"the first column, {candidate!r}, holds the items and cannot be a candidate"
        raise UsageError(what, where=f"{name}:1", next_move=f"{hint}Its candidates are: {shown or 'none'}.")
    return [names.index(candidate, 1) for candidate in candidates]


def _check_names(candidates: Sequence[str]) -> None:
    if len(candidates) < 2:
        raise UsageError("a comparison needs two candidates or more", next_move="Name them: --candidates A,B")
    for name in candidates:
        if candidates.count(name) > 1:
            raise UsageError(f"candidate {name!r} is named twice", next_move="Name each candidate once.")


def _check_id(item: str, at: str, seen: dict[str, int], line: int) -> None:
    if not item:
        raise InputError(
            f"row {len(seen) + 1} has no item", where=at, next_move="Its first cell names the item; give it an id."
        )
    if item in seen:
        raise InputError(
            f"item {item!r} stands there twice, first on line {seen[item]}",
            where=at,
            next_move="Give every item an id of its own in the first column, and one row; or, where that column is no "
            "id, let each row be an item with --rows-are-items.",
        )
    seen[item] = line


def _value(text: str, at: str, column: str, row: int) -> float | None:
    """A score in [0, 1]; None where the cell is blank."""
    if not text or text.isspace():
        return None
    try:
        value = float(text) if text.isascii() and "_" not in text else -1.0  # float() takes 1_0 and ١
    except ValueError:
        value = -1.0
    if 0.0 <= value <= 1.0:  # false for NaN
        return value
    raise InputError(
        f"row {row}: {text.strip()[:40]!r} is not a number from 0 to 1",
        where=f"{at}: {column}",
        next_move="Scores lie between 0 and 1; leave the cell blank where there is none.",
    )
