"""Which of the server's slots a call takes: the free one whose last text begins most like the call's.

A slot keeps what it computed for its last text. Items of one task share a long beginning (instructions, examples), so
a call that goes to the right slot pays for the item alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """`count` slots, each serving one call at a time."""

    def __init__(self, count: int) -> None:
        self._texts = dict.fromkeys(range(count), "")
        self._free = list(range(count))
        self._turn = asyncio.Semaphore(count)

    @asynccontextmanager
    async def take(self, text: str) -> AsyncIterator[int]:
        """A slot for a call about `text`, waiting until one is free."""
        async with self._turn:
            slot = max(self._free, key=lambda each: (shared_beginning(self._texts[each], text), -each))
            self._free.remove(slot)
            self._texts[slot] = text
            try:
                yield slot
            finally:
                self._free.append(slot)

    def forget(self) -> None:
        """The server was started anew."""
        self._texts = dict.fromkeys(self._texts, "")


def shared_beginning(one: str, other: str) -> int:
    """Characters both begin with, found by halving: comparing is fast, walking in Python is not."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[:middle]):
            low = middle
        else:
            high = middle - 1
    return low
