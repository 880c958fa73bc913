"""Locks between processes, which the kernel gives back when a process dies, kill -9 included."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.engines.pull.disk import disk_errors


@contextmanager
def locked(
    path: Path,
    *,
    shared: bool = False,
    waiting: Callable[[], None] | None = None,
    pause: Callable[[], None] = lambda: time.sleep(0.2),
) -> Iterator[bool]:
    """Hold the lock file at `path` for the block; yields whether it was had.

    When somebody else holds it: without `waiting` the block runs with False and without the lock; with it, `waiting`
    is called once (to tell the user), and `pause` between the tries until the lock is ours.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    try:
        had = _take(handle, kind)
        if not had and waiting is not None:
            waiting()
            while not had:
                pause()
                had = _take(handle, kind)
        yield had
    finally:
        os.close(handle)


def _take(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind)
    except BlockingIOError:
        return False
    return True
