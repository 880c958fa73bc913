"""The client that every request to a model goes through: pooled HTTP/1.1 on asyncio, lean enough for a gateway.

    async with Calls(environ=environ) as calls:
        response = await calls.request("POST", url, headers, body)
        async with calls.stream("POST", url, headers, body) as response:
            async for chunk in response.chunks(): ...

One request is one attempt. It is made a second time only if a connection that had served before turns out to be
closed without a byte of an answer, and only if the request may be repeated (`repeatable`, by default what RFC 9110
9.2.2 calls idempotent: GET, not POST). Redirects are not followed: a key must not travel to an address nobody
configured. Compression is not asked for. Cancelling a request closes its connection.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

from weighbridge import __version__
from weighbridge.errors import BackendUnreachable, EngineError, InputError
from weighbridge.net.connection import Connection, Headers, Limits, Timeouts
from weighbridge.net.dial import Way
from weighbridge.net.origin import Origin, proxy_for, split_url
from weighbridge.net.pool import Pool

__all__ = ["Calls", "HeaderFields", "Headers", "Limits", "Response", "Stream", "Timeouts"]

HeaderFields: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]

DEFAULT_TIMEOUTS = Timeouts()
DEFAULT_LIMITS = Limits()
IDLE_S = 4.0
"""uvicorn, which vLLM and SGLang run on, closes after 5 s; letting go first avoids most races with it."""
IDEMPOTENT = frozenset({"GET", "PUT", "DELETE", "OPTIONS"})
METHODS = IDEMPOTENT | {"POST", "PATCH"}
FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "host", "expect", "upgrade", "te"})
"""Header fields that are this module's own business."""
KEPT_HEADS = 1024
"""Serialised request heads remembered; an engine sends the same one thousands of times."""
CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class _Head:
    """Everything about a request but its body."""

    pool: Pool
    start: bytes
    """Request line and fields, up to the value of content-length."""
    where: str
    """For errors; without the query, which may hold a key."""
    is_idempotent: bool
    has_body: bool


