"""The head of a request: read by llhttp, strictly, and remembered.

A client sends the same head again and again but for its content-length, so heads that were read once are kept, by
their bytes without that number. Equal bytes mean an equal head, so what is kept was judged by llhttp too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httptools

MOST_FIELDS = 100
KEPT_HEADS = 512
LONGEST_KEPT = 2048
LONGEST_TARGET = 4096

_LENGTH_A = b"\r\nContent-Length: "
_LENGTH_B = b"\r\ncontent-length: "
_LENGTH_BYTES = len(_LENGTH_A)


class BadRequest(Exception):
    """What came is not a request that may be answered; the connection is closed after saying so."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status
        self.what = what


class Head:
    """Of one request, without its length. Shared by all requests with the same head: nothing in it is the request's."""

    __slots__ = (
        "caller",
        "endpoint",
        "expects",
        "fields",
        "generation",
        "is_chunked",
        "is_http_1_0",
        "keep_alive",
        "method",
        "path",
        "query",
        "token",
    )

    def __init__(self) -> None:
        self.method = ""
        self.path = ""
        self.query = ""
        self.fields: dict[str, str] = {}
        """By lower-case name; of several the last one, except where that would be dangerous: those are refused."""
        self.keep_alive = True
        self.is_http_1_0 = False
        self.is_chunked = False
        self.expects = False
        """`Expect: 100-continue`."""
        self.token = b""
        """The caller's key, from `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`."""
        self.endpoint: Any = None
        """What answers it, looked up once."""
        self.caller: Any = None
        """Whose key it is, as of `generation` of the keys."""
        self.generation = -1


