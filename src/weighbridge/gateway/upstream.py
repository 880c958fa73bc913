"""Connections to a backend, one exchange at a time, without a task or a future on the way.

net/calls.py serves whoever awaits an answer. Here bytes go from one socket to the other, so a connection calls the
exchange it carries: with the status once the head is there, with each read of a stream, with a whole body, or with
what went wrong. Framing is read by llhttp; a connection that says anything nobody asked for is given up.

    a whole answer under the last one's head, all in one read  ->  `answered`
    a read of whole chunks, while llhttp stands between two    ->  `on_chunks`, framing and all
    one of a single chunk that is not taken so                ->  `flowed`
    anything else                                             ->  llhttp, then `flowed`

llhttp has nothing to keep of what it does not see: it stands between two answers, or two chunks, before and after. The
head of an answer that it read is remembered by its bytes around content-length's value, and equal bytes mean the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from weighbridge.errors import BackendUnreachable, BadAnswer, EngineError, StreamCut

from .chunked import count_whole
from .outline import Body

if TYPE_CHECKING:
    from .pool import UpstreamPool

HEAD_BYTES = 64 * 1024


class Carried(Protocol):
    """What a connection tells its exchange."""

    def opened(self, upstream: Upstream) -> None:
        """A stream's head is there: status 200 and server-sent events, or lines of JSON."""

    def flowed(self, data: bytes) -> None:
        """The next bytes of a stream's body."""

    def flowed_out(self) -> None:
        """The stream's body has ended as its framing says."""

    def answered(self, status: int, head: bytes, body: bytes) -> None:
        """A whole answer that is no stream."""

    def stale(self, error: EngineError) -> None:
        """A connection that had been used before was closed without a byte of an answer."""

    def failed(self, error: EngineError) -> None:
        """There will be nothing more."""


