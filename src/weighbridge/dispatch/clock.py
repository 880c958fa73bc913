"""The clock that is handed down; tests hand down one that they move themselves."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Unix seconds: when something happened."""
        ...

    def elapsed(self) -> float:
        """Seconds that never go back, from an arbitrary start: how long something took."""
        ...


class SystemClock:
    """The machine's own."""

    now = staticmethod(time.time)
    elapsed = staticmethod(time.perf_counter)
