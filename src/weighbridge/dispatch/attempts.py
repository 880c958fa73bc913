"""One call, made as often as it takes: what is worth another try is tried again, the rest is a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import msgspec

from weighbridge.chat import Answer, ChatRequest
from weighbridge.engines import BackendRecord, Engine
from weighbridge.errors import BackendRefused, CallTimedOut, CannotAsk, EngineError
from weighbridge.units import format_duration

from .backoff import PATIENCE_S, asked_wait_s, is_overload, wait_s
from .clock import Clock
from .collect import collect
from .gate import Gate

LONGEST_ERROR = 2000
"""Characters of an error that are kept."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended."""

    answer: Answer | None = None
    reason: str | None = None
    error: str | None = None
    attempts: int = 1
    broken: int = 0
    """Failed attempts that may have been billed: all but those refused with a status before a model ran."""


class Attempts:
    """Makes the calls to one backend."""

    def __init__(
        self,
        engine: Engine,
        record: BackendRecord,
        clock: Clock,
        rng: Random,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.gate = Gate(engine.concurrency, clock, sleep)
        self._engine = engine
        self._record = record
        self._clock = clock
        self._rng = rng
        self._sleep = sleep

    async def make(self, request: ChatRequest) -> Tried:
        """The answer, or why there is none; never raises for what the backend did. Called within the gate."""
        started = self._clock.elapsed()
        broken = 0
        attempt = 0
        while True:
            attempt += 1
            await self.gate.ready()
            try:
                answer = await self._once(request)
            except EngineError as error:
                broken += not isinstance(error, BackendRefused | CannotAsk)
                wait = self._wait_s(error, attempt)
                if wait is None:
                    said = self._told(error, attempt, self._clock.elapsed() - started)
                    return Tried(reason=error.reason, error=said, attempts=attempt, broken=broken)
                if is_overload(error):
                    self.gate.pause(wait)
                else:
                    await self._sleep(wait)
            else:
                return Tried(answer=answer, attempts=attempt, broken=broken)

    async def _once(self, request: ChatRequest) -> Answer:
        limit = self._record.timeout_s
        try:
            async with asyncio.timeout(limit):
                return await collect(self._engine.answer(request), self._clock)
        except TimeoutError as error:
            raise CallTimedOut(
                f"no complete answer within {limit:g} s",
                where=f"backend {self._record.name}",
                next_move="Raise timeout_s of the backend, lower max_tokens, or let fewer calls run at once.",
            ) from error

    def _wait_s(self, error: EngineError, attempt: int) -> float | None:
        """Seconds until the next attempt; None when this one was the last."""
        if not error.retryable or attempt > self._record.retries:
            return None
        return wait_s(error, attempt, self._rng)

    def _told(self, error: EngineError, attempts: int, elapsed_s: float) -> str:
        """The error in full, and how often and how long it was tried."""
        said = str(error)
        if (asked := asked_wait_s(error)) > PATIENCE_S:
            said += f"\n  It asked us to wait {format_duration(asked)}; we wait {format_duration(PATIENCE_S)} at most."
        if attempts > 1:
            said += f"\n  Tried {attempts} times in {format_duration(elapsed_s)}."
        return said if len(said) <= LONGEST_ERROR else f"{said[: LONGEST_ERROR - 1]}…"
