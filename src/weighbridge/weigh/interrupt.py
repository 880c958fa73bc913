"""Ctrl-C and SIGTERM during a run.

The first asks the run to stop: what is under way is finished and kept. The second gives up what is under way at once.
The third ends the process as if nobody had asked.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts(first: Callable[[str], None], second: Callable[[], None]) -> Iterator[None]:
    """Call `first` with a word for what came, then `second`. Outside the main thread signals are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    seen = 0

    def came(number: int) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            first("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
        else:
            restore()
            second()

    def restore() -> None:
        for number, handler in before.items():
            if loop.remove_signal_handler(number):
                signal.signal(number, handler)

    for number in SIGNALS:
        loop.add_signal_handler(number, came, number)
    try:
        yield
    finally:
        restore()
