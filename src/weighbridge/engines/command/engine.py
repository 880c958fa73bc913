"""An engine that is asked at a URL and started by a command, for whoever asks engines rather than sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

from weighbridge.chat import ChatRequest, Piece
from weighbridge.engines.engine import Ability, Engine

from .server import CommandServer


class CommandEngine:
    """The command's server, then the engine that speaks to it."""

    def __init__(self, inner: Engine, server: CommandServer) -> None:
        self._inner = inner
        self._server = server
        self.name = inner.name
        self.model = inner.model
        self.concurrency = inner.concurrency

    @property
    def abilities(self) -> frozenset[Ability]:
        return self._inner.abilities

    @abilities.setter
    def abilities(self, _: frozenset[Ability]) -> None:
        raise AttributeError("the engine says itself what it can do")

    async def start(self) -> None:
        await self._server.ready()
        await self._inner.start()

    async def close(self) -> None:
        await self._inner.close()
        await self._server.close()

    def fingerprint(self) -> dict[str, str]:
        return self._inner.fingerprint()

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """Started again first if it crashed."""
        await self._server.ready()
        async for piece in self._inner.answer(request):
            self._server.used()
            yield piece
