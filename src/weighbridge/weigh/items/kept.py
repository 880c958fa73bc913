"""The index of a file of items, kept on disk so that a second start does not scan the file again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from weighbridge.weigh.items.items import LINE_BITS, Index

MOST_KEPT = 64
"""Indexes in one folder; the oldest go first. Each edit of a task makes a new one."""


def kept_index(cached: Path | None, file_bytes: int) -> Index | None:
    """A kept index, mapped from its file rather than read; None where there is none that fits."""
    if cached is None:
        return None
    try:
        index = np.load(cached, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if index.dtype != np.uint64 or index.ndim != 2 or index.shape[1] != 2 or not len(index):
        return None
    end = int(index[-1, 0]) + (int(index[-1, 1]) >> LINE_BITS)
    return index if end <= file_bytes else None


def keep_index(cached: Path, index: Index) -> None:
    """Write the index whole or not at all. That it could not be kept (a full disk) is no reason to stop: it can be
    made again."""
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=cached.parent, prefix=".index-")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, index)
        Path(half).replace(cached)
        by_age = sorted(cached.parent.glob("*.npy"), key=lambda path: path.stat().st_mtime_ns)
        for old in by_age[:-MOST_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        Path(half).unlink(missing_ok=True)
