"""A stream of bytes cut after its last whole event or line; what is not whole waits for the next read.

A client can do nothing with half an event, so holding it back costs no time, and an error can be put between two.
"""

from __future__ import annotations

from weighbridge.chat.dialect import Framing
from weighbridge.errors import BadAnswer

LONGEST_EVENT = 16 << 20


class Cutter:
    __slots__ = ("_end", "held", "is_crlf")

    def __init__(self, framing: Framing = "sse") -> None:
        self._end = b"\n\n" if framing == "sse" else b"\n"
        self.held = b""
        """What is not whole yet."""
        self.is_crlf = False
        """Its events have been seen to end in two CRLF."""

    def feed(self, data: bytes) -> bytes:
        """All that is whole by now. Raises BadAnswer for an event without end."""
        if self.held:
            data = self.held + data
            self.held = b""
        if data.endswith(self._end):
            return data
        cut = data.rfind(self._end)
        cut = cut + len(self._end) if cut >= 0 else 0
        if len(self._end) == 2 and (last := data.rfind(b"\r\n\r\n")) >= 0:
            self.is_crlf = True
            cut = max(cut, last + 4)
        self.held = data[cut:]
        if len(self.held) > LONGEST_EVENT:
            raise BadAnswer(f"an event of the stream is longer than {LONGEST_EVENT:,} bytes")
        return data[:cut]
