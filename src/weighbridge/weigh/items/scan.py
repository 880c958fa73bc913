"""One pass over a file of items: finds where each begins and everything that is wrong with any of them.

memory   16 bytes an item for the index, 8 for a hash of its id and 8 to sort them; never an item
index    kept in `cache` under a key that names the bytes of the file, so that a second start does not scan
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from weighbridge.formats.problems import Problem, Problems
from weighbridge.weigh.items.delimited import Delimited
from weighbridge.weigh.items.items import LINE_BITS, Index, Items, item_id
from weighbridge.weigh.items.jsonl import JsonLines
from weighbridge.weigh.items.kept import keep_index, kept_index
from weighbridge.weigh.items.layout import BadRecord, Layout, Span
from weighbridge.weigh.items.open_file import OpenFile, open_regular
from weighbridge.weigh.items.parquet import as_json_lines
from weighbridge.weigh.items.twins import same_ids
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
        file = OpenFile(_open(path, name, max_item_bytes))
    except BadRecord as bad:
        problems.add(_problem(name, bad))
        return None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        problems.add(Problem(name, None, None, f"cannot be read: {reason}", "Check the path."))
        return None
    try:
        index = kept_index(cached, file.stamp()[0])
        if index is not None:
            return Items(name, file, layout, index, _id_field(file, layout, id_field))
        return _scan(_Scan(name, layout, id_field, look, problems), file, cached)
    except BaseException:
        file.close()
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


def _scan(scan: _Scan, file: OpenFile, cached: Path | None) -> Items | None:
    """Read the file once; the index is kept when nothing was wrong."""
    begun = file.stamp()
    with file.stream() as stream:
        scan.read(stream)
    items = scan.judge(file, changed=begun != file.stamp())
    if items is None:
        file.close()
    elif cached is not None:
        keep_index(cached, scan.index())
    return items


def _id_field(file: OpenFile, layout: Layout, id_field: str | None) -> str | None:
    """What a scan would have taken for the id field. Also lets CSV read its header."""
    with file.stream() as stream:
        first = next(layout.spans(stream), None)
    if id_field is None and isinstance(first, Span):
        return "id" if "id" in layout.fields(first.raw, first.line) else None
    return id_field


class _Scan:
    """What a pass over the file gathers."""

    def __init__(self, name: str, layout: Layout, id_field: str | None, look: Look, problems: Problems) -> None:
        self.count = 0
        self.id_field = id_field
        self._name = name
        self._layout = layout
        self._look = look
        self._problems = problems
        self._before = problems.count
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

    def judge(self, file: OpenFile, *, changed: bool) -> Items | None:
        """The items when nothing was wrong with any of them."""
        problems, name = self._problems, self._name
        if not self.count and problems.count == self._before:
            problems.add(Problem(name, None, None, "no items in this file", "Put one item on each line."))
        items = Items(name, file, self._layout, self.index(), self.id_field)
        for problem in same_ids(items, self.hashes()) if self.id_field is not None and not changed else ():
            problems.add(problem)
        if changed:
            problems.add(Problem(name, None, None, "was changed while it was read", "Run the command again."))
        return items if problems.count == self._before else None

    def index(self) -> Index:
        return np.frombuffer(self._places, dtype=np.uint64).reshape(-1, 2)

    def hashes(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.frombuffer(self._hashes, dtype=np.int64)
