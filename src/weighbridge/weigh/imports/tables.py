"""CSV and TSV: one row per answer (long), or one row per item and one column per candidate (wide).

A table is long when its header names an item, a candidate and a score; else it is wide, its first column holds the
items (or the column that is called so), and every other column that holds numbers is a candidate.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from weighbridge.errors import InputError, UsageError
from weighbridge.formats.csv_lines import fields_of

from .fields import NAMES, Roles, check_where, recorded, roles_of
from .reading import LONGEST_LINE, opened
from .recorded import TAG_FIELDS, Log, Recorded, Taken, clipped, tags_of
from .scale import number_of

LOOKED_AT = 200
"""Rows from which it is judged which columns hold scores."""
CANDIDATE_COLUMNS = ("candidate", "model", "model_id", "model_name")
OTHER_NUMBER = re.compile(r"[+-]?\d+(,\d+\s*%?|(\.\d+)?\s*%)")
"""Shares as many programs write them: 50%, 0,5."""
SAID = 5
"""Columns that are named where they are left out."""
PROMPTFOO = "Grader Reason"
"""A column that only promptfoo's tables have, once for each prompt."""
METRIC = "score"
"""What the cells of a wide table are called."""


class Row(NamedTuple):
    line: int
    cells: list[str]


def table_log(path: Path, taken: Taken) -> Log:
    """A table that was found; its header is read here. Raises InputError, UsageError."""
    header = next(_rows(path), None)
    if header is None:
        raise InputError("the table is empty", where=path.name, next_move="Give it a header and a row for each item.")
    names = _names(header, path)
    roles = None if taken.rows_are_items else roles_of(names, taken, f"{path.name}:1")
    if roles is None and set(taken.columns) > {"item"}:
        lacking = ", ".join(role for role in ("item", "candidate", "score") if role not in taken.columns)
        raise UsageError(
            f"this is no table with one row per answer: its header does not say which column is the {lacking}",
            where=f"{path.name}:1",
            next_move="--columns item=ID,candidate=MODEL,score=SCORE names all three; without it the table has a "
            "column for each candidate.",
        )
    if roles is None and not taken.rows_are_items:
        _check_is_wide(names, taken, path)
    check_where(names, taken, f"{path.name}:1")
    if roles is not None:
        log = Log(path, "table, one row per answer", lambda: _long(path, names, roles, taken), task="")
    else:
        log = Log(path, "table, one column per candidate", lambda: _wide(path, names, taken), task="")
        looked = [row for _, row in islice(_records(path, names), LOOKED_AT)]
        item, candidates = _columns(names, looked, taken, path.name)
        log.could_be = tuple(name for name in names if name and name != item)
        log.notes += _left_out(names, item, candidates, taken)
    log.repeats_are_meant, log.blank_is_missing = taken.repeats, True
    return log


def _check_is_wide(names: Sequence[str], taken: Taken, path: Path) -> None:
    """Raise UsageError for a table that names its candidates row by row and not which column is the score."""
    named = next((name for name in names if name.casefold() in CANDIDATE_COLUMNS), None)
    if named is None or set(taken.candidates) & set(names):
        return
    known = {name.casefold() for name in names}
    lacking = [role for role in ("item", "score") if role not in taken.columns and not known & set(NAMES[role])]
    raise UsageError(
        f"the column {named!r} names candidates, and no column is called {' or '.join(lacking) or 'score'}",
        where=f"{path.name}:1",
        next_move=f"--columns {','.join(f'{role}=NAME' for role in lacking or ['score'])} says which it is, of: "
        f"{', '.join(names[:12])}. Where columns are candidates, name them: --candidates A,B.",
    )


