"""Items in Parquet, written out once as JSON Lines so that any of them is one read away (extra `parquet`)."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from weighbridge.weigh.items.layout import BadRecord, too_large

_ROWS = 256
"""Rows decoded at a time."""


def as_json_lines(packed: BinaryIO, name: str, max_item_bytes: int) -> int:
    """Descriptor of a nameless file of JSON Lines, row n on line n. Raises BadRecord.

    NaN becomes null, as that is how tables mark a missing number; infinity is refused. Dates become ISO texts,
    decimals texts, bytes base64.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadRecord(
            None, None, f"{name} needs the package pyarrow", "Run `pip install 'weighbridge[parquet]'`."
        ) from None
    with tempfile.TemporaryFile(prefix="weighbridge-items-") as unpacked:
        try:
            with pyarrow.parquet.ParquetFile(packed) as table:
                for line, row in enumerate(_rows(table), 1):
                    unpacked.write(_as_line(row, line, max_item_bytes))
        except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
            first = str(error).split("\n")[0][:200]
            raise BadRecord(None, None, f"not readable as Parquet: {first}") from None
        unpacked.flush()
        return os.dup(unpacked.fileno())


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.iter_batches(batch_size=_ROWS):
        yield from batch.to_pylist()


def _as_line(row: dict[str, Any], line: int, max_item_bytes: int) -> bytes:
    try:
        raw = msgspec.json.encode({name: _plain(value, line, name) for name, value in row.items()})
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(line, None, f"a value has no JSON form: {error}") from None
    if len(raw) > max_item_bytes:
        raise too_large(line, len(raw), max_item_bytes)
    return raw + b"\n"


def _plain(value: Any, line: int, field: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise BadRecord(line, field, "infinity is no number an item can hold", "Leave the value out (null).")
    if isinstance(value, list):
        return [_plain(part, line, field) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part, line, field) for name, part in value.items()}
    return value
