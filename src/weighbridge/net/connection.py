"""One HTTP/1.1 connection to a model, one exchange at a time.

Bytes in are parsed by httptools (llhttp, strict framing); nothing is trusted: header bytes, body bytes and the bytes
that carry neither (interim answers, trailers, chunk lines) are bounded. A streamed body that is not read fast enough
pauses the socket. Deadlines are only checked by `check`, which Calls runs a few times a second: no timer a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from weighbridge.errors import BackendUnreachable, BadAnswer, EngineError, StreamCut
from weighbridge.net.terms import Headers, Limits, Timeouts

HIGH_WATER = 256 * 1024
"""Bytes of a streamed body held before the socket is paused."""
LOW_WATER = 64 * 1024
"""Bytes left when it is read from again."""


class Connection(asyncio.Protocol):
    """Made by net/dial.py, kept by net/pool.py. `where` names the request under way, for errors."""

    def __init__(self, limits: Limits, clock: Callable[[], float], on_lost: Callable[[Connection], None]) -> None:
        self._limits = limits
        self._clock = clock
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)  # one for all answers: it starts anew after a whole one
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.busy = False
        self.lost = False
        self.uses = 0
        self.idle_since = clock()
        self._reset("", Timeouts(), 0.0, streaming=False)

    def _reset(self, where: str, timeouts: Timeouts, started: float, *, streaming: bool) -> None:
        self.where = where
        self.status = 0
        self._raw: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._head_bytes = self._body_bytes = self._idle_bytes = self._unread = 0
        self._headers_done = self._complete = self._keep_alive = self._surplus = self._paused = False
        self._failure: EngineError | None = None
        self._was_unsent = False
        """It was closing when it was to be written to, though the loss was not told yet."""
        self._streaming = streaming
        self._timeouts = timeouts
        self._sent_at = started
        self._heard_at: float | None = None
        self._deadline = started + timeouts.total_s

    # --- one exchange

    def send(
        self, head: bytes, body: bytes, where: str, timeouts: Timeouts, *, started: float, streaming: bool
    ) -> None:
        """Write a request; `started` is when it was asked for, from which `total_s` counts."""
        assert self._transport is not None
        self._reset(where, timeouts, started, streaming=streaming)
        self.busy = True
        self.uses += 1
        self._sent_at = self._clock()
        if self.lost or self._transport.is_closing():
            self._was_unsent = True
            self._fail(BackendUnreachable("the connection was closed before the request was sent", where=where))
            return
        # One write for small requests: two would be two packets, for Nagle's algorithm is off.
        if len(body) < HIGH_WATER:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    async def completed(self) -> None:
        """Return when all of the answer is there."""
        while not self._complete:
            await self._wait()

    def body(self) -> bytes:
        """What has come of the body and was not read."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    async def opened(self) -> None:
        """Return when status and headers are there."""
        while not self._headers_done:
            await self._wait()

    async def chunk(self) -> bytes:
        """What has come of the body since the last time, at least a byte; b"" at its end."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._wait()
        data = self.body()
        self._chunks.clear()
        self._unread = 0
        if self._paused:
            self._resume()
        return data

    def headers(self) -> Headers:
        return Headers(self._raw)

    @property
    def was_stale(self) -> bool:
        """It had served before, and was closed without a byte of an answer: the other side had let go of it."""
        return self.uses > 1 and (self.lost or self._was_unsent) and self._heard_at is None

    @property
    def is_reusable(self) -> bool:
        """The answer was read to its end and both sides are ready for another request."""
        return (
            self._complete
            and self._keep_alive
            and not self._surplus
            and not self.lost
            and self._transport is not None
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
        )

    def rest(self) -> None:
        """Back to the pool."""
        self.busy = False
        self.idle_since = self._clock()

    def close(self) -> None:
        """Say goodbye (TLS close_notify) and close."""
        self.busy = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; the other side sees its request abandoned."""
        self.busy = False
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Fail the exchange under way if one of its times is over."""
        if not self.busy or self._complete or self._failure is not None:
            return
        times = self._timeouts
        if now >= self._deadline:
            self._time_out(f"was not finished after {times.total_s:g} s")
        elif self._heard_at is None:
            if now - self._sent_at >= times.first_byte_s:
                self._time_out(f"sent no byte of an answer in {times.first_byte_s:g} s")
        elif not self._paused and now - self._heard_at >= times.gap_s:
            self._time_out(f"fell silent for {times.gap_s:g} s")

    def fail(self, error: EngineError) -> None:
        """End the exchange under way with an error from outside (shutdown)."""
        if self.busy and not self._complete:
            self._fail(error)

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        waiter = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: EngineError) -> None:
        if self._failure is None:
            self._failure = error
        self._wake()

    def _time_out(self, what: str) -> None:
        if self._heard_at is None:
            self._fail(BackendUnreachable(f"the backend {what}", where=self.where, next_move=_SLOW))
        else:
            self._fail(StreamCut(f"the backend {what}, in the middle of its answer", where=self.where))
        self.abort_transport()

    def abort_transport(self) -> None:
        """Close at once; what was not sent yet is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _resume(self) -> None:
        self._paused = False
        self._heard_at = self._clock()
        if self._transport is not None and not self._transport.is_closing():  # uvloop raises on a closed one
            self._transport.resume_reading()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self.busy or self._complete or self._failure is not None:
            self._surplus = True  # said something nobody asked for: what comes next could be taken for an answer
            self.abort_transport()
            return
        self._heard_at = self._clock()
        self._idle_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._bad("switched protocols, which was not asked for")
        except httptools.HttpParserError as error:
            self._surplus = True
            if not self._complete:
                self._bad(f"did not answer in HTTP ({str(error)[:80]}); it began {data[:40]!r}")
        # A whole answer in one read never ends up here: on_body sets the count back.
        if self._idle_bytes > self._limits.head_bytes + len(data) and not self._complete:
            self._bad(f"sent more than {self._limits.head_bytes:,} bytes that are neither body nor the end of one")
        if self._complete or self._failure is not None or (self._streaming and (self._headers_done or self._chunks)):
            self._wake()
        if self._streaming and self._unread > HIGH_WATER and not (self._paused or self._complete or self._failure):
            self._paused = True
            assert self._transport is not None
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        del self._parser  # it refers to us: without this only the garbage collector would free the two
        if self.busy and not self._complete and self._failure is None:
            self._lost_while_busy(exc)
        self._on_lost(self)

    def _lost_while_busy(self, exc: Exception | None) -> None:
        if self._headers_done and exc is None and self._reads_until_close():
            self._complete = True
            self._wake()
            return
        why = f" ({exc})" if exc is not None and str(exc) else ""
        if self._heard_at is None:
            self._fail(
                BackendUnreachable(
                    f"the backend closed the connection without answering{why}", where=self.where, next_move=_CLOSED
                )
            )
        elif not self._headers_done:
            self._fail(BadAnswer(f"the backend closed the connection within the headers{why}", where=self.where))
        else:
            self._fail(
                StreamCut(
                    f"the backend closed the connection after {self._body_bytes:,} bytes of an unfinished answer{why}",
                    where=self.where,
                )
            )

    def _reads_until_close(self) -> bool:
        """Whether only the end of the connection ends the body (RFC 9112, 6.3, rule 8)."""
        names = {name.lower() for name, _ in self._raw}
        return not names & {b"content-length", b"transfer-encoding"}

    # --- httptools

    def on_message_begin(self) -> None:
        if self._complete:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4  # 4: colon, space, CR, LF
        if self._head_bytes > self._limits.head_bytes:
            self._bad(f"sent more than {self._limits.head_bytes:,} bytes of headers")
        elif not self._headers_done:
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        self.status = self._parser.get_status_code()
        self._headers_done = self.status >= 200

    def on_body(self, data: bytes) -> None:
        self._idle_bytes = 0
        if self._complete or self._failure is not None:
            return
        self._body_bytes += len(data)
        if self._body_bytes > self._limits.body_bytes:
            self._bad(f"sent a body of more than {self._limits.body_bytes:,} bytes")
            return
        self._chunks.append(data)
        self._unread += len(data)

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if self.status < 200:  # 100 Continue, 103 Early Hints: the answer itself is still to come
            self._raw = []
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()

    def _bad(self, what: str) -> None:
        self._fail(BadAnswer(f"the backend {what}", where=self.where))
        self.abort_transport()


_SLOW = "Is it loading a model, or overloaded? Raise the backend's timeout_s if it is only slow."
_CLOSED = "Look at the backend's own log; it may have crashed or be restarting."
