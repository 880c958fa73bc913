"""The connections to one origin: kept for the next request, bounded in number, given up when idle too long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from weighbridge.errors import BackendUnreachable, EngineError
from weighbridge.net.connection import Connection
from weighbridge.net.dial import Way, dial
from weighbridge.net.terms import Timeouts


class Pool:
    """At most `most` connections, the last one used first, so that what is not needed falls idle and goes."""

    __slots__ = ("_clock", "_idle_s", "_make", "_most", "_taken", "_waiting", "connections", "idle", "way")

    def __init__(
        self,
        way: Way,
        make: Callable[[Callable[[Connection], None]], Connection],
        *,
        most: int,
        idle_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.way = way
        self.idle: list[Connection] = []
        self.connections: set[Connection] = set()
        """All that are open, idle ones included."""
        self._make = make
        self._most = most
        self._idle_s = idle_s
        self._clock = clock
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, timeouts: Timeouts, started: float, *, fresh: bool = False) -> Connection:
        """A connection for one request; `fresh` never gives one that has served before."""
        if self._taken >= self._most:
            await self._turn(timeouts, started)
        else:
            self._taken += 1
        if fresh:
            self.drop_idle()
        while self.idle:
            connection = self.idle.pop()
            if not connection.lost and self._clock() - connection.idle_since < self._idle_s:
                return connection
            connection.close()
        try:
            left = min(timeouts.connect_s, started + timeouts.total_s - self._clock())
            connection = await dial(self.way, self._new, max(left, 0.0))
        except BaseException:
            self._free()
            raise
        if not connection.lost:
            self.connections.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """After a request, however it ended."""
        if connection.is_reusable:
            connection.rest()
            self.idle.append(connection)
        else:
            connection.abort()
        self._free()

    def shut(self, error: Callable[[], EngineError]) -> None:
        """Close everything; requests under way and those waiting fail, each with an error of its own."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(error())
        self.drop_idle()
        for connection in tuple(self.connections):
            connection.fail(error())
            connection.close()

    def drop_idle(self) -> None:
        """Close what is idle: one stale connection makes the others suspect."""
        for connection in self.idle:
            connection.close()
        self.idle.clear()

    def tend(self, now: float) -> None:
        """Close what was idle too long, and fail what is late."""
        while self.idle and now - self.idle[0].idle_since >= self._idle_s:
            self.idle.pop(0).close()
        for connection in tuple(self.connections):
            connection.check(now)

    def _new(self) -> Connection:
        return self._make(self._forget)

    def _forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if not connection.busy and connection in self.idle:
            self.idle.remove(connection)

    async def _turn(self, timeouts: Timeouts, started: float) -> None:
        """Wait until a connection may be taken, first come first served."""
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(max(started + timeouts.total_s - self._clock(), 0.0)):
                await mine
        except BaseException as error:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self._free()  # the turn came while we were being cancelled: it is the next one's
            if not isinstance(error, TimeoutError):
                raise
            raise BackendUnreachable(
                f"all {self._most} connections to {self.way} were in use for {timeouts.total_s:g} s",
                where=str(self.way.origin),
                next_move="Lower the backend's concurrency, or raise its timeout_s.",
            ) from error

    def _free(self) -> None:
        """Hand the place to whoever has waited longest, or leave it open."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken -= 1
