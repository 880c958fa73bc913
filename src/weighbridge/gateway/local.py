"""Engines that run in this process or as its children: started when first asked, stopped when nobody asks any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from time import perf_counter
from typing import Protocol

from weighbridge.chat import ChatRequest, Piece
from weighbridge.engines import Engine
from weighbridge.errors import EngineCrashed, EngineError, WeighbridgeError


class LocalEngine:
    """One engine, with the number of calls it is given at once."""

    def __init__(self, run: Callable[[], AbstractAsyncContextManager[Engine]], *, idle_stop_s: float | None) -> None:
        """`run` starts the engine, and stops it when it is left. `idle_stop_s`: None keeps it running."""
        self._run = run
        self._idle_stop_s = idle_stop_s
        self._running: tuple[Engine, AsyncExitStack] | None = None
        self._starting = asyncio.Lock()
        self._start: asyncio.Task[Engine] | None = None
        self._slots = asyncio.Semaphore(1)
        self._busy = 0
        self._used_at = perf_counter()

    @property
    def is_running(self) -> bool:
        return self._running is not None

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """Start it if need be, and ask. Raises EngineError."""
        self._busy += 1
        try:
            engine = await self._started()
            async with self._slots:
                async for piece in engine.answer(request):
                    yield piece
        finally:
            self._busy -= 1
            self._used_at = perf_counter()

    async def _started(self) -> Engine:
        if self._running is not None:
            return self._running[0]
        if self._start is None or self._start.done():
            self._start = asyncio.ensure_future(self._get_started())
            self._start.add_done_callback(_look)
        return await asyncio.shield(self._start)  # whoever leaves while it starts does not stop it for the others

    async def _get_started(self) -> Engine:
        async with self._starting:
            if self._running is None:
                stack = AsyncExitStack()
                engine = await stack.enter_async_context(self._run())
                self._slots = asyncio.Semaphore(max(1, engine.concurrency))
                self._running = engine, stack
            return self._running[0]

    async def tend(self) -> None:
        """Stop it if it has been idle for too long."""
        if self._running is None or self._busy or self._idle_stop_s is None:
            return
        if perf_counter() - self._used_at >= self._idle_stop_s:
            await self.close()

    async def close(self) -> None:
        if self._start is not None and not self._start.done():
            self._start.cancel()
            await asyncio.gather(self._start, return_exceptions=True)
        async with self._starting:
            running, self._running = self._running, None
            if running is not None:
                await running[1].aclose()


def _look(task: asyncio.Task[Engine]) -> None:
    """Whoever waited was told; perhaps nobody does any more."""
    if not task.cancelled():
        task.exception()


class Told(Protocol):
    """Who is told how a call goes on."""

    def piece(self, piece: Piece) -> None: ...

    def pieces_out(self) -> None:
        """The last piece has come."""
        ...

    def failed(self, error: EngineError) -> None: ...


class LocalRun:
    """One call to a local engine, told to its exchange as a connection would tell it."""

    def __init__(self, local: LocalEngine, request: ChatRequest, told: Told) -> None:
        self._told = told
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._task = asyncio.ensure_future(self._run(local, request))

    async def _run(self, local: LocalEngine, request: ChatRequest) -> None:
        try:
            async for piece in local.answer(request):
                self._told.piece(piece)
                await self._flowing.wait()
        except EngineError as error:
            self._told.failed(error)
        except WeighbridgeError as error:
            self._told.failed(EngineCrashed(error.what, where=error.where, next_move=error.next_move))
        else:
            self._told.pieces_out()

    def drop(self) -> None:
        """Nobody wants the rest."""
        self._task.cancel()

    def linger(self) -> None:
        """The answer is whole."""

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()
