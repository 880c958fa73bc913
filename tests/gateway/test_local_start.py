"""An engine in process is started once, whoever waits for it and whoever leaves meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from patience import soon
from weighbridge.chat import ChatRequest, Message
from weighbridge.engines import BackendRecord, Engine
from weighbridge.engines.echo import EchoEngine
from weighbridge.errors import EngineCrashed
from weighbridge.gateway.local import LocalEngine

HELLO = ChatRequest("m", messages=(Message("user", "hello"),))


async def said(local: LocalEngine) -> str:
    return "".join([piece.text async for piece in local.answer(HELLO)])


def test_a_caller_that_leaves_does_not_stop_the_start_for_others() -> None:
    starts = 0

    async def run() -> None:
        go = asyncio.Event()

        @asynccontextmanager
        async def started() -> AsyncIterator[Engine]:
            nonlocal starts
            starts += 1
            await go.wait()
            engine = EchoEngine(BackendRecord(name="e", kind="echo", settings={"reply": "yes"}))
            await engine.start()
            yield engine

        local = LocalEngine(started, idle_stop_s=None)
        leaves, stays = asyncio.ensure_future(said(local)), asyncio.ensure_future(said(local))
        await soon(lambda: starts)
        leaves.cancel()
        await asyncio.gather(leaves, return_exceptions=True)
        go.set()

        assert await stays == "yes"
        assert starts == 1
        await local.close()

    asyncio.run(run())


def test_a_start_that_fails_is_told_and_tried_again_by_the_next() -> None:
    starts = 0

    async def run() -> None:
        @asynccontextmanager
        async def started() -> AsyncIterator[Engine]:
            nonlocal starts
            starts += 1
            raise EngineCrashed("no such weights")
            yield

        local = LocalEngine(started, idle_stop_s=None)
        for _ in range(2):
            with pytest.raises(EngineCrashed, match="no such weights"):
                await said(local)
        assert starts == 2
        await local.close()

    asyncio.run(run())
