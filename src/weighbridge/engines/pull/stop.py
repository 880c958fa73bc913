"""How a pull is ended from outside: checked between pieces, and waited on instead of sleeping."""

from __future__ import annotations

import threading
import time

from weighbridge.errors import RunStopped

_LOOK_S = 0.2


class Stop:
    """Set from any thread; whoever is at work calls `check` often."""

    def __init__(self, event: threading.Event | None = None) -> None:
        self._asked = event or threading.Event()
        """The caller's: never set here."""
        self._failed = threading.Event()

    def set(self) -> None:
        """End the threads of this pull, because one of them failed."""
        self._failed.set()

    def check(self) -> None:
        """Raise RunStopped once the pull is to end."""
        if self._asked.is_set() or self._failed.is_set():
            raise RunStopped(
                "the pull was stopped", next_move="What had come of a file is kept: pull again to go on from there."
            )

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until the pull is to end."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._asked.wait(min(left, _LOOK_S))
            self.check()