def _rows(path: Path) -> Iterator[Row]:
    """Records with the line they begin on. Raises InputError for what is no CSV or not UTF-8."""
    try:
        with fields_of(LONGEST_LINE), opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            delimiter = _delimiter(path, text)
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            line = 1
            for cells in reader:
                if cells:
                    yield Row(line, cells)
                line = reader.line_num + 1
    except csv.Error as error:
        what = f"the table cannot be read: {error}"
        hint = 'A cell with a delimiter, quote or line break stands in "quotes".'
        raise InputError(what, where=path.name, next_move=hint) from error
    except UnicodeDecodeError as error:
        what = f"the table is not UTF-8: byte 0x{error.object[error.start]:02x}"
        raise InputError(what, where=path.name, next_move="Save it as UTF-8.") from error


def _delimiter(path: Path, text: io.TextIOWrapper) -> str:
    """A tab in `.tsv`; else what the header has most of among comma, semicolon and tab. Reads the file's first
    characters and goes back: the table is then read from a buffer of its own."""
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if ".tsv" in suffixes:
        return "\t"
    first = text.buffer.peek(1 << 16)[: 1 << 16].split(b"\n", 1)[0]  # type: ignore[attr-defined]
    counts = {mark: first.count(mark.encode()) for mark in ",;\t"}
    return max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else ","


def _names(header: Row, path: Path) -> list[str]:
    names = [name.strip() for name in header.cells]
    for place, name in enumerate(names):
        if name and name in names[:place] and PROMPTFOO in names:
            raise InputError(
                "this is a table of promptfoo's, made for people to read",
                where=f"{path.name}:1",
                next_move="Its JSON holds the same: `promptfoo eval -o results.json`, or `promptfoo export eval ID`.",
            )
        if name and name in names[:place]:
            raise InputError(f"two columns are called {name!r}", where=f"{path.name}:1", next_move="Rename one.")
    return names


