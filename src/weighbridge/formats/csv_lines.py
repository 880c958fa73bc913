"""Rows of a CSV file that nobody vouches for: streamed, unpacked if it is gzip, one line and one swelling bounded."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from weighbridge.errors import InputError
from weighbridge.units import MIB, format_bytes

LONGEST_LINE = 16 * MIB
"""Bytes of one line and characters of one cell; a cell may hold a whole prompt."""
BOMB_BYTES, BOMB_RATIO = 64 * MIB, 500
"""A compressed file that grows beyond both is refused: real tables grow 40 times at most."""


class Row(NamedTuple):
    line: int
    """Where it begins, from 1."""
    cells: list[str]


@contextmanager
def csv_rows(path: Path, delimiter: str = ",") -> Iterator[tuple[list[str], Iterator[Row]]]:
    """The header, its names stripped, and the rows below it; blank lines are left out, every row is as wide as the
    header. Raises InputError with file and line."""
    with open_csv(path, delimiter) as reader:
        header = next(reader, None)
        if header is None:
            raise InputError("the table is empty", where=path.name, next_move="Give it a header and rows.")
        yield [name.strip() for name in header], _rows(reader, path.name, len(header))


@contextmanager
def open_csv(path: Path, delimiter: str = ",") -> Iterator[Iterator[list[str]]]:
    """What `csv.reader` makes of a file, `line_num` included. Raises InputError with file and line."""
    with fields_of(LONGEST_LINE), open_lines(path) as lines:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            yield reader
        except csv.Error as error:
            raise InputError(
                f"the table cannot be read: {error}",
                where=f"{path.name}:{reader.line_num}",
                next_move='Write it as CSV with commas; a cell with a comma, quote or line break stands in "quotes".',
            ) from error


def _rows(reader: Iterator[list[str]], name: str, width: int) -> Iterator[Row]:
    counted = cast("csv.DictReader[str]", reader)  # only its line_num is used
    line = counted.line_num + 1
    for cells in reader:
        if cells:
            if len(cells) != width:
                raise InputError(
                    f"a row of {len(cells)} cells where the header has {width}",
                    where=f"{name}:{line}",
                    next_move="Give every row as many cells; a missing value is blank.",
                )
            yield Row(line, cells)
        line = counted.line_num + 1


@contextmanager
def fields_of(longest: int) -> Iterator[None]:
    """Let the csv module read long cells meanwhile; its limit belongs to the whole process."""
    before = csv.field_size_limit(longest)
    try:
        yield
    finally:
        csv.field_size_limit(before)


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a file, unpacked if it starts like a gzip file. Raises InputError with file and line."""
    try:
        with path.open("rb") as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            yield _lines(cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file, file, path.name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"the compressed table is damaged or cut off: {error}",
            where=path.name,
            next_move="Pack it again, or use it unpacked.",
        ) from error
    except OSError as error:
        raise InputError(
            f"the table cannot be read: {error.strerror or error}", where=str(path), next_move="Check the path."
        ) from error


def _lines(file: BinaryIO, raw: io.BufferedReader, name: str) -> Iterator[str]:
    """Lines as text; bounds what one line and a whole compressed file may hold."""
    number = total = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        total += len(line)
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"line {number} is longer than {format_bytes(LONGEST_LINE)}",
                where=f"{name}:{number}",
                next_move="A row holds one item; check how the file was written.",
            )
        if file is not raw and total > BOMB_BYTES and total > BOMB_RATIO * raw.tell():
            raise InputError(
                f"the table unpacks to more than {BOMB_RATIO} times its size, {format_bytes(total)} so far",
                where=name,
                next_move="If it is meant to be so, unpack it first.",
            )
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte 0x{error.object[error.start]:02x} at place {error.start + 1} of line {number} is not UTF-8",
                where=f"{name}:{number}",
                next_move="Save the table as UTF-8.",
            ) from error
