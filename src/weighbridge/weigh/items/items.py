"""Random access to the items of a file through an index of offsets; no item is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from weighbridge.errors import InputError
from weighbridge.formats.problems import Problem, did_you_mean
from weighbridge.weigh.items.layout import BadRecord, Layout
from weighbridge.weigh.items.open_file import OpenFile
from weighbridge.weigh.records import Item

Index = npt.NDArray[np.uint64]
"""Shape (items, 2): offset of the first byte; number of bytes x 2^32 + line in the file."""

LINE_BITS = 32

LONGEST_ID = 512
"""Characters; an id is a key of the ledger and stands in every table."""


class Items(Sequence[Item]):
    """The items of one file, in its order. Reading item i is one `pread` of its bytes and one decode.

    Raises InputError when the file was changed after it was opened: offsets would point anywhere.
    """

    def __init__(self, name: str, file: OpenFile, layout: Layout, index: Index, id_field: str | None) -> None:
        self.name = name
        self.id_field = id_field
        self._file = file
        self._layout = layout
        self._index = index
        self._stamp = file.stamp()

    def close(self) -> None:
        """Give the file back. Safe to call twice; nothing can be read afterwards."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        start, packed = self._index[place].tolist()
        length, line = packed >> LINE_BITS, packed & ((1 << LINE_BITS) - 1)
        raw = self._file.read(length, start)
        if len(raw) != length or self._file.stamp() != self._stamp:
            raise self._changed()
        try:
            fields = self._layout.fields(raw, line)
            return Item(place, item_id(fields, self.id_field, place, line), fields)
        except BadRecord:
            raise self._changed() from None

    def __iter__(self) -> Iterator[Item]:
        return (self[place] for place in range(len(self)))

    def line(self, place: int) -> int:
        """The line of the file item `place` starts on, from 1."""
        return int(self._index[place, 1]) & ((1 << LINE_BITS) - 1)

    def where(self, place: int, field: str | None = None) -> str:
        """`items.jsonl:17: text`, for messages."""
        return Problem(self.name, self.line(place), field, "").where

    def _changed(self) -> InputError:
        return InputError(
            f"{self.name} was changed while it was being used",
            where=self.name,
            next_move="Run the command again; answers already paid for are kept.",
        )


def item_id(fields: dict[str, Any], id_field: str | None, place: int, line: int) -> str:
    """An item's id as a text: its id field, or its number from 1 without one. Raises BadRecord."""
    if id_field is None:
        return str(place + 1)
    value = fields.get(id_field)
    if type(value) is int:
        return str(value)
    if type(value) is str and value.strip() and len(value) <= LONGEST_ID:
        return value
    if id_field not in fields:
        raise BadRecord(line, id_field, f"this item has no field {id_field!r}", did_you_mean(id_field, fields))
    raise BadRecord(
        line, id_field, "an id is a text of 1 to 512 characters or a whole number", "Give every item an id of its own."
    )
