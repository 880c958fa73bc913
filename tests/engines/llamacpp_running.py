"""A started engine over a tiny model, for the tests of `llamacpp`."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from weighbridge.chat import ChatRequest, Message, Piece, Sampling
from weighbridge.engines import BackendRecord
from weighbridge.engines.llamacpp import LlamaCppEngine
from weighbridge.net.calls import Calls

needs_xllamacpp = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed: pip install 'weighbridge[local]'"
)
GREEDY = Sampling(temperature=0.0, max_tokens=12)


def make_record(**fields: Any) -> BackendRecord:
    return BackendRecord(**{"name": "tiny", "kind": "llamacpp", "source": "file:tiny.gguf", **fields})


@asynccontextmanager
async def running(weights: Path, threads: int = 1, **settings: Any) -> AsyncIterator[LlamaCppEngine]:
    """The engine, started, and closed whatever happens."""
    async with Calls(environ={}) as calls:
        engine = LlamaCppEngine(make_record(settings=settings), weights=weights, calls=calls, threads=threads)
        try:
            await engine.start()
            yield engine
        finally:
            await engine.close()


async def ask(engine: LlamaCppEngine, request: ChatRequest) -> list[Piece]:
    return [piece async for piece in engine.answer(request)]


def chat(text: str, **fields: Any) -> ChatRequest:
    return ChatRequest("", messages=(Message(role="user", content=text),), **{"sampling": GREEDY, **fields})


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def pid_of(engine: LlamaCppEngine) -> int:
    assert engine.pid is not None
    return engine.pid


def is_alive(pid: int) -> bool:
    """A zombie, which only waits for its parent to look, is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
