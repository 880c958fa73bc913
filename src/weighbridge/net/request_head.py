"""Everything of a request but its body, as bytes; nothing a caller hands in can add a header of its own."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge import __version__
from weighbridge.errors import InputError
from weighbridge.net.dial import Way

IDEMPOTENT = frozenset({"GET", "PUT", "DELETE", "OPTIONS"})
METHODS = IDEMPOTENT | {"POST", "PATCH"}
WITHOUT_BODY = frozenset({"GET", "DELETE", "OPTIONS"})
FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "host", "expect", "upgrade", "te"})
"""Header fields that are the client's own business."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    way: Way
    start: bytes
    """Request line and fields; where there is a body, up to the value of content-length."""
    where: str
    """For errors; without the query, which may hold a key."""
    is_idempotent: bool
    has_body: bool

    def for_body(self, body: bytes) -> bytes:
        """The head with the length of this body."""
        return b"%b%d\r\n\r\n" % (self.start, len(body)) if self.has_body else self.start


def request_head(method: str, target: str, fields: tuple[tuple[str, str], ...], way: Way) -> RequestHead:
    """The head of a request on its way; InputError for a field that cannot be sent."""
    if method not in METHODS:
        raise ValueError(f"method {method!r} is not one of {sorted(METHODS)}")
    lines = [f"{method} {way.origin if way.is_forwarded else ''}{target} HTTP/1.1", f"host: {way.origin.authority}"]
    if way.is_forwarded and way.proxy is not None and way.proxy.authorization is not None:
        lines.append(f"proxy-authorization: {way.proxy.authorization}")
    if not any(name.lower() == "user-agent" for name, _ in fields):
        lines.append(f"user-agent: weighbridge/{__version__}")
    lines.extend(f"{_name(name)}: {_value(name, value)}" for name, value in fields)
    has_body = method not in WITHOUT_BODY
    text = "\r\n".join([*lines, "content-length: " if has_body else "\r\n"])
    where = f"{method} {way.origin}{target.partition('?')[0]}"
    return RequestHead(way, text.encode("latin-1"), where, method in IDEMPOTENT, has_body)


def _name(name: str) -> str:
    """A field name as it may stand in a request; framing is decided here, not by callers."""
    if not name or not all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name):
        raise InputError(f"not a header name: {name!r:.80}")
    if name.lower() in FRAMING:
        raise InputError(f"the header {name!r} is set by the client itself")
    return name


def _value(name: str, value: str) -> str:
    """A field value without line breaks (they would smuggle in fields); never shown, it may be a key."""
    if any((ord(c) < 32 and c != "\t") or ord(c) == 127 or ord(c) > 255 for c in value):
        raise InputError(
            f"the value of the header {name!r} holds a line break or a character that cannot be sent",
            next_move="Was a key copied with its line end, or with quotation marks that are not ASCII?",
        )
    return value.strip()
