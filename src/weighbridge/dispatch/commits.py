"""Waiting in the event loop for what the ledger's thread has committed.

The thread finishes a whole batch at a time; waking the loop for each entry would cost more than writing it, so
finished entries are gathered and the loop is woken once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from weighbridge.errors import LedgerError

Done = Callable[[LedgerError | None], None]


class Commits:
    """Futures for commits. Made and awaited in one loop; their `Done` may be called in any thread."""

    def __init__(self) -> None:
        self._finished: deque[tuple[asyncio.Future[None], LedgerError | None]] = deque()
        self._woken = False

    def expect(self) -> tuple[asyncio.Future[None], Done]:
        """A future, and the function that resolves it once the ledger calls it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def done(error: LedgerError | None) -> None:
            self._finished.append((future, error))
            if not self._woken and not loop.is_closed():  # closed: whoever waited is gone
                self._woken = True
                loop.call_soon_threadsafe(self._wake)

        return future, done

    def _wake(self) -> None:
        self._woken = False  # before the queue is emptied: what comes after is woken for again
        while self._finished:
            future, error = self._finished.popleft()
            if future.done():  # the one who waited was cancelled
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
