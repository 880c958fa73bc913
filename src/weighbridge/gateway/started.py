"""Connections to an engine that the gateway starts by a command: it is made ready before one is dialled, and told that
it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weighbridge.errors import EngineCrashed, EngineError, WeighbridgeError
from weighbridge.net.dial import Way

from .pool import UpstreamPool
from .upstream import Upstream

if TYPE_CHECKING:
    from weighbridge.engines.command import CommandServer


class StartedPool(UpstreamPool):
    """Of one engine. `make` gives its server, inside the event loop that uses it."""

    def __init__(self, way: Way, *, answer_bytes: int, make: Callable[[], CommandServer]) -> None:
        super().__init__(way, answer_bytes=answer_bytes)
        self._make = make
        self._server: CommandServer | None = None
        self._tending: asyncio.Task[None] | None = None

    @property
    def server(self) -> CommandServer:
        if self._server is None:
            self._server = self._make()
        return self._server

    def take(self) -> Upstream | None:
        self.server.used()
        return super().take()

    async def _dial(self, seconds: float, ready: Callable[[Upstream | EngineError], Any]) -> None:
        try:
            await self.server.ready()
        except EngineError as error:
            ready(error)
            return
        except WeighbridgeError as error:
            ready(EngineCrashed(error.what, where=error.where, next_move=error.next_move))
            return
        await super()._dial(seconds, ready)

    def tend(self, now: float) -> None:
        super().tend(now)
        if self._server is None:
            return
        if len(self.open) > len(self._idle):
            self._server.used()
        elif self._tending is None or self._tending.done():
            self._tending = asyncio.ensure_future(self._server.tend())

    async def stop(self) -> None:
        """End what was started."""
        if self._server is not None:
            await self._server.close()
