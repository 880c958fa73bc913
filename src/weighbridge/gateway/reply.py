"""Answers as bytes on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus

import msgspec

JSON = b"application/json"
PHRASES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_encode = msgspec.json.encode


class Dater:
    """The field Date, made once a second."""

    __slots__ = ("field",)

    def __init__(self) -> None:
        self.field = b""

    def set(self, now: float) -> None:
        self.field = b"date: %b\r\n" % formatdate(now, usegmt=True).encode()


def whole(
    status: int, body: bytes, date: bytes, request_id: str, *, kind: bytes = JSON, more: bytes = b"", close: bool
) -> bytes:
    """A whole answer; `more` are further header lines, each with its CRLF."""
    first = PHRASES.get(status) or b"HTTP/1.1 %d Error\r\n" % status
    fields = f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n".encode()
    end = b"connection: close\r\n\r\n" if close else b"\r\n"
    return b"".join((first, date, b"content-type: ", kind, b"\r\n", fields, more, end, body))


def usual(body: bytes, date: bytes, request_id: str) -> bytes:
    """The same for nearly all of them: 200, JSON, and the connection is kept."""
    return _USUAL % (date, len(body), request_id.encode(), body)


_USUAL = PHRASES[200] + b"%bcontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: %b\r\n\r\n%b"


def left_out(names: Sequence[str]) -> bytes:
    """A header line that names what of a request its backend was not told, for it has no word for it."""
    if not names:
        return b""
    listed = ", ".join(names).encode("ascii", "replace").translate(_NO_LINE_ENDS)
    return b"x-weighbridge-left-out: %b\r\n" % listed


_NO_LINE_ENDS = bytes.maketrans(b"\r\n\0", b"   ")


def stream_head(date: bytes, request_id: str, *, kind: bytes, chunked: bool, more: bytes = b"") -> bytes:
    """The head of a streamed answer; without `chunked` (HTTP/1.0) the end of the connection ends it."""
    framing = b"transfer-encoding: chunked\r\n" if chunked else b"connection: close\r\n"
    fields = b"\r\ncache-control: no-cache\r\nx-request-id: %b\r\n" % request_id.encode()
    return b"".join((PHRASES[200], date, b"content-type: ", kind, fields, framing, more, b"\r\n"))


def openai_error(message: str, *, kind: str, code: str | None, param: str | None = None) -> bytes:
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})