class Calls:
    """A client; belongs to the event loop it is first used in, and is closed with `close` or `async with`."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        limits: Limits = DEFAULT_LIMITS,
        connections_per_origin: int = 256,
        idle_s: float = IDLE_S,
        tick_s: float = 0.25,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """`environ` is where proxies are looked up. `tick_s` is how late a time-out may come, for all of them are
        checked together. `tls` makes the context that servers are verified with, on first use."""
        self._environ = environ
        self._clock = clock
        self._limits = limits
        self._most = connections_per_origin
        self._idle_s = idle_s
        self._tick_s = tick_s
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._pools: dict[Origin, Pool] = {}
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Head] = {}
        self._ticking: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> Calls:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def request(
        self,
        method: str,
        url: str,
        headers: HeaderFields = (),
        body: bytes = b"",
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        *,
        repeatable: bool | None = None,
    ) -> Response:
        """Ask and read the whole answer, whatever its status. Raises BackendUnreachable, BadAnswer or StreamCut."""
        started = self._clock()
        head = self._head(method, url, headers)
        for fresh in (False, True):
            connection = await self._send(head, body, timeouts, started, streaming=False, fresh=fresh)
            try:
                content = await connection.whole()
                return Response(connection.status, connection.headers(), content)
            except BackendUnreachable:
                if fresh or not _may_repeat(head, connection, repeatable):
                    raise
            finally:
                head.pool.give_back(connection)
        raise AssertionError("unreachable")

    def stream(
        self,
        method: str,
        url: str,
        headers: HeaderFields = (),
        body: bytes = b"",
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        *,
        repeatable: bool | None = None,
    ) -> Stream:
        """Ask, and read the answer as it comes: `async with calls.stream(...) as response`."""
        return Stream(self, self._head(method, url, headers), body, timeouts, repeatable)

    async def close(self) -> None:
        """Close every connection; requests under way fail. Safe to call twice."""
        self._closed = True
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        for pool in self._pools.values():
            pool.shut(_closed)
        deadline = time.monotonic() + CLOSE_S
        while any(pool.connections for pool in self._pools.values()):
            if time.monotonic() > deadline:
                for pool in self._pools.values():
                    for connection in tuple(pool.connections):
                        connection.abort()
                deadline = float("inf")
            await asyncio.sleep(0.001)
        self._heads.clear()

    async def _send(
        self, head: _Head, body: bytes, timeouts: Timeouts, started: float, *, streaming: bool, fresh: bool
    ) -> Connection:
        if self._closed:
            raise _closed()
        connection = await head.pool.take(timeouts, started, fresh=fresh)
        if self._ticking is None:
            self._tick_later()
        start = b"%b%d\r\n\r\n" % (head.start, len(body)) if head.has_body else head.start
        connection.send(start, body, head.where, timeouts, started=started, streaming=streaming)
        return connection

    def _head(self, method: str, url: str, headers: HeaderFields) -> _Head:
        fields = tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)
        key = (method, url, fields)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= KEPT_HEADS:
                self._heads.clear()
            head = self._heads[key] = self._make_head(method, url, fields)
        return head

    def _make_head(self, method: str, url: str, fields: tuple[tuple[str, str], ...]) -> _Head:
        if method not in METHODS:
            raise ValueError(f"method {method!r} is not one of {sorted(METHODS)}")
        origin, target = split_url(url)
        pool = self._pools.get(origin)
        if pool is None:
            way = Way(origin, proxy_for(origin, self._environ), self._context)
            pool = Pool(way, self._connection, most=self._most, idle_s=self._idle_s, clock=self._clock)
            self._pools[origin] = pool
        forwarded = pool.way.is_forwarded
        lines = [f"{method} {origin if forwarded else ''}{target} HTTP/1.1", f"host: {origin.authority}"]
        if forwarded and pool.way.proxy is not None and pool.way.proxy.authorization is not None:
            lines.append(f"proxy-authorization: {pool.way.proxy.authorization}")
        if not any(name.lower() == "user-agent" for name, _ in fields):
            lines.append(f"user-agent: weighbridge/{__version__}")
        lines.extend(f"{_name(name)}: {_value(name, value)}" for name, value in fields)
        has_body = method not in ("GET", "OPTIONS", "DELETE")
        text = "\r\n".join([*lines, "content-length: " if has_body else "\r\n"])
        where = f"{method} {origin}{target.partition('?')[0]}"
        return _Head(pool, text.encode("latin-1"), where, method in IDEMPOTENT, has_body)

    def _connection(self, on_lost: Callable[[Connection], None]) -> Connection:
        return Connection(self._limits, self._clock, on_lost)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _tick_later(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def _tick(self) -> None:
        """Look after every connection; stop when there is none, so that an idle program sleeps."""
        self._ticking = None
        now = self._clock()
        for pool in self._pools.values():
            pool.tend(now)
        if any(pool.connections for pool in self._pools.values()):
            self._tick_later()


class Stream:
    """An answer that is read while it comes. `status` and `headers` are there inside the `async with`."""

    __slots__ = ("_body", "_calls", "_connection", "_head", "_repeatable", "_timeouts", "headers", "status")

    def __init__(self, calls: Calls, head: _Head, body: bytes, timeouts: Timeouts, repeatable: bool | None) -> None:
        self._calls = calls
        self._head = head
        self._body = body
        self._timeouts = timeouts
        self._repeatable = repeatable
        self._connection: Connection | None = None
        self.status = 0
        self.headers = Headers([])

    async def __aenter__(self) -> Stream:
        started = self._calls._clock()
        for fresh in (False, True):
            connection = await self._calls._send(
                self._head, self._body, self._timeouts, started, streaming=True, fresh=fresh
            )
            try:
                await connection.opened()
            except BackendUnreachable:
                self._head.pool.give_back(connection)
                if fresh or not _may_repeat(self._head, connection, self._repeatable):
                    raise
            except BaseException:
                self._head.pool.give_back(connection)
                raise
            else:
                self._connection = connection
                self.status = connection.status
                self.headers = connection.headers()
                return self
        raise AssertionError("unreachable")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Back to the pool if all of it was read; else the connection is closed, and the call abandoned upstream."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._head.pool.give_back(connection)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; StreamCut if it breaks off, never a clean end."""
        assert self._connection is not None, "chunks are read inside `async with`"
        while chunk := await self._connection.chunk():
            yield chunk

    async def read(self, most: int) -> bytes:
        """All of the body, or its first `most` bytes where it is longer, as for an error's text."""
        held = bytearray()
        async for chunk in self.chunks():
            held += chunk
            if len(held) >= most:
                break
        return bytes(held[:most])

    async def linger(self, seconds: float) -> None:
        """Wait a moment for the end of a body whose content is complete, so that the connection can serve again."""
        assert self._connection is not None
        try:
            async with asyncio.timeout(seconds):
                while await self._connection.chunk():
                    pass
        except (TimeoutError, EngineError):
            return  # the answer is whole; only its connection is lost


def _may_repeat(head: _Head, connection: Connection, repeatable: bool | None) -> bool:
    return connection.was_stale and (head.is_idempotent if repeatable is None else repeatable)


def _closed() -> EngineError:
    return BackendUnreachable("the client is closed", next_move="This is a call after the end of a run.")


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
