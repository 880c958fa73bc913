"""What the workers of one gateway know together: limits a minute, and the counters of all of them.

Each worker writes its counters to a file of its own in a folder that only this gateway knows, a few times a second if
they changed. Whoever is asked for `/metrics` adds them up. The file of a worker that ended stays, so that no counter
ever goes back; its gauges are left out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from weighbridge.dispatch.shared_rate import SharedMinutes

from .metrics import Gauge, Metrics


class Shared:
    """Made before workers are forked."""

    def __init__(self) -> None:
        self.minutes = SharedMinutes()
        self.folder = Path(tempfile.mkdtemp(prefix="weighbridge-"))

    def close(self) -> None:
        """Once all workers have ended."""
        self.minutes.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Posted(NamedTuple):
    """What one worker has posted."""

    pid: int
    gauges: dict[str, float]
    counters: bytes


class Board:
    """One worker's place among the others'."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / f"{os.getpid()}-{os.urandom(4).hex()}"
        self._before = b""

    def post(self, metrics: Metrics, gauges: list[Gauge]) -> None:
        """Let the others see, unless they have seen it before."""
        said = msgspec.msgpack.encode((os.getpid(), {name: value for name, _, value in gauges}, metrics.dump()))
        if said == self._before:
            return
        self._before = said
        new = self._own.with_suffix(".new")
        with contextlib.suppress(OSError):  # the folder is gone: the gateway is ending
            new.write_bytes(said)
            new.rename(self._own)

    def text(self, metrics: Metrics, gauges: list[Gauge]) -> bytes:
        """The counters of all workers, and the gauges of those that live."""
        every, sums = Metrics(), {name: value for name, _, value in gauges}
        every.add(metrics.dump())
        for posted in self._others():
            every.add(posted.counters)
            if _lives(posted.pid):
                for name, value in posted.gauges.items():
                    sums[name] = sums.get(name, 0.0) + value
        return every.text([(name, says, sums[name]) for name, says, _ in gauges])

    def _others(self) -> list[Posted]:
        found = []
        for path in sorted(self._folder.glob("*-????????")):
            if path != self._own:
                with contextlib.suppress(OSError, msgspec.DecodeError):
                    found.append(Posted(*msgspec.msgpack.decode(path.read_bytes())))
        return found


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
