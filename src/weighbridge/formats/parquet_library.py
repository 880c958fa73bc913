"""The library that reads Parquet: an extra, so that it may be missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weighbridge.errors import InputError


def parquet_library(path: Path) -> Any:
    """`pyarrow.parquet`, to read that file. Raises InputError where it is not installed."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            "Parquet needs pyarrow", where=str(path), next_move="pip install 'weighbridge[parquet]', or use CSV."
        ) from error
    return parquet