class HeadReader:
    """Collects what llhttp reports of one request. Made for each head that is not known yet; where the body is chunked
    it goes on to read that."""

    def __init__(self) -> None:
        self.head = Head()
        self.length: int | None = None
        self.done = False
        self.on_chunk: Callable[[bytes], object] = _ignore
        self.whole = False
        """The body has come to its end."""
        self.began_again = False
        """Bytes of another request followed."""
        self._target = b""
        self._raw: list[tuple[bytes, bytes]] = []
        self.parser = httptools.HttpRequestParser(self)

    # --- httptools

    def on_url(self, target: bytes) -> None:
        self._target += target
        if len(self._target) > LONGEST_TARGET:
            raise BadRequest(414, "the request target is too long")

    def on_message_begin(self) -> None:
        self.began_again = self.whole

    def on_body(self, data: bytes) -> None:
        if not self.whole:
            self.on_chunk(data)

    def on_message_complete(self) -> None:
        self.whole = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.done:
            return  # trailers, or another request: neither is of this head
        self._raw.append((name.lower(), value))
        if len(self._raw) > MOST_FIELDS:
            raise BadRequest(431, f"more than {MOST_FIELDS} header fields")

    def on_headers_complete(self) -> None:
        head = self.head
        if self.done:
            return
        names = [name for name, _ in self._raw]
        for name in (b"content-length", b"transfer-encoding", b"host", b"authorization"):
            if names.count(name) > 1:
                raise BadRequest(400, f"the header {name.decode()} is given twice")
        try:
            head.fields = {name.decode("ascii"): value.decode("latin-1").strip(" \t") for name, value in self._raw}
            self._read_target(head, self._target.decode("ascii"))
        except UnicodeDecodeError:
            raise BadRequest(400, "a header's name or the target is not ASCII") from None
        head.method = self.parser.get_method().decode()
        head.is_http_1_0 = self.parser.get_http_version() == "1.0"
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            raise BadRequest(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        if not head.is_http_1_0 and not head.fields.get("host"):
            raise BadRequest(400, "the header host is missing")
        head.keep_alive = self.parser.should_keep_alive()
        self._read_framing(head)
        head.token = _token(head.fields)
        self.done = True

    def _read_target(self, head: Head, target: str) -> None:
        if not target.startswith("/"):
            raise BadRequest(400, "the request target is not a path")
        head.path, _, head.query = target.partition("?")

    def _read_framing(self, head: Head) -> None:
        coding = head.fields.get("transfer-encoding")
        length = head.fields.get("content-length")
        if coding is not None:
            # RFC 9112, 6.1: both at once is how requests are smuggled; llhttp refuses it too.
            if length is not None or coding.lower() != "chunked" or head.is_http_1_0:
                raise BadRequest(400, "the framing of the request is ambiguous")
            head.is_chunked = True
        elif length is not None:
            if not (length.isascii() and length.isdigit()) or len(length) > 15:
                raise BadRequest(400, "content-length is not a number")
            self.length = int(length)
        expect = head.fields.get("expect")
        if expect is not None and expect.lower() != "100-continue":
            raise BadRequest(417, "only `expect: 100-continue` is understood")
        head.expects = expect is not None


def read_head(data: bytes) -> HeadReader:
    """A whole head, up to and including its empty line, as llhttp reads it. BadRequest for anything doubtful."""
    reader = HeadReader()
    try:
        reader.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # an upgrade that is not taken up: the request is answered as it is (RFC 9110, 7.8)
    except httptools.HttpParserCallbackError as error:
        if isinstance(error.__context__, BadRequest):
            raise error.__context__ from None
        raise
    except httptools.HttpParserError as error:
        raise BadRequest(400, f"not a request in HTTP/1.1 ({str(error)[:80]})") from None
    if not reader.done:
        raise BadRequest(400, "not a request in HTTP/1.1")
    if reader.head.method == "CONNECT":
        raise BadRequest(405, "this is no proxy")
    return reader


class Heads:
    """Heads that were read before."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Head] = {}

    def find(self, data: bytes, end: int) -> tuple[Head, int] | None:
        """The head that ends at `end` (where its empty line begins) with its content-length, if it is known."""
        at = data.find(_LENGTH_A, 0, end)
        if at < 0:
            at = data.find(_LENGTH_B, 0, end)
            if at < 0:
                head = self._kept.get(data[:end])
                return None if head is None else (head, 0)
        at += _LENGTH_BYTES
        stop = data.find(b"\r\n", at)
        digits = data[at:stop]
        if not digits.isdigit() or len(digits) > 15:
            return None
        head = self._kept.get(data[:at] + data[stop:end])
        return None if head is None else (head, int(digits))

    def around_length(self, data: bytes, end: int) -> tuple[bytes, bytes]:
        """A known head in two, without content-length's value: equal bytes around another number are the same head.
        Twice nothing where it has no length."""
        at = max(data.find(_LENGTH_A, 0, end), data.find(_LENGTH_B, 0, end))
        if at < 0:
            return b"", b""
        at += _LENGTH_BYTES
        return data[:at], data[data.find(b"\r\n", at) : end + 4]

    def keep(self, data: bytes, end: int, head: Head) -> None:
        """Remember a head that `read_head` has judged."""
        if end > LONGEST_KEPT or head.is_chunked or head.expects:
            return
        if len(self._kept) >= KEPT_HEADS:
            self._kept.clear()
        at = max(data.find(_LENGTH_A, 0, end), data.find(_LENGTH_B, 0, end))
        if at < 0:
            if "content-length" not in head.fields:
                self._kept[data[:end]] = head
            return
        at += _LENGTH_BYTES
        stop = data.find(b"\r\n", at)
        self._kept[data[:at] + data[stop:end]] = head


def _ignore(data: bytes) -> None:
    """Before anybody wants the body."""


def _token(fields: dict[str, str]) -> bytes:
    authorization = fields.get("authorization", "")
    if authorization[:7].lower() == "bearer ":
        return authorization[7:].strip().encode("latin-1")
    return (fields.get("x-api-key") or fields.get("x-goog-api-key") or "").encode("latin-1")
