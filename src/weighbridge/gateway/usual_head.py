"""The head of the last whole answer of a backend, by which the next one is known without reading it.

A backend on this machine, or in this building, says the same in each head but for the length, at least for a second
(the field Date). Equal bytes mean an equal head, so what llhttp has read of one holds for all: a 200, whose connection
is kept, and a body of content-length bytes.
"""

from __future__ import annotations

import re

LONGEST_LENGTH = 15
"""Digits of a content-length that is read here."""
MOST_MISSES = 32
"""In a row, after which only one head in so many is remembered: there are backends that number their answers."""
_LENGTH = re.compile(rb"\r\ncontent-length: ?(?=[0-9]++\r\n)", re.IGNORECASE)


class UsualHead:
    __slots__ = ("_after", "_before", "_misses")

    def __init__(self) -> None:
        self._before = self._after = b""
        """What stands around content-length's value."""
        self._misses = 0

    def knows(self, data: bytes) -> bool:
        """Whether an answer begins as the remembered one did."""
        before = self._before
        return before != b"" and data.startswith(before)

    def start_of_body(self, data: bytes) -> int:
        """Of an answer that begins so, if it is whole and its head is the same to the end; else 0."""
        at = len(self._before)
        stop = data.find(b"\r\n", at, at + LONGEST_LENGTH + 2)
        digits = data[at:stop] if stop > 0 else b""
        start = stop + len(self._after)
        if not digits.isdigit() or not data.startswith(self._after, stop) or start + int(digits) != len(data):
            return 0
        self._misses = 0
        return start

    def remember(self, data: bytes, body_bytes: int) -> None:
        """The head of an answer that llhttp has read, and that has only a length to say how long it is; `data`: all of
        it, or what came of it together with its head."""
        self._misses += 1
        if self._misses > MOST_MISSES and self._misses % MOST_MISSES:
            return
        end = data.find(b"\r\n\r\n") + 4
        head = data[:end]
        found = _LENGTH.findall(head)
        if len(data) - end != body_bytes or len(found) != 1 or b"\r\ntransfer-encoding" in head.lower():
            return
        before, name, after = head.partition(found[0])
        self._before = before + name
        self._after = after[after.find(b"\r\n") :]
