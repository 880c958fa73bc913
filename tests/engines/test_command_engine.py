"""A backend with a command, asked as runs ask: started before the first call, ended with the run."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest
from llamacpp_running import is_alive

from patience import PATIENCE_S
from weighbridge.chat import ChatRequest, Message
from weighbridge.engines import BackendRecord
from weighbridge.engines.registry import make_engine
from weighbridge.errors import EngineCrashed
from weighbridge.net.calls import Calls

STUB = Path(__file__).with_name("command_server_stub.py")
HELLO = ChatRequest("served", messages=(Message("user", "hello"),))


def record(*how: str) -> BackendRecord:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return BackendRecord(
        name="gpu",
        kind="vllm",
        base_url=f"http://127.0.0.1:{port}/v1",
        command=(sys.executable, str(STUB), str(port), *how),
        start_timeout_s=PATIENCE_S,
        settings={"stream": False},
    )


def test_a_run_starts_it_asks_it_and_ends_it(tmp_path: Path) -> None:
    async def run() -> int:
        async with Calls(environ={}) as calls:
            engine = make_engine(record(), calls=calls, environ={}, folder=tmp_path)
            await engine.start()
            (pid,) = map(int, (tmp_path / "pids").read_text().split())
            assert is_alive(pid)
            pieces = [piece async for piece in engine.answer(HELLO)]
            assert "".join(piece.text for piece in pieces) == f"from {pid}"
            await engine.close()
            return pid

    assert not is_alive(asyncio.run(run()))


def test_one_that_does_not_start_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    async def run() -> None:
        async with Calls(environ={}) as calls:
            engine = make_engine(record("crash_at_start"), calls=calls, environ={}, folder=tmp_path)
            with pytest.raises(EngineCrashed, match="ended with exit code 1"):
                await engine.start()
            await engine.close()

    asyncio.run(run())
    assert not any(map(is_alive, map(int, (tmp_path / "pids").read_text().split())))
