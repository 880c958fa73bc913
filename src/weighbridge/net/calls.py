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
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from weighbridge.errors import BackendUnreachable, EngineError, PullError
from weighbridge.net.connection import Connection
from weighbridge.net.dial import Way
from weighbridge.net.headers import trust
from weighbridge.net.origin import Origin, proxy_for, split_url
from weighbridge.net.pool import Pool
from weighbridge.net.request_head import RequestHead, request_head
from weighbridge.net.stream import Stream
from weighbridge.net.terms import Headers, Limits, Response, Timeouts

__all__ = ["Calls", "HeaderFields", "Headers", "Limits", "Response", "Stream", "Timeouts"]

HeaderFields: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]

DEFAULT_TIMEOUTS = Timeouts()
DEFAULT_LIMITS = Limits()
IDLE_S = 4.0
"""uvicorn, which vLLM and SGLang run on, closes after 5 s; letting go first avoids most races with it."""
KEPT_HEADS = 1024
"""Request heads remembered."""
CLOSE_S = 1.0


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
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """`environ` is where proxies and a bundle of certificates are looked up. `tick_s` is how late a time-out may
        come, for all of them are checked together. `tls` makes the context that servers are verified with, on first
        use; None takes the system's trust store, or the bundle that `environ` names."""
        self._environ = environ
        self._clock = clock
        self._limits = limits
        self._most = connections_per_origin
        self._idle_s = idle_s
        self._tick_s = tick_s
        self._make_tls = tls or self._system_trust
        self._tls: ssl.SSLContext | None = None
        self._pools: dict[Origin, Pool] = {}
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...]], tuple[Pool, RequestHead]] = {}
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
        pool, head = self._prepared(method, url, headers)
        connection = await self._exchange(pool, head, body, timeouts, repeatable=repeatable, streaming=False)
        try:
            return Response(connection.status, connection.headers(), connection.body())
        finally:
            pool.give_back(connection)

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
        pool, head = self._prepared(method, url, headers)
        return Stream(pool, lambda: self._exchange(pool, head, body, timeouts, repeatable=repeatable, streaming=True))

    def check(self, method: str, url: str, headers: HeaderFields = ()) -> None:
        """Raise InputError if such a request could not be sent: the URL, a header, the proxy on the way."""
        self._prepared(method, url, headers)

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

    async def _exchange(
        self,
        pool: Pool,
        head: RequestHead,
        body: bytes,
        timeouts: Timeouts,
        *,
        repeatable: bool | None,
        streaming: bool,
    ) -> Connection:
        """Send a request, on a fresh connection if a kept one was stale; return when its headers, or without
        `streaming` all of its body, are there. The connection is then the caller's to give back."""
        started = self._clock()
        may_repeat = head.is_idempotent if repeatable is None else repeatable
        for fresh in (False, True):
            if self._closed:
                raise _closed()
            connection = await pool.take(timeouts, started, fresh=fresh)
            if self._ticking is None:
                self._tick_later()
            is_handed_on = False
            try:
                start = head.for_body(body)
                connection.send(start, body, head.where, timeouts, started=started, streaming=streaming)
                await (connection.opened() if streaming else connection.completed())
                is_handed_on = True
                return connection
            except BackendUnreachable:
                if fresh or not (may_repeat and connection.was_stale):
                    raise
            finally:
                if not is_handed_on:
                    pool.give_back(connection)
        raise AssertionError("unreachable")

    def _prepared(self, method: str, url: str, headers: HeaderFields) -> tuple[Pool, RequestHead]:
        """Heads are kept: an engine sends the same one thousands of times."""
        fields = tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)
        key = (method, url, fields)
        prepared = self._heads.get(key)
        if prepared is None:
            if len(self._heads) >= KEPT_HEADS:
                self._heads.clear()
            origin, target = split_url(url)
            pool = self._pool(origin)
            prepared = self._heads[key] = pool, request_head(method, target, fields, pool.way)
        return prepared

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            way = Way(origin, proxy_for(origin, self._environ), self._context)
            pool = Pool(way, self._connection, most=self._most, idle_s=self._idle_s, clock=self._clock)
            self._pools[origin] = pool
        return pool

    def _connection(self, on_lost: Callable[[Connection], None]) -> Connection:
        return Connection(self._limits, self._clock, on_lost)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _system_trust(self) -> ssl.SSLContext:
        try:
            return trust(self._environ)
        except PullError as error:
            raise BackendUnreachable(error.what, where=error.where, next_move=error.next_move) from error

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


def _closed() -> EngineError:
    return BackendUnreachable("the client is closed", next_move="This is a call after the end of a run.")
