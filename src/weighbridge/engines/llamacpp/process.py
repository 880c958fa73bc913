"""One child process: started with a spec, watched, and stopped for sure.

Its stderr is kept, the last 64 KiB of it, and never reaches the terminal. It stands in a session of its own, so that
Ctrl-C reaches the run, which stops the engine when the calls under way are saved, and not the engine first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import threading
from collections import deque
from typing import IO, Any

KEPT_STDERR = 64 * 1024
"""Bytes of stderr kept, the newest."""
LONGEST_REPORT = 64 * 1024
"""Bytes read of the line a child reports with."""
GRACE_S = 5.0
"""From SIGTERM to SIGKILL."""


class StartFailed(Exception):
    """The child ended, said it could not, or said nothing in time, before it was ready."""


class Child:
    """A process that reports one JSON line on stdout when it is ready."""

    def __init__(self, argv: tuple[str, ...], *, grace_s: float = GRACE_S) -> None:
        self._argv = argv
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._stderr: deque[bytes] = deque()
        self._stderr_size = 0

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    async def start(self, spec: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Run it, hand it `spec` through stdin, and return its report; StartFailed says why there is none.

        Call it from the thread that will live as long as the engine: Linux counts that thread as the parent.
        """
        self._loop = asyncio.get_running_loop()
        self._process = process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        try:
            async with asyncio.timeout(timeout_s):
                line = await asyncio.to_thread(_exchange, process, {**spec, "parent": os.getpid()})
        except TimeoutError:
            await self.stop()
            raise StartFailed(f"it was not ready within {timeout_s:g} s") from None
        except BaseException:
            await self.stop()
            raise
        return await self._read_report(line)

    async def _read_report(self, line: bytes) -> dict[str, Any]:
        try:
            report = json.loads(line)
        except ValueError:
            report = {}
        if isinstance(report, dict) and "error" not in report and report:
            return report
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), self._grace_s)
        reason = report.get("error") if isinstance(report, dict) else None
        how = self.how_it_ended()
        await self.stop()
        raise StartFailed(str(reason) if reason else f"it {how} before it was ready")

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL when it has not gone after the grace. Returns when the process is gone."""
        process = self._process
        if process is None:
            return
        if not self.ended:
            process.terminate()
            try:
                await asyncio.wait_for(self._ended.wait(), self._grace_s)
            except TimeoutError:
                process.kill()
        await self._ended.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            _close(pipe)

    async def gone_within(self, seconds: float) -> bool:
        """Whether it has ended or does so in a moment: a broken connection is seen a little before its cause."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        return self.ended

    def how_it_ended(self) -> str:
        """`was killed by SIGKILL`, `ended with exit code 3`, `is still running`."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return "is still running"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"

    def stderr(self) -> str:
        """The last of what it wrote to stderr."""
        return b"".join(self._stderr).decode(errors="replace")

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """In a thread: empty stderr, so that the child never waits for us, then wait for its end."""
        assert process.stderr is not None
        with contextlib.suppress(ValueError, OSError):  # closed under our hands by `stop`
            while chunk := os.read(process.stderr.fileno(), 8192):
                self._keep(chunk)
        process.wait()
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._ended.set)

    def _keep(self, chunk: bytes) -> None:
        self._stderr.append(chunk)
        self._stderr_size += len(chunk)
        while self._stderr_size - len(self._stderr[0]) >= KEPT_STDERR:
            self._stderr_size -= len(self._stderr.popleft())


def _exchange(process: subprocess.Popen[bytes], spec: dict[str, Any]) -> bytes:
    """In a thread: hand over the spec and wait for the report; b"" when the child ends first."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):  # it has ended already: what it said can still be read
        process.stdin.write(json.dumps(spec).encode() + b"\n")
        process.stdin.flush()
    try:
        return process.stdout.readline(LONGEST_REPORT)
    except (OSError, ValueError):
        return b""


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(OSError):
            pipe.close()
