"""How many calls a backend gets at once, and when it wants none.

A backend that says `429` or `503` is overloaded: whoever waits for it waits as long as it asked, not only the call that
was told so. A call that waits to be made again keeps its place, which lowers the load further.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from .clock import Clock


class Gate:
    """Use as an async context manager around one call; `ready` before each attempt."""

    def __init__(self, slots: int, clock: Clock, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._slots = asyncio.Semaphore(max(1, slots))
        self._clock = clock
        self._sleep = sleep
        self._opens_at = float("-inf")
        self.waited = 0
        """Calls that found no place free."""

    async def __aenter__(self) -> None:
        self.waited += self._slots.locked()
        await self._slots.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._slots.release()

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long."""
        self._opens_at = max(self._opens_at, self._clock.elapsed() + seconds)

    async def ready(self) -> None:
        """Wait until the backend wants calls again."""
        while (left := self._opens_at - self._clock.elapsed()) > 0:
            await self._sleep(left)
