"""As many workers as it takes to keep the slowest backend busy.

Each worker takes a position, works on it and takes the next. When every worker has had a turn and nobody had to wait
for a backend meanwhile, the crew grows by a quarter, until some backend has all the calls it takes, and no further:
what is under way when the verdict falls is paid in vain.
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
        waited: Callable[[], int],
        *,
        fewest: int,
        most: int,
    ) -> None:
        """`draw` returns None when there is nothing to do at present; `waited` counts how often work had to wait."""
        self.wanted = fewest
        """Workers there should be."""
        self._draw, self._work, self._waited, self._most = draw, work, waited, most
        self._turns, self._waited_before = 0, 0
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

    def _grow(self) -> None:
        """After a turn of everybody."""
        waited = self._waited()
        if waited == self._waited_before:
            self.wanted = min(self.wanted + max(1, self.wanted // 4), self._most)
        self._turns, self._waited_before = 0, waited

    async def _go_on(self, position: int | None) -> None:
        while position is not None:
            await self._work(position)
            self._turns += 1
            if self._turns >= self.wanted:
                self._grow()
            self._fill()
            position = self._draw()

    def _left(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (error := worker.exception()) is not None and self._error is None:
            self._error = error
            self._given_up = True
        self._changed.set()
