"""One connection of a client: requests in, one at a time; answers out, no faster than they are taken.

Heads are read by llhttp (head.py); bodies are counted, or, where they are chunked, read by llhttp too. What a client
sends ahead of its turn waits, and the socket is paused when too much of it does. Times are checked by `check`, a few
times a second for all connections together: no timer a request.

Reads go into one buffer, which all connections of a gateway share: what it holds is looked at before anybody reads
again. The rest of a body that comes in several reads goes where it belongs at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from . import reply
from .head import BadRequest, Head, HeadReader, read_head
from .outline import Part

if TYPE_CHECKING:
    from .app import Gateway

MOST_AHEAD = 64 * 1024
"""Bytes a client may send before the answer to its last request is whole."""
LEAST_BYTES_S = 4096
"""Bytes a second that a body larger than a few pages has to come at, at least."""
HIGH_WATER = 256 * 1024
LARGE_READ = 8 * 1024
"""Of larger ones the head is looked at first, so that a body is copied once."""
LEAST_PART_BYTES, PART_BYTES = 64 * 1024, 1024 * 1024
"""Room that is made at once for what is missing of a body: as much as has come of it, within these. Nobody gets more
for announcing much."""
LONGEST_LENGTH = 15
"""Digits of a content-length (head.py)."""


def _ignore(data: bytes) -> None:
    """Where there is nobody to send to."""


class Step(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNKS = auto()
    ANSWER = auto()
    CLOSED = auto()


HEAD, BODY, CHUNKS, ANSWER, CLOSED = Step
"""A name of a module is found in a tenth of the time that a member of an Enum takes."""


class Work(Protocol):
    """What is done for a request while the client waits."""

    def abandon(self) -> None:
        """The client has left."""

    def pause(self) -> None:
        """The client takes nothing for now."""

    def resume(self) -> None: ...


class Client(asyncio.BufferedProtocol):
    __slots__ = (
        "_after",
        "_ahead",
        "_before",
        "_body",
        "_head",
        "_missing",
        "_paused_at",
        "_place",
        "_reader",
        "_reads",
        "_since",
        "_size",
        "_step",
        "_transport",
        "gateway",
        "work",
        "write",
    )

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.work: Work | None = None
        self.write: Callable[[bytes], object] = _ignore
        """Sends bytes, unless the connection is gone."""
        self._transport: asyncio.Transport | None = None
        self._step = HEAD
        self._head = Head()
        self._before = self._after = b""
        """What stands around content-length's value in the last head, if such a head may come again."""
        self._ahead = b""
        """Bytes not looked at yet: of a head that is not whole, or of requests that come later."""
        self._reads = self._place = gateway.reads
        """`_place`: where the next read goes."""
        self._body: list[bytes | bytearray] = []
        self._missing = 0
        self._size = 0
        self._reader: HeadReader | None = None
        self._since = 0.0
        """When the step began."""
        self._paused_at: float | None = None

    # --- what a request is answered with

    @property
    def address(self) -> str:
        """Of the client, as the socket knows it."""
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(peer[0]) if peer else ""

    def finish(self, data: bytes, *, close: bool = False) -> None:
        """The last bytes of an answer; then comes the next request."""
        if self._step is CLOSED:
            return
        self.work = None
        self.write(data)
        if close or not self._head.keep_alive or self.gateway.is_closing:
            self.close()
            return
        self._step = HEAD
        self._since = self.gateway.now
        if self._ahead:
            asyncio.get_running_loop().call_soon(self._go_on)

    def cut(self) -> None:
        """End the connection so that nobody takes what was sent for a whole answer; work under way is abandoned."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        self._step = CLOSED
        if self._transport is not None:
            self._transport.close()

    @property
    def is_idle(self) -> bool:
        return self._step is HEAD and not self._ahead

    def check(self, now: float) -> None:
        """Close the connection if its client takes too long over anything."""
        if self._step is CLOSED:
            return
        server = self.gateway.server
        waited = now - self._since
        if self._paused_at is not None and now - self._paused_at >= server.write_s:
            self.cut()
        elif self._step is HEAD:
            if waited >= (server.head_s if self._ahead else server.idle_s):
                self._refuse(BadRequest(408, "the request did not come in time")) if self._ahead else self.close()
        elif self._step in (BODY, CHUNKS) and waited >= server.body_s + self._size / LEAST_BYTES_S:
            self._refuse(BadRequest(408, "the request's body did not come in time"))

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.write = self._transport.write
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self._since = self.gateway.now
        if not self.gateway.welcome(self):
            self._refuse(BadRequest(503, "too many connections"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._place

    def buffer_updated(self, size: int) -> None:
        step = self._step
        if step is HEAD:
            if self._ahead:
                self._take_more_of_head(self._reads[:size].tobytes())
            elif size <= LARGE_READ:
                data = self._reads[:size].tobytes()
                self._take_head(data, data)
            else:
                self._take_head(self._reads[:LARGE_READ].tobytes(), self._reads[:size])
        elif step is BODY:
            self._take_more_of_body(size)
        elif step is CHUNKS:
            self._take_chunks(self._reads[:size].tobytes())
        elif step is ANSWER:
            self._ahead += self._reads[:size]
            if len(self._ahead) > MOST_AHEAD and self._transport is not None:
                self._transport.pause_reading()

    def eof_received(self) -> bool:
        """A client that has said all may still read its answer (RFC 9112 does not forbid it); most have left."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._step = CLOSED
        self._transport = None
        self.write = _ignore
        work, self.work = self.work, None
        self.gateway.farewell(self)
        if work is not None:
            work.abandon()

    def pause_writing(self) -> None:
        self._paused_at = self.gateway.now
        if self.work is not None:
            self.work.pause()

    def resume_writing(self) -> None:
        self._paused_at = None
        if self.work is not None:
            self.work.resume()

    # --- requests

    def _go_on(self) -> None:
        """Look at what came ahead of its turn."""
        if self._step is not HEAD:
            return
        data, self._ahead = self._ahead, b""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        if data:
            self._take_head(data, data)

    def _take_head(self, data: bytes, read: Part) -> None:
        """`data`: the beginning of what was read, or all of it."""
        before = self._before
        if before and data.startswith(before):
            at = len(before)
            stop = data.find(b"\r\n", at, at + LONGEST_LENGTH + 2)
            digits = data[at:stop]
            if stop > 0 and digits.isdigit() and data.startswith(self._after, stop):
                self._take_body(read, stop + len(self._after), int(digits))
                return
        self._take_other_head(bytes(read))

    def _take_other_head(self, data: bytes) -> None:
        """Of another head than the last one."""
        gateway = self.gateway
        if data[:1] == b"\r":
            data = data.lstrip(b"\r\n")  # RFC 9112, 2.2: empty lines before a request are ignored
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._wait_for_head(data)
            return
        known = gateway.heads.find(data, end)
        try:
            head, length = known if known is not None else self._read_new(data, end)
        except BadRequest as bad:
            self._refuse(bad)
            return
        self._head = head
        self._before, self._after = gateway.heads.around_length(data, end) if known is not None else (b"", b"")
        if head.is_chunked:
            self._begin_chunks(data[end + 4 :])
        else:
            self._take_body(data, end + 4, length)

    def _take_body(self, read: Part, start: int, length: int) -> None:
        gateway = self.gateway
        if length > gateway.server.body_bytes:
            self._refuse(BadRequest(413, f"the body is larger than {gateway.server.body_bytes:,} bytes"))
            return
        stop = start + length
        missing = stop - len(read)
        if missing > 0:
            self._begin_body(bytes(read[start:]), missing)
            return
        if missing < 0:
            self._ahead = bytes(read[stop:])
        self._step = ANSWER
        gateway.answer(self, self._head, bytes(read[start:stop]))

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) > self.gateway.server.head_bytes:
            self._refuse(BadRequest(431, "the head of the request is too large"))
            return
        if not self._ahead:
            self._since = self.gateway.now
        self._ahead = data

    def _take_more_of_head(self, data: bytes) -> None:
        """Of one that began before; what trickles in gets no more time than what comes at once."""
        since, data = self._since, self._ahead + data
        self._ahead = b""
        if data.find(b"\r\n\r\n") >= 0:
            self._take_head(data, data)
            return
        self._wait_for_head(data)
        self._since = since

    def _read_new(self, data: bytes, end: int) -> tuple[Head, int]:
        if end > self.gateway.server.head_bytes:
            raise BadRequest(431, "the head of the request is too large")
        reader = read_head(data[: end + 4])
        self.gateway.heads.keep(data, end, reader.head)
        self._reader = reader if reader.head.is_chunked else None
        return reader.head, reader.length or 0

    def _begin_body(self, data: bytes, missing: int) -> None:
        self._step = BODY
        self._since = self.gateway.now
        self._body = [data]
        self._missing = missing
        self._size = len(data) + missing
        self._make_room()
        if self._head.expects:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _make_room(self) -> None:
        """For what is missing of the body, and not for a byte more."""
        come = self._size - self._missing
        part = bytearray(min(self._missing, max(come, LEAST_PART_BYTES), PART_BYTES))
        self._body.append(part)
        self._place = memoryview(part)

    def _take_more_of_body(self, size: int) -> None:
        self._missing -= size
        self._place = self._place[size:]
        if self._place:
            return
        if self._missing:
            self._make_room()
            return
        self._place = self._reads
        body, self._body = b"".join(self._body), []
        self._step = ANSWER
        self.gateway.answer(self, self._head, body)

    def _begin_chunks(self, data: bytes) -> None:
        assert self._reader is not None
        self._step = CHUNKS
        self._since = self.gateway.now
        self._body = []
        self._size = 0
        # The parser that read the head goes on; it hands its chunks to us from here.
        self._reader.on_chunk = self._body.append
        if self._head.expects:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if data:
            self._take_chunks(data)

    def _take_chunks(self, data: bytes) -> None:
        reader = self._reader
        assert reader is not None
        self._size += len(data)
        try:
            reader.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(BadRequest(400, "the chunks of the body are malformed"))
            return
        if (
            self._size > 2 * self.gateway.server.body_bytes
            or sum(map(len, self._body)) > self.gateway.server.body_bytes
        ):
            self._refuse(BadRequest(413, f"the body is larger than {self.gateway.server.body_bytes:,} bytes"))
        elif reader.whole:
            if reader.began_again:  # more came after it: what belongs to whom is no longer beyond doubt
                self._head.keep_alive = False
            self._reader = None
            body = b"".join(self._body)
            self._body = []
            self._step = ANSWER
            self.gateway.answer(self, self._head, body)

    def _refuse(self, bad: BadRequest) -> None:
        """Say why and close: what follows could be anything."""
        body = reply.openai_error(bad.what, kind="invalid_request_error", code=None)
        self.write(reply.whole(bad.status, body, self.gateway.date.field, self.gateway.next_id(), close=True))
        self.close()
