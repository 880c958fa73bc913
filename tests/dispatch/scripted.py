"""An engine that does what a test tells it, a clock that a test moves, and a door between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from weighbridge.chat import ChatRequest, Message, Piece, Sampling, Usage
from weighbridge.dispatch import Call, Door
from weighbridge.engines import Ability, BackendRecord, Price
from weighbridge.errors import EngineError
from weighbridge.ledger import Ledger

Step = Piece | EngineError | float | asyncio.Event
"""A piece is yielded, an error raised, a number of seconds passes on the clock, an event is waited for."""

DONE = Piece(text="yes", finish="stop", usage=Usage(input_tokens=100, output_tokens=10), model="served-1")


class HandClock:
    """Moves only when somebody sleeps or a script says that time passes."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def elapsed(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


class ScriptedEngine:
    """Each call takes the next script; the last one is repeated."""

    model = "scripted"
    abilities = frozenset({Ability.CHAT})

    def __init__(self, clock: HandClock, *scripts: list[Step], name: str = "here", concurrency: int = 4) -> None:
        self.name = name
        self.concurrency = concurrency
        self.calls = 0
        self.under_way = 0
        self.most_under_way = 0
        self.settings = "v1"
        self._scripts = scripts or ([DONE],)
        self._clock = clock

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def fingerprint(self) -> dict[str, str]:
        return {"engine": "scripted", "settings": self.settings}

    async def answer(self, request: ChatRequest) -> AsyncIterator[Piece]:
        script = self._scripts[min(self.calls, len(self._scripts) - 1)]
        self.calls += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            for step in script:
                await asyncio.sleep(0)
                if isinstance(step, EngineError):
                    raise step
                if isinstance(step, float):
                    self._clock.at += step
                elif isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.under_way -= 1


def make_record(**changes: Any) -> BackendRecord:
    return BackendRecord(**{"name": "here", "kind": "echo", **changes})


PRICED = Price(input=1.0, output=2.0)


def make_call(text: str = "hello", **changes: Any) -> Call:
    request = ChatRequest(model="m", messages=(Message("user", text),), sampling=Sampling(max_tokens=50))
    values: dict[str, Any] = {
        "backend": "here",
        "request": request,
        "caller": "weigh",
        "run": "run-1",
        "task": "t",
        "item": text,
        "candidate": "c",
    }
    return Call(**{**values, **changes})


@contextmanager
def open_door(
    folder: Path,
    *scripts: list[Step],
    record: BackendRecord | None = None,
    engine: Callable[..., ScriptedEngine] = ScriptedEngine,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    **options: Any,
) -> Iterator[tuple[Door, ScriptedEngine, HandClock]]:
    """A door to one backend named `here`."""
    clock = HandClock()
    made = engine(clock, *scripts, **options)
    with Ledger(folder) as ledger:
        records = {"here": record or make_record()}
        yield Door({"here": made}, records, ledger, clock=clock, rng=Random(0), sleep=sleep or clock.sleep), made, clock
