"""An answer that is read while it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from weighbridge.errors import EngineError
from weighbridge.net.connection import Connection
from weighbridge.net.pool import Pool
from weighbridge.net.terms import Headers


class Stream:
    """`async with calls.stream(...) as response`; `status` and `headers` are there inside.

    Left before its end, the connection is closed, which tells the other side that its answer is not wanted any more.
    """

    __slots__ = ("_connection", "_open", "_pool", "headers", "status")

    def __init__(self, pool: Pool, open_: Callable[[], Awaitable[Connection]]) -> None:
        """`open_` sends the request and returns when status and headers are there."""
        self._pool = pool
        self._open = open_
        self._connection: Connection | None = None
        self.status = 0
        self.headers = Headers([])

    async def __aenter__(self) -> Stream:
        self._connection = await self._open()
        self.status = self._connection.status
        self.headers = self._connection.headers()
        return self

    async def __aexit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection)

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
