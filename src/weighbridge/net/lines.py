"""Lines out of a stream of bytes, however it is cut: one JSON document a line, as Ollama streams."""

from __future__ import annotations

from weighbridge.errors import BadAnswer

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one line; whoever sends more is not answering."""


class LineParser:
    """Feed it chunks; it gives back the lines that are complete, without their ends. Empty lines are none."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._held: list[bytes] = []
        self._bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Raises BadAnswer for a line that is too long."""
        first, *rest = chunk.split(b"\n")
        if not rest:
            self._hold(first)
            return []
        lines = [b"".join([*self._held, first]), *rest[:-1]]
        self._held.clear()
        self._bytes = 0
        self._hold(rest[-1])
        return [line for line in map(bytes.strip, lines) if line]

    def end(self) -> list[bytes]:
        """What stands after the last line's end: some servers leave the last one without."""
        last = b"".join(self._held).strip()
        self._held.clear()
        self._bytes = 0
        return [last] if last else []

    def _hold(self, part: bytes) -> None:
        if part:
            self._held.append(part)
            self._bytes += len(part)
            if self._bytes > self._longest:
                raise BadAnswer(f"a line of the stream is longer than {self._longest:,} bytes")
