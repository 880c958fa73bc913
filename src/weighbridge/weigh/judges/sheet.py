"""Rows of a file of judgements or labels: CSV, TSV (also gzipped) or JSONL, read as a stream, each with its line."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import msgspec

from weighbridge.errors import InputError
from weighbridge.formats.problems import did_you_mean
from weighbridge.units import MIB, format_bytes

LONGEST_LINE = 16 * MIB
Row = Mapping[str, Any]


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Line number and cells of every row; a blank cell is left out. Raises InputError with the line."""
    names = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    kind = names[-1] if names else ""
    try:
        with _opened(path) as lines:
            yield from _json_rows(lines, path) if kind in (".jsonl", ".ndjson") else _cells(lines, path, kind)
    except (OSError, EOFError, zlib.error) as error:
        what = f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InputError(what, where=str(path), next_move="Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: {error.reason}", where=str(path), next_move="Save it as UTF-8.") from error


def column(row: Row, choices: tuple[str, ...], where: str) -> str:
    """The first of these columns that the row has a value in. Raises InputError naming the columns it has."""
    for name in choices:
        if name in row:
            return name
    raise InputError(
        f"no value in a column {' or '.join(repr(name) for name in choices)}",
        where=where,
        next_move=did_you_mean(choices[0], row),
    )


def number(value: Any, where: str) -> float:
    """A finite number. Raises InputError."""
    try:
        if isinstance(value, bool):
            raise ValueError
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not math.isfinite(found):
        raise InputError(f"{str(value)[:40]!r} is no number", where=where, next_move="Leave a missing one blank.")
    return found


def _json_rows(lines: TextIO, path: Path) -> Iterator[tuple[int, Row]]:
    for line, text in enumerate(_bounded(lines, path), start=1):
        if not text.strip():
            continue
        try:
            row = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InputError(f"not readable as JSON: {error}", where=f"{path.name}:{line}") from error
        if not isinstance(row, dict):
            raise InputError("a line is not an object", where=f"{path.name}:{line}", next_move='Write {"item": ...}.')
        yield line, {name: value for name, value in row.items() if value is not None and value != ""}


def _cells(lines: TextIO, path: Path, kind: str) -> Iterator[tuple[int, Row]]:
    before = csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(_bounded(lines, path), delimiter="\t" if kind == ".tsv" else ",", strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
        if not head:
            raise InputError("the file is empty", where=str(path), next_move="It begins with the names of its columns.")
        for place, name in enumerate(head):
            if name and name in head[:place]:
                raise InputError(f"two columns are called {name!r}", where=f"{path.name}:1", next_move="Rename one.")
        line = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(head):
                what = f"a row of {len(cells)} cells, and the header has {len(head)}"
                raise InputError(what, where=f"{path.name}:{line}", next_move="A missing value is a blank cell.")
            if cells:
                yield line, {name: cell for name, cell in zip(head, cells, strict=True) if cell.strip()}
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"not readable as CSV: {error}", where=f"{path.name}:{reader.line_num}") from error
    finally:
        csv.field_size_limit(before)


def _bounded(lines: TextIO, path: Path) -> Iterator[str]:
    """Lines of a length that fits into memory."""
    number = 0
    while text := lines.readline(LONGEST_LINE + 1):
        number += 1
        if len(text) > LONGEST_LINE:
            what = f"a line longer than {format_bytes(LONGEST_LINE)}"
            raise InputError(what, where=f"{path.name}:{number}", next_move="A row is one judgement.")
        yield text


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