def _records(path: Path, names: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row by column name) below the header. Raises InputError for a row of another length."""
    for row in islice(_rows(path), 1, None):
        if len(row.cells) != len(names):
            what = f"this row has {len(row.cells)} cells, and the header has {len(names)}"
            where = f"{path.name}:{row.line}"
            raise InputError(what, where=where, next_move="Give every row as many cells; a missing value is blank.")
        yield row.line, dict(zip(names, row.cells, strict=True))


def _long(path: Path, names: Sequence[str], roles: Roles, taken: Taken) -> Iterator[Recorded]:
    for line, row in _records(path, names):
        found = recorded(row, roles, taken, (path.name, line))
        if found is not None:
            yield found


def _wide(path: Path, names: Sequence[str], taken: Taken) -> Iterator[Recorded]:
    """A sample for each cell that holds a score."""
    records = _records(path, names)
    looked = list(islice(records, LOOKED_AT))
    item, candidates = _columns(names, [row for _, row in looked], taken, path.name)
    grouping = [name for name in names if name.casefold() in TAG_FIELDS or name in taken.tags]
    for number, (line, row) in enumerate((pair for part in (looked, records) for pair in part), 1):
        if any(row.get(name, "").strip() != value for name, value in taken.where.items()):
            continue
        name = str(number) if item is None else row[item].strip()
        if not name:
            what = f"row {number} has no item: the column {item!r} is empty"
            raise InputError(what, where=f"{path.name}:{line}", next_move="Give every row an id.")
        tags = tags_of({column: row[column] for column in grouping}, tuple(grouping)) if grouping else {}
        asked = row.get("prompt") or row.get("instruction")
        for candidate in candidates:
            if number_of(row[candidate]) is not None:
                yield Recorded(
                    item=clipped(name),
                    candidate=candidate,
                    line=line,
                    scores={METRIC: row[candidate]},
                    tags=tags,
                    asked=asked,
                )


def _columns(
    names: Sequence[str], rows: Sequence[dict[str, str]], taken: Taken, file: str
) -> tuple[str | None, list[str]]:
    """The column of the items, None where rows are items; and those of the candidates."""
    item = None if taken.rows_are_items else taken.columns.get("item") or _item_column(names)
    where = f"{file}:1"
    if taken.candidates and any(name in names for name in taken.candidates):
        return item, [name for name in names if name in taken.candidates and name != item]
    candidates = [name for name in names if name and name != item and _holds_scores(name, rows, taken)]
    _check_spelling([name for name in names if name not in candidates and name != item], rows, taken, where)
    if item is not None and not candidates and rows and _holds_scores(item, rows, taken):
        item = None
    if not candidates:
        raise _no_scores(names, where, empty=not rows)
    if item is not None and item == names[0] and _looks_like_scores(item, rows):
        raise InputError(
            f"the first column, {item!r}, should hold the items and holds scores",
            where=where,
            next_move="Where no column is an id, let each row be an item with --rows-are-items; else name the column "
            "of the items: --columns item=NAME.",
        )
    return item, candidates


def _no_scores(names: Sequence[str], where: str, *, empty: bool) -> InputError:
    """What a table is of which no column holds scores."""
    if {"model_a", "model_b", "winner"} <= {name.casefold() for name in names}:
        what = "these are votes on pairs, and no scores"
        return InputError(what, where=where, next_move="`weighbridge rank` makes ratings of them.")
    return InputError(
        "the table has a header and no rows" if len(names) > 1 and empty else "no column of this table holds scores",
        where=where,
        next_move="One row per item has a column of numbers for each candidate; one row per answer has columns "
        "called item, candidate and score (--columns names others). Numbers are written 0.5, not 0,5 or 50%.",
    )


def _check_spelling(names: Sequence[str], rows: Sequence[dict[str, str]], taken: Taken, where: str) -> None:
    """Raise InputError for a column of numbers that are spelled in another way: it would be no candidate otherwise."""
    for name in names:
        filled = [cell for row in rows if (cell := row[name].strip())]
        other = [cell for cell in filled if OTHER_NUMBER.fullmatch(cell)]
        if name and 2 * len(other) > len(filled) and not _is_tag(name, taken):
            raise InputError(
                f"the column {name!r} holds {other[0]!r}, and a score is written 0.5",
                where=where,
                next_move="Write numbers with a point and without a percent sign; or name the candidates, where this "
                "column is none: --candidates A,B.",
            )


def _left_out(names: Sequence[str], item: str | None, candidates: Sequence[str], taken: Taken) -> list[str]:
    """What is said of columns that nobody left out on purpose."""
    if taken.candidates and set(taken.candidates) & set(names):
        return []
    rest = [name or "(without a name)" for name in names if name not in candidates and name != item]
    rest = [name for name in rest if not _is_tag(name, taken)]
    if not rest:
        return []
    more = f" and {len(rest) - SAID} more" if len(rest) > SAID else ""
    return [
        f"no candidates, for a name or scores in the first {LOOKED_AT} rows are lacking: {', '.join(rest[:SAID])}{more}"
    ]


def _item_column(names: Sequence[str]) -> str:
    known = {name.casefold(): name for name in names}
    return next((known[one] for one in NAMES["item"] if one in known), names[0])


def _holds_scores(name: str, rows: Sequence[dict[str, str]], taken: Taken) -> bool:
    """Whether most cells that are filled hold a number: one that does not is then refused where it stands. A column
    that items are grouped by is no candidate."""
    if _is_tag(name, taken):
        return False
    values = [number_of(row[name]) for row in rows]
    numbers = sum(isinstance(value, float) for value in values)
    return numbers > sum(isinstance(value, str) for value in values)


def _is_tag(name: str, taken: Taken) -> bool:
    return name.casefold() in TAG_FIELDS or name in taken.tags or name in taken.where


def _looks_like_scores(name: str, rows: Sequence[dict[str, str]]) -> bool:
    """Numbers from 0 to 1 that come again and again: no ids."""
    values = [number_of(row[name]) for row in rows]
    numbers = [value for value in values if isinstance(value, float)]
    within = all(0.0 <= value <= 1.0 for value in numbers)
    return len(numbers) == len(values) > 2 and within and len(set(numbers)) < len(numbers)
