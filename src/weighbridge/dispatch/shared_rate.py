"""Limits a minute that hold over all workers of one gateway together, exactly.

A table in memory that the workers share (they are forked from one process), a slot for each limit:

    name (16 bytes) | newest step | sum | amounts of the last 121 half seconds

What is let through counts for its half second and is forgotten once all of that is a minute old: never more than the
limit passes within any 60 seconds, and what could pass waits half a second longer at most. A slot is held by a lock on
its bytes, which the system takes away from a process that dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import tempfile

from .rate import MINUTE_S, Taken

STEP_S = 0.5
STEPS = int(MINUTE_S / STEP_S) + 1
SLOTS = 8192
LOOKS = 64
"""Slots looked at for a name before the table counts as full."""
_NAME, _NEWEST, _SUM, _FIRST = 0, 2, 3, 4
WORDS = _FIRST + STEPS
"""Of 8 bytes, in a slot."""


def nameless_file() -> int:
    """A file that is there as long as somebody has it open: to share memory by, or to hold locks on."""
    file, path = tempfile.mkstemp(prefix="weighbridge-")
    os.unlink(path)  # noqa: PTH108 - a path is all there is
    return file


class SharedMinutes:
    """Made before workers are forked."""

    def __init__(self) -> None:
        self._file = nameless_file()
        os.ftruncate(self._file, SLOTS * WORDS * 8)
        self._memory = mmap.mmap(self._file, SLOTS * WORDS * 8)
        self.words = memoryview(self._memory).cast("q")

    def close(self) -> None:
        """Once nobody counts any more."""
        self.words.release()
        self._memory.close()
        os.close(self._file)

    def hold(self, slot: int) -> None:
        """Keep other processes from the slot until it is let go; one beyond the last keeps them from finding new
        ones."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 8, slot * WORDS * 8)

    def let_go(self, slot: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 8, slot * WORDS * 8)

    def find(self, name: str, step: int) -> int | None:
        """The first word of the slot of that name, taken over from one that has been idle for a minute if need be; None
        where the table is full."""
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        high, low = (int.from_bytes(digest[at : at + 8], "little", signed=True) for at in (0, 8))
        self.hold(SLOTS)
        try:
            return self._find(high, low, step)
        finally:
            self.let_go(SLOTS)

    def _find(self, high: int, low: int, step: int) -> int | None:
        start = abs(low) % SLOTS
        free = None
        for look in range(LOOKS):
            at = (start + look) % SLOTS * WORDS
            if self.words[at] == high and self.words[at + 1] == low:
                return at
            if free is None and self.words[at + _NEWEST] < step - STEPS:
                free = at
        if free is not None:
            self.hold(free // WORDS)
            try:
                self.words[free], self.words[free + 1] = high, low
                for word in range(free + _NEWEST, free + WORDS):
                    self.words[word] = 0
                self.words[free + _NEWEST] = step
            finally:
                self.let_go(free // WORDS)
        return free


class SharedRate:
    """One limit; the same as `Rate` for who asks, but counted for all workers."""

    def __init__(self, minutes: SharedMinutes, name: str, limit: int) -> None:
        self.limit = limit
        self._minutes = minutes
        self.name = name
        self._at: int | None = None
        self._mark = (0, 0)

    def admit(self, now: float, amount: int = 1) -> Taken | float:
        """What was let through, or how long until it may be."""
        step = int(now / STEP_S)
        at = self._place(step)
        if at is None:
            return 1.0  # thousands of limits in use within a minute: come again
        minutes, slot = self._minutes, at // WORDS
        minutes.hold(slot)
        try:
            return self._admit(minutes.words, at, step, now, amount)
        finally:
            minutes.let_go(slot)

    def _admit(self, words: memoryview, at: int, step: int, now: float, amount: int) -> Taken | float:
        if step > words[at + _NEWEST]:
            self._go_on(at, step)
        over = words[at + _SUM] + min(amount, self.limit) - self.limit
        if over <= 0:
            words[at + _SUM] += amount
            words[at + _FIRST + step % STEPS] += amount
            return Taken(now, amount)
        for back in range(STEPS - 1, -1, -1):
            over -= words[at + _FIRST + (step - back) % STEPS]
            if over <= 0:
                return max((step - back + STEPS) * STEP_S - now, STEP_S / 100)
        return MINUTE_S

    def correct(self, taken: Taken, amount: int) -> None:
        """What was let through turned out to be another amount."""
        step = int(taken.at / STEP_S)
        at = self._place(step)
        if at is not None:
            words = self._minutes.words
            self._minutes.hold(at // WORDS)
            try:
                if words[at + _NEWEST] - step < STEPS:
                    words[at + _SUM] += amount - taken.amount
                    words[at + _FIRST + step % STEPS] += amount - taken.amount
            finally:
                self._minutes.let_go(at // WORDS)
        taken.amount = amount

    def _place(self, step: int) -> int | None:
        at, words = self._at, self._minutes.words
        if at is None or (words[at], words[at + 1]) != self._mark:
            at = self._at = self._minutes.find(self.name, step)
            if at is not None:
                self._mark = words[at], words[at + 1]
        return at

    def _go_on(self, at: int, step: int) -> None:
        """Forget what is a minute old."""
        words = self._minutes.words
        newest = words[at + _NEWEST]
        for passed in range(max(newest + 1, step - STEPS + 1), step + 1):
            place = at + _FIRST + passed % STEPS
            words[at + _SUM] -= words[place]
            words[place] = 0
        words[at + _NEWEST] = step
