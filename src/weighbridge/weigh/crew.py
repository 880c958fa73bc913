"""As many workers as it takes to keep the slowest backend busy.

Each worker takes a position, works on it and takes the next. A worker is added whenever one ends its work and no
backend is busy, so that the crew grows until some backend has all the calls it takes, and no further: what is under way
when the verdict falls is paid in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Crew:
    """Runs `work(position)` for every position that `draw` hands out, several at once."""

    def __init__(
        self,
        draw: Callable[[], int | None],
        work: Callable[[int], Awaitable[None]],
        busy: Callable[[], bool],
        *,
        fewest: int,
        most: int,
    ) -> None:
        """`draw` returns None when there is nothing to do at present; `busy` whether more workers would only wait."""
        self.wanted = fewest
        """Workers there should be."""
        self._draw, self._work, self._busy, self._most = draw, work, busy, most
        self._workers: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._given_up = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Return when nobody has anything to do, or after `give_up`; no worker is left behind then.

        Raises what a worker raised, after the others were cancelled.
        """
        try:
            self._fill()
            while self._workers and not self._given_up:
                self._changed.clear()
                await self._changed.wait()
        finally:
            workers = list(self._workers)
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if self._error is not None:
            raise self._error

    def give_up(self) -> None:
        """Drop what is under way."""
        self._given_up = True
        self._changed.set()

    def _fill(self) -> None:
        while len(self._workers) < self.wanted and (position := self._draw()) is not None:
            worker = asyncio.create_task(self._go_on(position))
            self._workers.add(worker)
            worker.add_done_callback(self._left)

    async def _go_on(self, position: int | None) -> None:
        while position is not None:
            await self._work(position)
            if self.wanted < self._most and not self._busy():
                self.wanted += 1
            self._fill()
            position = self._draw()

    def _left(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (error := worker.exception()) is not None and self._error is None:
            self._error = error
            self._given_up = True
        self._changed.set()
