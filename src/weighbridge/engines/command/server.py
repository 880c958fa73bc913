"""One engine behind a command: started when it is first needed, watched, started again, stopped, never left behind.

Several processes may share it (workers of one gateway): whoever holds its lock started it and ends it, the others only
ask whether it is well. A use by any of them touches the lock, so that nobody stops what another one uses.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from weighbridge.engines.engine import BackendRecord
from weighbridge.engines.kinds import health_url, idle_stop_s
from weighbridge.engines.llamacpp.process import Child, StartFailed
from weighbridge.errors import EngineCrashed, EngineError
from weighbridge.net.calls import Calls, Timeouts
from weighbridge.units import format_duration

MINDER = (sys.executable, "-P", str(Path(__file__).with_name("minder.py")))
GRACE_S = 10.0
"""From SIGTERM to SIGKILL for the command and its children."""
FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0
WELL_AFTER_S = 60.0
"""An engine that has been well for so long did not crash in its start."""
LOOK_S = 0.1
"""Between two looks whether it is well, at first; longer each time."""
LONGEST_LOOK_S = 1.0
LOOK = Timeouts(connect_s=2.0, first_byte_s=5.0, gap_s=5.0, total_s=5.0)
TOUCH_S = 1.0
TAIL_LINES = 6
SEE_LOG = "What the command said is in the log."

log = logging.getLogger("weighbridge.engines")


def command_server(
    record: BackendRecord, *, calls: Calls, folder: Path, locks: Path, closes_calls: bool = False
) -> CommandServer:
    """Of a backend whose record has a command. `folder`: where it runs; `locks`: where processes agree on who runs it;
    `closes_calls`: nobody else uses them."""
    assert record.command is not None
    name = hashlib.sha256(health_url(record).encode()).hexdigest()[:16]
    lock = locks / f"{name}.lock"
    return CommandServer(record, calls=calls, folder=folder, lock=lock, closes_calls=closes_calls)


class CommandServer:
    """Not thread-safe: it belongs to one event loop."""

    def __init__(
        self,
        record: BackendRecord,
        *,
        calls: Calls,
        folder: Path,
        lock: Path,
        closes_calls: bool = False,
        minder: tuple[str, ...] = MINDER,
        clock: Callable[[], float] = time.monotonic,
        grace_s: float = GRACE_S,
    ) -> None:
        self._record = record
        self._where = f"backend {record.name}"
        self._health = health_url(record)
        self._calls = calls
        self._closes_calls = closes_calls
        self._folder = folder
        self._lock_path = lock
        self._minder = minder
        self._clock = clock
        self._grace_s = grace_s
        self._idle_stop_s = idle_stop_s(record)
        self._lock: int | None = None
        self._child: Child | None = None
        self._is_well = False
        self._well_at = 0.0
        self._starting = asyncio.Lock()
        self._getting_ready: asyncio.Task[None] | None = None
        self._crashes = 0
        """In a row, each in or soon after its start."""
        self._not_before = float("-inf")
        self._why = ""
        self._used_at = clock()
        self._touched_at = float("-inf")
        self._is_closed = False

    @property
    def is_running(self) -> bool:
        """Whether it was started here, and is well as far as is known."""
        return self._child is not None and not self._child.ended and self._is_well

    @property
    def pid(self) -> int | None:
        """Of the process that minds the command, while there is one."""
        return None if self._child is None or self._child.ended else self._child.pid

    def used(self) -> None:
        """A call is under way."""
        now = self._used_at = self._clock()
        if now - self._touched_at >= TOUCH_S:
            self._touched_at = now
            with contextlib.suppress(OSError):
                os.utime(self._lock_path)

    async def ready(self) -> None:
        """Return when it is well; start it if need be. EngineCrashed where it does not start, or has crashed so lately
        that it is left alone for a while."""
        self.used()
        if self.is_running:
            return
        if self._getting_ready is None or self._getting_ready.done():
            self._getting_ready = asyncio.ensure_future(self._get_ready())
            self._getting_ready.add_done_callback(_look)
        await asyncio.shield(self._getting_ready)  # whoever leaves while it starts does not stop it for the others

    async def _get_ready(self) -> None:
        async with self._starting:
            if self.is_running:
                return
            await self._bury()
            if self._is_closed:
                raise EngineCrashed("the engine was stopped", where=self._where)
            if self._child is None and await self._answers():
                return  # started by another process of ours, or by somebody
            left = self._not_before - self._clock()
            if left > 0:
                raise EngineCrashed(
                    f"{self._why}; it is started again in {format_duration(left)} at the earliest",
                    where=self._where,
                    next_move=SEE_LOG,
                )
            await self._start()

    async def stop(self) -> None:
        """End it, if it was started here. It may be started again unless `close` was called."""
        async with self._starting:
            await self._stop()

    async def close(self) -> None:
        """End it for good. Safe to call twice."""
        self._is_closed = True
        if self._getting_ready is not None:
            self._getting_ready.cancel()
            await asyncio.gather(self._getting_ready, return_exceptions=True)
        await self.stop()
        if self._closes_calls:
            await self._calls.close()

    async def tend(self) -> None:
        """Stop it if nobody has used it for too long."""
        if self._child is None or self._idle_stop_s is None or self._starting.locked():
            return
        if self._clock() - self._used_at >= self._idle_stop_s and self._untouched_s() >= self._idle_stop_s:
            log.info("%s: idle for %s, stopped", self._where, format_duration(self._idle_stop_s))
            await self.stop()

    def _untouched_s(self) -> float:
        """Since any process used it."""
        try:
            return time.time() - self._lock_path.stat().st_mtime
        except OSError:
            return float("inf")

    # --- start and end

    async def _start(self) -> None:
        deadline = self._clock() + self._record.start_timeout_s
        if not self._take_lock():
            await self._wait_for_another(deadline)
            if self._lock is None:
                return
        assert self._record.command is not None
        log.info("%s: starting %s", self._where, self._record.command[0])
        child = self._child = Child(self._minder, grace_s=2 * self._grace_s)
        spec = {"command": list(self._record.command), "folder": str(self._folder), "grace_s": self._grace_s}
        try:
            await child.start(spec, self._record.start_timeout_s)
            await self._until_well(child, deadline)
        except StartFailed as error:
            raise await self._failed(child, f"the command did not start: {error}") from error
        except EngineCrashed as error:
            raise await self._failed(child, error.what) from error
        except BaseException:
            await self._stop()
            raise
        self._is_well = True
        self._well_at = self._clock()
        self.used()
        log.info("%s: well", self._where)

    async def _until_well(self, child: Child, deadline: float) -> None:
        look = LOOK_S
        while not await self._answers():
            if await child.gone_within(look):
                raise EngineCrashed(f"the command {child.how_it_ended()} before {self._health} answered")
            if self._clock() >= deadline:
                raise EngineCrashed(f"{self._health} did not answer within {self._record.start_timeout_s:g} s")
            look = min(LONGEST_LOOK_S, 1.5 * look)
        if child.ended:
            raise EngineCrashed(f"the command {child.how_it_ended()}, while another process answers {self._health}")

    async def _answers(self) -> bool:
        """Whether it is well: whatever it says, short of an error of its own."""
        try:
            response = await self._calls.request("GET", self._health, (), b"", LOOK, repeatable=True)
        except EngineError:
            return False
        return response.status < 500

    async def _failed(self, child: Child, what: str) -> EngineCrashed:
        said = child.stderr()
        await self._stop()
        self._rest(what, said)
        return EngineCrashed(what, where=self._where, next_move=SEE_LOG)

    async def _bury(self) -> None:
        """One that ended by itself."""
        child = self._child
        if child is None or not child.ended:
            return
        if self._clock() - self._well_at >= WELL_AFTER_S:
            self._crashes = 0
        self._rest(f"the engine {child.how_it_ended()}", child.stderr())
        await self._stop()

    def _rest(self, why: str, said: str) -> None:
        """The first crash is mended at once, further ones after longer and longer. What the command said is for the log
        alone: some print their arguments, keys included."""
        self._why = why
        log.warning("%s: %s%s", self._where, why, _tail(said))
        rest = 0.0 if not self._crashes else min(LONGEST_REST_S, FIRST_REST_S * 2 ** (self._crashes - 1))
        self._crashes += 1
        self._not_before = self._clock() + rest

    async def _stop(self) -> None:
        child, self._child = self._child, None
        self._is_well = False
        if child is not None:
            await child.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- among several processes

    def _take_lock(self) -> bool:
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    async def _wait_for_another(self, deadline: float) -> None:
        """Until the one who holds the lock has it well; where that one gives up, the lock is ours."""
        while not await self._answers():
            if self._take_lock():
                return
            if self._clock() >= deadline:
                raise EngineCrashed(
                    f"another process is starting the engine, and {self._health} did not answer within "
                    f"{self._record.start_timeout_s:g} s",
                    where=self._where,
                )
            await asyncio.sleep(LONGEST_LOOK_S)


def _look(task: asyncio.Task[None]) -> None:
    """Whoever waited was told; perhaps nobody does any more."""
    if not task.cancelled():
        task.exception()


def _tail(said: str) -> str:
    """The last lines of what a process wrote, to be put at the end of a sentence."""
    lines = [line[:300] for line in said.splitlines() if line.strip()][-TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)
