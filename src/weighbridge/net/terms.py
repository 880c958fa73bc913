"""The terms of a call: how long it may take, how much it may send, and the shape of what comes back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, each measured on its own."""

    connect_s: float = 10.0
    """To a connection that is ready for the request: name, TCP, proxy, TLS."""
    first_byte_s: float = 120.0
    """From the request to the first byte of the answer."""
    gap_s: float = 60.0
    """Between two reads of the answer; time during which the reader is the slow one does not count."""
    total_s: float = 600.0
    """From asking to the last byte, waiting for a connection included."""


@dataclass(frozen=True, slots=True)
class Limits:
    head_bytes: int = 64 * 1024
    """Status line, headers and trailers of one answer."""
    body_bytes: int = 64 * 1024 * 1024
    """Body of one answer, streamed or whole."""


class Headers:
    """The headers of an answer, in the order they came; names are found whatever their case."""

    __slots__ = ("_raw",)

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def get(self, name: str) -> str | None:
        """The first value under that name."""
        wanted = name.lower().encode("latin-1")
        for key, value in self._raw:
            if key.lower() == wanted:
                return value.decode("latin-1")
        return None

    def items(self) -> list[tuple[str, str]]:
        return [(key.decode("latin-1"), value.decode("latin-1")) for key, value in self._raw]

    def __repr__(self) -> str:
        return f"Headers({len(self._raw)} fields)"


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Headers
    body: bytes