class Upstream(asyncio.Protocol):
    """One connection. `carried` is the exchange under way."""

    def __init__(self, pool: UpstreamPool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)
        self._carried: Carried | None = None
        self._head = b""
        self._status = 0
        self._may_stream = self._is_stream = self._complete = self._keep_alive = False
        self._is_between_chunks = False
        """llhttp has read a chunk of a stream to its end, and nothing after it."""
        self._size = 0
        self.on_chunks: Callable[[bytes, int], bool] | None = None
        """Offered reads of whole chunks, framing and all, and how many; False where they are to be read after all."""
        self.uses = 0
        self.lost = False
        self.idle_since = 0.0

    def send(self, carried: Carried, data: Body, *, stream: bool) -> None:
        """Write a whole request; what comes of it is told to `carried`. Without `stream`, or where the answer is
        none, it is told whole."""
        transport = self._transport
        assert transport is not None
        self._carried = carried
        self._may_stream = stream
        self._head = b""
        self._status = 0
        self._is_stream = self._complete = self._is_between_chunks = False
        self._size = 0
        self.on_chunks = None
        self.uses += 1
        if isinstance(data, bytes):
            transport.write(data)
        else:
            transport.writelines(data)

    def linger(self) -> None:
        """The answer is whole, only its framing has not ended; what still comes is nobody's business."""
        self._carried = _NOBODY
        self.on_chunks = None
        self.idle_since = 0.0

    def drop(self) -> None:
        """Nobody wants the rest: the backend sees its request abandoned."""
        self._carried = self.on_chunks = None
        self._pool.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def is_lingering(self) -> bool:
        return self._carried is _NOBODY

    def header(self, name: bytes) -> bytes:
        """A field of the answer's head; empty where there is none."""
        return find_header(self._head, name)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._head and self._pool.usual.knows(data) and not self._may_stream and self._take_usual(data):
            return
        if self._is_between_chunks and (count := count_whole(data)):
            take, carried = self.on_chunks, self._carried
            if take is not None and take(data, count):
                return
            if count == 1 and carried is not None:
                carried.flowed(data[data.find(b"\n") + 1 : -2])
                return
        self._read(data)

    def _read(self, data: bytes) -> None:
        carried = self._carried
        if carried is None or self._complete:
            self.drop()
            return
        if not self._is_stream and self._status < 200:
            self._head += data
            if len(self._head) > HEAD_BYTES + len(data):
                self._fail(BadAnswer(f"the backend sent more than {HEAD_BYTES:,} bytes of headers"))
                return
        try:
            self._parser.feed_data(data)
            if not data.endswith(b"\r\n"):
                self._is_between_chunks = False
        except httptools.HttpParserUpgrade:
            self._fail(BadAnswer("the backend switched protocols, which was not asked for"))
            return
        except httptools.HttpParserError as error:
            self._fail(BadAnswer(f"the backend did not answer in HTTP ({str(error)[:80]}); it began {data[:40]!r}"))
            return
        if self._is_stream:
            self._flow(carried)
        elif self._complete:
            self._answer(carried)
        elif self._parts:
            self._check_size()

    def _flow(self, carried: Carried) -> None:
        parts = self._parts
        if parts:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            carried.flowed(data)
        if self._complete:
            left = self._carried
            self._carried = None
            if left is not None:  # None: dropped by the exchange
                self._release()
                left.flowed_out()

    def _take_usual(self, data: bytes) -> bool:
        """Of an answer that llhttp need not read; False where it has to."""
        start, carried = self._pool.usual.start_of_body(data), self._carried
        if not start or carried is None:
            return False
        self._carried = None
        self._pool.give_back(self)
        carried.answered(200, data[:start], data[start:])
        return True

    def _answer(self, carried: Carried) -> None:
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        head, status = self._head, self._status
        if status == 200 and self._keep_alive:
            self._pool.usual.remember(head, len(body))
        self._carried = None
        self._release()
        carried.answered(status, head, body)

    def _release(self) -> None:
        """Back to the pool, or closed where the framing says so."""
        if self._keep_alive and not self.lost:
            self._pool.give_back(self)
        else:
            self._pool.forget(self)
            self.close()

    def _check_size(self) -> None:
        self._size = sum(map(len, self._parts))
        if self._size > self._pool.answer_bytes:
            self._fail(BadAnswer(f"the backend sent an answer of more than {self._pool.answer_bytes:,} bytes"))

    def _fail(self, error: EngineError) -> None:
        carried, self._carried = self._carried, None
        self._parts.clear()
        self._pool.forget(self)
        if self._transport is not None:
            self._transport.abort()
        if carried is not None:
            carried.failed(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        parser = self._parser
        del self._parser  # it refers to us: without this only the garbage collector would free the two
        del parser
        self._pool.forget(self)
        carried, self._carried = self._carried, None
        if carried is None:
            return
        why = f" ({exc})" if exc is not None and str(exc) else ""
        if not self._head:
            error = BackendUnreachable(f"the backend closed the connection without answering{why}")
            if self.uses > 1 and not self._status:  # nor an interim answer
                carried.stale(error)
            else:
                carried.failed(error)
        elif self._status < 200:
            carried.failed(BadAnswer(f"the backend closed the connection within the headers{why}"))
        elif exc is None and self._ends_by_closing():
            self._end_by_closing(carried)
        else:
            carried.failed(StreamCut(f"the backend closed the connection in the middle of its answer{why}"))

    def _ends_by_closing(self) -> bool:
        """Whether only the end of the connection ends the body (RFC 9112, 6.3, rule 8)."""
        return not self.header(b"content-length") and not self.header(b"transfer-encoding")

    def _end_by_closing(self, carried: Carried) -> None:
        if self._is_stream:
            carried.flowed_out()
        else:
            body = b"".join(self._parts)
            self._parts.clear()
            carried.answered(self._status, self._head, body)

    # --- httptools

    def on_headers_complete(self) -> None:
        status = self._status = self._parser.get_status_code()
        if status < 200:  # 100 Continue, 103 Early Hints: the answer itself is still to come
            self._head = b""
        elif status == 200 and self._may_stream:
            kind = self.header(b"content-type")
            if kind.startswith((b"text/event-stream", b"application/x-ndjson")) and self._carried is not None:
                self._is_stream = True
                self._carried.opened(self)

    def on_chunk_header(self) -> None:
        self._is_between_chunks = False

    def on_chunk_complete(self) -> None:
        self._is_between_chunks = self._is_stream

    def on_message_complete(self) -> None:
        if self._status >= 200:
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()  # llhttp forgets it with the message


class _Nobody:
    """Takes what comes after an answer that is whole."""

    def opened(self, upstream: Upstream) -> None: ...

    def flowed(self, data: bytes) -> None: ...

    def flowed_out(self) -> None: ...

    def answered(self, status: int, head: bytes, body: bytes) -> None: ...

    def stale(self, error: EngineError) -> None: ...

    def failed(self, error: EngineError) -> None: ...


_NOBODY = _Nobody()


def find_header(head: bytes, name: bytes) -> bytes:
    """The first field of that lower-case name in a raw head, in lower case; empty where there is none."""
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    return head[start : head.find(b"\r\n", start)].strip().lower()
