"""Read a file of pairwise votes: CSV (also gzipped) or Parquet, streamed, so that its size is no matter.

    model_a,model_b,winner[,voter][,NAME_a,NAME_b ...]

`winner` is `a`, `b` or `tie`; `model_a`, `model_b`, `tie (bothbad)` and `both bad`, as arenas write them, are
understood. Pairs of numeric columns NAME_a, NAME_b are what else may move a vote. A plain file is split as bytes, some
megabytes at a time, and counted by kind of line where nothing but the vote is needed.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from weighbridge.errors import InputError
from weighbridge.formats.parquet_library import parquet_library
from weighbridge.formats.problems import did_you_mean
from weighbridge.formats.vote_codes import Coder, UnknownWinner, VoteTable, vote_table

PIECE_BYTES = 4 << 20
LONGEST_ROW = 64 << 20
_NEEDED = ("model_a", "model_b", "winner")


def read_votes(
    path: Path, *, controls: Sequence[str] = (), by_voter: bool = True, voter: str | None = None
) -> VoteTable:
    """All votes of a file; `voter` is the column that says whose they are, where it is called otherwise. Raises
    InputError with the line of the first thing that is wrong."""
    table = _read(path, controls, (voter or "voter") if by_voter else None, must=voter is not None)
    if not len(table.a):
        left = f": {table.against_itself:,} are of a model against itself" if table.against_itself else ""
        raise InputError(
            f"there is no vote in the file{left}", where=str(path), next_move="Each vote names two models."
        )
    return table


def _read(path: Path, controls: Sequence[str], who: str | None, *, must: bool) -> VoteTable:
    if path.suffix == ".parquet":
        return vote_table(_parquet_pieces(path, controls, who, must=must), controls, path)
    try:
        with _opened(path) as file:
            head = _head(file, path)
            places = _places(head, controls, path, who, must=must)
            if len(places) == len(_NEEDED) == len(head):
                return _counted(file, head, places, path)
            return vote_table(_pieces(file, head, places, path), controls, path)
    except UnknownWinner as error:
        raise _with_line(error, path) from None
    except (OSError, EOFError) as error:
        what = getattr(error, "strerror", None) or error
        raise InputError(
            f"the votes cannot be read: {what}",
            where=str(path),
            next_move="Name a CSV or Parquet file with the columns model_a, model_b and winner.",
        ) from error


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def _head(file: BinaryIO, path: Path) -> list[str]:
    line = file.readline(1 << 20).decode("utf-8-sig", "replace").strip()
    if not line:
        raise InputError("the file is empty", where=f"{path}:1", next_move=f"It begins with {','.join(_NEEDED)}.")
    return [name.strip().strip('"') for name in line.split(",")]


def _places(head: list[str], controls: Sequence[str], path: Path, who: str | None, *, must: bool) -> list[int]:
    """Columns that are needed: the three, the voter's where there is one or one was named, and two for each control."""
    wanted = [*_NEEDED, *([who] if who is not None and (must or who in head) else [])]
    wanted += [f"{name}_{side}" for name in controls for side in "ab"]
    for name in wanted:
        if name not in head:
            commas = "" if len(head) > 1 or not re.search(r"[;\t]", head[0]) else " Cells are parted by commas."
            hint = f"{did_you_mean(name, head)}{commas}"
            raise InputError(f"the votes have no column {name!r}", where=f"{path}:1", next_move=hint)
    return [head.index(name) for name in wanted]


def _counted(file: BinaryIO, head: list[str], places: list[int], path: Path) -> VoteTable:
    """Three columns and nothing else: lines of the same kind are counted as they are."""
    counts: Counter[bytes] = Counter()
    for piece in _whole_lines(file, path):
        counts.update(piece.replace(b"\r", b"").split(b"\n"))
    counts.pop(b"", None)
    coder = Coder(path)
    rows = []
    lines = (line.decode("utf-8", "replace") for line in counts)
    for fields, times in zip(csv.reader(lines), counts.values(), strict=True):
        if len(fields) != len(head):
            raise _ragged(len(fields), len(head), ",".join(fields).encode(), path)
        rows.append((*coder.vote(*(fields[place] for place in places)), times))
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    kept = table[:, 0] != table[:, 1]
    left_out = int(table[~kept, 3].sum())
    a, b, outcome, weight = (table[kept, column] for column in range(4))
    return VoteTable(coder.names, a, b, outcome, None, None, (), weight, left_out)


