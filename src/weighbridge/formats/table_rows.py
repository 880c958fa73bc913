"""Rows of a table that nobody vouches for, whichever way it was written: CSV, TSV, JSON Lines (each also as gzip) or
Parquet (extra `parquet`).

    header   names of columns; of JSON Lines every field of any line, of what is nested `outer.inner`
    cells    texts: a missing value is blank, true is 1 and false is 0, what is no plain value stays JSON
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.errors import InputError

from .csv_lines import Row, csv_rows, open_lines
from .parquet_library import parquet_library

MOST_COLUMNS = 20_000
_BATCH = 1024
_encoder = msgspec.json.Encoder()


@contextmanager
def table_rows(path: Path) -> Iterator[tuple[list[str], Iterator[Row]]]:
    """The header and the rows below it. Raises InputError with file and line."""
    kinds = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    kind = kinds[-1] if kinds else ""
    if kind in (".jsonl", ".ndjson", ".json"):
        with open_lines(path) as lines:
            header = _fields(lines, path.name)
        with open_lines(path) as lines:
            yield header, _records(lines, header, path.name)
    elif kind in (".parquet", ".pq"):
        with _parquet(path) as found:
            yield found
    else:
        with csv_rows(path, "\t" if kind in (".tsv", ".tab") else ",") as rows:
            yield rows


def _fields(lines: Iterator[str], name: str) -> list[str]:
    found: dict[str, None] = {}
    for _, record in _objects(lines, name):
        found.update(dict.fromkeys(record))
        if len(found) > MOST_COLUMNS:
            raise InputError(f"more than {MOST_COLUMNS:,} different fields", where=name)
    if not found:
        raise InputError("the table is empty", where=name, next_move="Write one JSON object a line.")
    return list(found)


def _records(lines: Iterator[str], header: list[str], name: str) -> Iterator[Row]:
    for line, record in _objects(lines, name):
        yield Row(line, [_cell(record.get(field)) for field in header])


def _objects(lines: Iterator[str], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InputError(
                f"not readable as JSON: {error}", where=f"{name}:{line}", next_move="Write one JSON object a line."
            ) from error
        if not isinstance(found, dict):
            raise InputError(
                "a line is no JSON object", where=f"{name}:{line}", next_move='Write {"prompt": ..., "MODEL": 1}.'
            )
        yield line, _flat(found)


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """What is nested once as `outer.inner`."""
    flat: dict[str, Any] = {}
    for outer, value in record.items():
        if isinstance(value, dict):
            flat.update({f"{outer}.{inner}": each for inner, each in value.items()})
        else:
            flat[outer] = value
    return flat


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return value
    try:
        return _encoder.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)


@contextmanager
def _parquet(path: Path) -> Iterator[tuple[list[str], Iterator[Row]]]:
    parquet = parquet_library(path)
    import pyarrow

    try:
        with parquet.ParquetFile(path) as file:
            header = list(file.schema_arrow.empty_table().flatten().schema.names)
            yield header, _batches(file, pyarrow)
    except (pyarrow.ArrowException, OSError) as error:
        what = str(error).split("\n")[0][:200]
        raise InputError(f"not readable as Parquet: {what}", where=str(path), next_move="Check the path.") from error


def _batches(file: Any, pyarrow: Any) -> Iterator[Row]:
    line = 0
    for batch in file.iter_batches(batch_size=_BATCH):
        columns = [column.to_pylist() for column in pyarrow.Table.from_batches([batch]).flatten().columns]
        for values in zip(*columns, strict=True):
            line += 1
            yield Row(line, [_cell(value) for value in values])
