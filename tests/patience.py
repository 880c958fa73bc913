"""How long tests wait for what must happen: far longer than it takes on the slowest machine that does nothing wrong.

    PATIENCE_S       the limit of every wait; reached only when the thing never happens
    NEVER_S          for what must not come by itself while a test waits: several times longer
    eventually(...)  look again and again until it is so

    slowness()       how much slower this machine is, right now, than the one bounds were set on

A test's limit is not a measurement. Where time itself is the claim, the test holds the clock, or counts processor time
and allows for the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 120.0
NEVER_S = 3600.0

YARDSTICK_S = 0.0022
"""Processor time of `_yardstick` on the machine that bounds of processor time were set on (an Intel Xeon, idle)."""


def eventually(claim: Callable[[], object]) -> None:
    """Return once it is true, as other processes and threads make it."""
    until = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


async def soon(claim: Callable[[], object]) -> None:
    """The same within a loop, which goes on meanwhile."""
    until = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < until, "it never happened"
        await asyncio.sleep(0.001)


async def settled(passes: int = 100) -> None:
    """Let the loop run so often that whatever can go on without us has gone on; the same on every machine, for what
    happens in one loop happens in passes, not in seconds."""
    for _ in range(passes):
        await asyncio.sleep(0.001)


def slowness() -> float:
    """At least 1. A processor that is shared with others counts more of its time for the same work, too."""
    return max(1.0, min(_yardstick() for _ in range(5)) / YARDSTICK_S)


def _yardstick() -> float:
    """Seconds of processor time for a little of everything an interpreter does."""
    started = time.process_time()
    found = {}
    for number in range(20_000):
        found[number % 97] = str(number)
    return time.process_time() - started
