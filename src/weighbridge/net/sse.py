"""Server-sent events out of a stream of bytes, however it is cut.

Follows the HTML standard, section 9.2.6 (https://html.spec.whatwg.org/multipage/server-sent-events.html), on bytes:
lines end with CRLF, LF or CR; a leading byte order mark is dropped; lines that begin with a colon are comments; the
values of several `data` lines are joined with LF; an event without data is none; what the end of the stream leaves
unfinished is no event.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from weighbridge.errors import BadAnswer

BOM = b"\xef\xbb\xbf"
LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of one event; whoever sends more is not answering."""

_LINE = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    data: bytes
    event: bytes = b""
    """Its type; empty means `message`."""
    id: bytes = b""
    """The last id given, also by an earlier event."""


class SseParser:
    """Feed it chunks; it gives back the events that are complete. Raises BadAnswer for one that is too long."""

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._line: list[bytes] = []
        """Parts of a line that is not finished."""
        self._line_bytes = 0
        self._begun = False
        self._is_between = False
        """Nothing of an event has come yet, and no byte order mark can come any more."""
        self._head = b""
        self._after_cr = False
        """The last byte was a CR: a LF that follows belongs to it."""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._type = b""
        self._id = b""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole with this chunk. BadAnswer for one that is longer than allowed."""
        # An event of one line, as nearly all are. What is longer than that is counted by the slow way.
        if self._is_between and chunk.startswith(b"data: ") and len(chunk) < self._longest:
            end = chunk.find(b"\n")
            if end == len(chunk) - 2 and chunk.endswith(b"\n") and chunk.find(b"\r") < 0:
                return [Event(chunk[6:end], b"", self._id)]
        events = self._feed(chunk)
        self._is_between = self._begun and not (self._line or self._data or self._type or self._after_cr)
        return events

    def _feed(self, chunk: bytes) -> list[Event]:
        if not self._begun:
            chunk = self._without_bom(chunk)
        if not chunk:
            return []
        if self._after_cr:
            self._after_cr = False
            if chunk[0] == 10:
                chunk = chunk[1:]
        events: list[Event] = []
        if b"\r" in chunk:
            self._after_cr = chunk[-1] == 13
            *lines, rest = _LINE.split(chunk)
        else:
            *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._take(self._whole(line), events)
        if rest:
            self._hold(rest)
        return events

    def _without_bom(self, chunk: bytes) -> bytes:
        """Hold back what may be the beginning of a byte order mark."""
        self._head += chunk
        if len(self._head) < 3 and BOM.startswith(self._head):
            return b""
        self._begun = True
        chunk, self._head = self._head.removeprefix(BOM), b""
        return chunk

    def _hold(self, part: bytes) -> None:
        self._line.append(part)
        self._line_bytes += len(part)
        if self._line_bytes + self._data_bytes > self._longest:
            raise BadAnswer(f"an event of the stream is longer than {self._longest:,} bytes")

    def _whole(self, end: bytes) -> bytes:
        if not self._line:
            return end
        line = b"".join([*self._line, end])
        self._line.clear()
        self._line_bytes = 0
        return line

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append(Event(data, self._type, self._id))
                self._data = []
                self._data_bytes = 0
            self._type = b""
            return
        name, colon, value = line.partition(b":")
        if colon and value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
            if self._data_bytes > self._longest:
                raise BadAnswer(f"an event of the stream is longer than {self._longest:,} bytes")
        elif name == b"event":
            self._type = value
        elif name == b"id" and b"\0" not in value:
            self._id = value
