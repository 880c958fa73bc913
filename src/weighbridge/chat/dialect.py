"""What each wire dialect promises: the side that clients speak (a front) and the side that backends speak (a back).

    body --Front.decode--> Asked(ChatRequest) --Back.encode--> Sent(path, headers, body)        a request going up
    body <-Front.encode--- Answer             <-Back.decode--- body                             a whole answer
    bytes <-StreamEncoder- Piece              <-EventReader--- an event's data                  a streamed one

All of it is pure: bytes and records in, bytes and records out. The clock and ids are arguments (`Stamp`). Cutting a
stream into events is not done here: net/sse.py and net/lines.py do it, by the back's `framing`.

What a front cannot read is a RequestError that names the field; what a back cannot say is a CannotAsk that names it.
A hint that changes no answer (a cache mark, a label for the provider's records) and has no counterpart is not refused
but listed in `Sent.left_out`.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from weighbridge.chat.answer import Answer, Piece
from weighbridge.chat.request import ChatRequest
from weighbridge.errors import WeighbridgeError

Framing = Literal["sse", "lines"]
"""How a stream is cut into events: server-sent events, or JSON, one object a line."""
EVENT_STREAM = "text/event-stream"
NDJSON = "application/x-ndjson"


class Stamp(msgspec.Struct, frozen=True):
    """What the server adds to an answer; arguments, so that encoding stays pure."""

    id: str
    """Letters and digits, unique to the answer; each dialect puts its own prefix before it."""
    created: int
    """Unix seconds."""
    model: str = ""
    """The public name the answer goes out under; empty: the one that was asked for."""


class Asked(msgspec.Struct, frozen=True):
    """A request as a client made it."""

    request: ChatRequest
    stream: bool = False
    usage: bool = True
    """Whether the end of a stream carries token counts."""
    own: Any = None
    """What only this front needs again for the answer, e.g. fields that it repeats."""


class Refusal(msgspec.Struct, frozen=True):
    """An error as a whole HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class StreamEncoder(Protocol):
    """One streamed answer, as bytes for the client. Nothing is written before the first piece."""

    def piece(self, piece: Piece) -> bytes:
        """What the client is sent for it; empty where it is sent later, or never. BadAnswer for what this wire cannot
        carry: tool arguments that are no object, where it has only objects."""
        ...

    def end(self) -> bytes:
        """After the last piece: counts, the reason it ended, the dialect's end mark."""
        ...

    def broken(self, error: WeighbridgeError) -> bytes:
        """In place of `end`: an error in this dialect, after which no client takes the answer for a whole one."""
        ...

    def ping(self) -> bytes:
        """A sign of life that is no content; empty where the dialect has none."""
        ...


class Front(Protocol):
    """A dialect as clients speak it."""

    name: str
    paths: tuple[str, ...]
    """Served with POST; without a query."""
    stream_type: str
    """Content type of a streamed answer."""

    def decode(self, path: str, body: bytes) -> Asked:
        """RequestError, with the field's name, for what cannot be read or carried."""
        ...

    def encode(self, answer: Answer, asked: Asked, stamp: Stamp) -> bytes:
        """A whole answer as a JSON body."""
        ...

    def stream(self, asked: Asked, stamp: Stamp) -> StreamEncoder: ...

    def error(self, error: WeighbridgeError, request_id: str = "") -> Refusal:
        """Any error of ours, in this dialect's shape, with its status and `retry-after`. Shows no backend's secret:
        errors never hold one."""
        ...


class Sent(msgspec.Struct, frozen=True):
    """A request for a backend."""

    path: str
    """To be put after the backend's base URL and a slash."""
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """Of the dialect itself, e.g. `anthropic-version`; the key and content type are the caller's."""
    left_out: tuple[str, ...] = ()
    """Hints the dialect has no word for, by name; none of them would have changed the answer."""


class EventReader(Protocol):
    """One streamed answer of a backend. Feed it each event; `end` gives the last piece."""

    done: bool
    """The backend said that nothing more comes; later events are ignored."""
    texts: list[str]
    """Text given so far, for the error that ends a stream."""

    @property
    def finished(self) -> bool:
        """The backend said why the answer ended; only counts can still be missing."""
        ...

    def feed(self, data: bytes, event: bytes = b"") -> list[Piece]:
        """Pieces of one event, or of one line; `event` is its type where the framing has one. Raises EngineError."""
        ...

    def end(self) -> Piece:
        """The last piece, with `finish`. StreamCut if the stream ended before the answer did."""
        ...


class Back(Protocol):
    """A dialect as backends speak it."""

    name: str
    framing: Framing
    adapts: bool
    """Whether a request of its own dialect must be read too, instead of being forwarded as it came: it is changed."""

    def encode(self, request: ChatRequest, *, stream: bool) -> Sent:
        """CannotAsk names what the dialect cannot say."""
        ...

    def decode(self, body: bytes, request: ChatRequest, *, lenient: bool = False) -> Answer:
        """A whole answer to `request`. BadAnswer for what is none, BackendRefused for an error sent as an answer.

        `lenient` passes over content of kinds that are not known here: for who forwards the bytes as they are and only
        looks for counts. Without it, such content is a BadAnswer: it could not be carried.
        """
        ...

    def reader(self, request: ChatRequest, *, lenient: bool = False) -> EventReader: ...