def _whole_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Pieces that end where a row does: a line break within quotes is none. Raises InputError for a quote that never
    ends, which would otherwise hold the whole file in memory."""
    rest = b""
    while piece := file.read(PIECE_BYTES):
        rest += piece
        end = _end_of_rows(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > LONGEST_ROW:
            what = f"a row longer than {LONGEST_ROW >> 20} MiB"
            raise InputError(what, where=str(path), next_move="Is there a double quote that nothing closes?")
    if rest:
        yield rest


def _end_of_rows(text: bytes) -> int:
    """Where the last whole row ends; 0 where there is none. Quotes before it come in pairs."""
    before, quotes = len(text), text.count(b'"')
    while end := text.rfind(b"\n", 0, before) + 1:
        quotes -= text.count(b'"', end, before)
        if quotes % 2 == 0:
            return end
        before = end - 1
    return 0


def _pieces(file: BinaryIO, head: list[str], places: list[int], path: Path) -> Iterator[list[list[Any]]]:
    """Columns of some hundred thousand rows at a time."""
    line = 2
    for piece in _whole_lines(file, path):
        columns = _split(piece, len(head)) or _parsed(piece, len(head), line, path)
        line += piece.count(b"\n")
        if columns:
            yield [columns[place] for place in places]


def _split(text: bytes, width: int) -> list[list[bytes]] | None:
    """Columns of text without quotes, by one split; None where rows are not all alike."""
    if b'"' in text or b"\r" in text:
        return None
    text = text.removesuffix(b"\n")
    cells = text.replace(b"\n", b",\n,").split(b",")
    marks = cells[width :: width + 1]
    if (len(cells) + 1) % (width + 1) or marks.count(b"\n") != len(marks) or text.count(b"\n") != len(marks):
        return None
    return [cells[place :: width + 1] for place in range(width)]


def _parsed(text: bytes, width: int, line: int, path: Path) -> list[list[bytes]]:
    columns: list[list[bytes]] = [[] for _ in range(width)]
    reader = csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline=""))
    for row in reader:
        if not row:
            continue
        if len(row) != width:
            raise _ragged(len(row), width, ",".join(row).encode(), path, line + reader.line_num - 1)
        for column, cell in zip(columns, row, strict=True):
            column.append(cell.encode())
    return columns


def _ragged(found: int, wanted: int, line: bytes, path: Path, number: int | None = None) -> InputError:
    where = str(path) if number is None else f"{path}:{number}"
    return InputError(
        f"a line of {found} cells where {wanted} are wanted: {line[:80]!r}",
        where=where,
        next_move="Cells that hold a comma stand in double quotes.",
    )


def _parquet_pieces(path: Path, controls: Sequence[str], who: str | None, *, must: bool) -> Iterator[list[list[Any]]]:
    parquet = parquet_library(path)
    try:
        file = parquet.ParquetFile(path)
        head = list(file.schema_arrow.names)
        columns = [head[place] for place in _places(head, controls, path, who, must=must)]
        for batch in file.iter_batches(columns=columns, batch_size=1 << 18):
            yield [batch.column(name).to_pylist() for name in columns]
    except (OSError, ValueError) as error:
        raise InputError(f"the votes cannot be read: {error}", where=str(path)) from error


def _with_line(error: UnknownWinner, path: Path) -> UnknownWinner:
    """The same with the line, for which the file is read once more."""
    with _opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", "replace", newline="") as text:
        reader = csv.reader(text)
        place = [name.strip().strip('"') for name in next(reader)].index("winner")
        before = reader.line_num
        for row in reader:
            if len(row) > place and row[place] == error.text:
                return UnknownWinner(error.text, path, before + 1)
            before = reader.line_num
    return error
