"""One pass over a file of items: finds where each begins and everything that is wrong with any of them.

memory   16 bytes an item for the index, 8 for a hash of its id and 8 to sort them; never an item
index    kept in `cache` under a key that names the bytes of the file, so that a second start does not scan
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from weighbridge.weigh.items.delimited import Delimited
from weighbridge.weigh.items.items import LINE_BITS, Index, Items, item_id, open_regular, stamp
from weighbridge.weigh.items.jsonl import JsonLines
from weighbridge.weigh.items.layout import BadRecord, Layout, Span
from weighbridge.weigh.items.parquet import as_json_lines
from weighbridge.weigh.items.twins import same_ids
from weighbridge.weigh.problems import Problem, Problems
from weighbridge.weigh.records import Item

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
Look = Callable[[Item, int], Iterator[Problem]]
"""What a task finds wrong with one item, given the line it stands on."""


def open_items(
    path: Path,
    name: str,
    *,
    id_field: str | None,
    max_item_bytes: int,
    look: Look,
    problems: Problems,
    cached: Path | None = None,
) -> Items | None:
    """The items of a file called `name` in messages; None after adding what is wrong.

    `cached` names a file for the index; where it exists the file was scanned before and nothing was wrong.
    """
    try:
        layout = _layout_of(path, max_item_bytes)
        descriptor = _open(path, name, max_item_bytes)
    except BadRecord as bad:
        problems.add(_problem(name, bad))
        return None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        problems.add(Problem(name, None, None, f"cannot be read: {reason}", "Check the path."))
        return None
    try:
        items = _from_cache(name, descriptor, layout, id_field, cached)
        return items or _scan(name, descriptor, layout, id_field=id_field, look=look, problems=problems, cached=cached)
    except BaseException:
        os.close(descriptor)
        raise


def _layout_of(path: Path, max_item_bytes: int) -> Layout:
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson", ".parquet"):
        return JsonLines(max_item_bytes)
    if suffix in (".csv", ".tsv"):
        return Delimited(max_item_bytes, tab=suffix == ".tsv")
    raise BadRecord(
        None, None, f"items in {suffix or 'a file without a suffix'} cannot be read", f"Known: {', '.join(SUFFIXES)}."
    )


def _open(path: Path, name: str, max_item_bytes: int) -> int:
    descriptor = open_regular(path)
    if path.suffix.lower() != ".parquet":
        return descriptor
    with os.fdopen(descriptor, "rb") as packed:
        return as_json_lines(packed, name, max_item_bytes)


def _problem(name: str, bad: BadRecord) -> Problem:
    return Problem(name, bad.line, bad.field, bad.what, bad.next_move)


def _scan(
    name: str,
    descriptor: int,
    layout: Layout,
    *,
    id_field: str | None,
    look: Look,
    problems: Problems,
    cached: Path | None,
) -> Items | None:
    before = problems.count
    begun = stamp(os.fstat(descriptor))
    scan = _Scan(name, layout, id_field, look, problems)
    with os.fdopen(os.dup(descriptor), "rb", buffering=1 << 20) as file:
        file.seek(0)
        scan.read(file)
    if not scan.count and problems.count == before:
        problems.add(Problem(name, None, None, "no items in this file", "Put one item on each line."))
    items = Items(name, descriptor, layout, scan.index(), scan.id_field)
    for problem in same_ids(items, scan.hashes()) if scan.id_field is not None else ():
        problems.add(problem)
    if begun != stamp(os.fstat(descriptor)):
        problems.add(Problem(name, None, None, "was changed while it was read", "Run the command again."))
    if problems.count > before:
        items.close()
        return None
    if cached is not None:
        _keep(cached, scan.index())
    return items


class _Scan:
    """What a pass over the file gathers."""

    def __init__(self, name: str, layout: Layout, id_field: str | None, look: Look, problems: Problems) -> None:
        self.count = 0
        self.id_field = id_field
        self._name = name
        self._layout = layout
        self._look = look
        self._problems = problems
        self._places = array("Q")
        self._hashes = array("q")

    def read(self, file: BinaryIO) -> None:
        try:
            for found in self._layout.spans(file):
                if isinstance(found, BadRecord):
                    self._problems.add(_problem(self._name, found))
                else:
                    self._take(found)
                if self._problems.full:
                    return
        except BadRecord as bad:
            self._problems.add(_problem(self._name, bad))

    def _take(self, span: Span) -> None:
        try:
            fields = self._layout.fields(span.raw, span.line)
            if self.count == 0 and self.id_field is None and "id" in fields:
                self.id_field = "id"
            item = Item(self.count, item_id(fields, self.id_field, self.count, span.line), fields)
        except BadRecord as bad:
            self._problems.add(_problem(self._name, bad))
            return
        self.count += 1
        self._places.extend((span.start, len(span.raw) << LINE_BITS | span.line))
        self._hashes.append(hash(item.id))
        for problem in self._look(item, span.line):
            self._problems.add(problem)

    def index(self) -> Index:
        return np.frombuffer(self._places, dtype=np.uint64).reshape(-1, 2)

    def hashes(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.frombuffer(self._hashes, dtype=np.int64)


def _from_cache(name: str, descriptor: int, layout: Layout, id_field: str | None, cached: Path | None) -> Items | None:
    """Items over a kept index, mapped from its file rather than read; None where there is none that fits."""
    if cached is None:
        return None
    try:
        index = np.load(cached, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    size = os.fstat(descriptor).st_size
    if index.dtype != np.uint64 or index.ndim != 2 or index.shape[1] != 2 or not len(index):
        return None
    if int(index[-1, 0]) + (int(index[-1, 1]) >> LINE_BITS) > size:
        return None
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        first = next(layout.spans(file), None)  # lets CSV read its header
    if not isinstance(first, Span) or id_field is not None:
        return Items(name, descriptor, layout, index, id_field) if isinstance(first, Span) else None
    found = "id" if "id" in layout.fields(first.raw, first.line) else None
    return Items(name, descriptor, layout, index, found)


def _keep(cached: Path, index: Index) -> None:
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
    except OSError:
        Path(half).unlink(missing_ok=True)
