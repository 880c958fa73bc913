"""llama.cpp's HTTP server in its child process: started, asked, started again after a crash, and stopped.

It closes a connection after each streamed answer without saying so, which the next request on it finds out; nothing
that is asked here changes anything, so that request may be repeated on a new one.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from weighbridge.chat.json_text import as_bytes
from weighbridge.engines.llamacpp.process import Child, StartFailed
from weighbridge.errors import (
    BackendRefused,
    BackendUnreachable,
    BadAnswer,
    CannotAsk,
    EngineCrashed,
    EngineError,
    WeightsError,
)
from weighbridge.net.calls import Calls, Timeouts

CHILD = Path(__file__).with_name("child.py")
ARGV = (sys.executable, "-P", str(CHILD))
"""-P: what happens to lie beside the child's file is not imported in place of the standard library."""
SEEN_S = 5.0
"""A broken connection is seen up to this long before the end of the process that broke it: a busy machine takes its
time to bury a large process, and one that writes a core dump longer."""
SOON_S = 0.25
"""The same after an answer that cannot be read, which hardly ever is the work of a crash."""
TAIL_LINES = 6
"""Of stderr, in an error's text."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Running:
    """One started process and how to reach it."""

    child: Child
    address: str
    headers: dict[str, str] = field(repr=False)
    report: dict[str, Any]


class Server:
    """Keeps one engine process running and talks to it."""

    def __init__(
        self,
        name: str,
        weights: Path,
        params: dict[str, Any],
        *,
        calls: Calls,
        timeout_s: float,
        start_timeout_s: float,
        restarts: int,
        on_start: Callable[[], None] = lambda: None,
        argv: tuple[str, ...] = ARGV,
        seen_s: float = SEEN_S,
    ) -> None:
        """`params` are llama.cpp's, by name; `on_start` is called whenever a process is ready."""
        self._where = f"backend {name}"
        self._weights = weights
        self._params = params
        self._calls = calls
        self._timeouts = Timeouts(first_byte_s=timeout_s, gap_s=timeout_s, total_s=timeout_s)
        self._start_timeout_s = start_timeout_s
        self._restarts = restarts
        self._on_start = on_start
        self._argv = argv
        self._seen_s = seen_s
        self._running: Running | None = None
        self._starting = asyncio.Lock()
        self._crashes = 0
        """In a row, without an answer between."""
        self._closed = False
        self._open: set[asyncio.Future[Any]] = set()

    @property
    def pid(self) -> int | None:
        return None if self._running is None else self._running.child.pid

    @property
    def address(self) -> str | None:
        return None if self._running is None else self._running.address

    @property
    def report(self) -> dict[str, Any]:
        """What the child said of itself: `build` of llama.cpp, `cpu` features."""
        return {} if self._running is None else self._running.report

    async def start(self) -> None:
        """Return when it listens. Raises WeightsError for a model llama.cpp does not take, else EngineCrashed."""
        async with self._starting:
            self._closed = False
            if self._running is None or self._running.child.ended:
                await self._start()

    async def close(self) -> None:
        """Close requests under way, then SIGTERM, then SIGKILL. Safe to call twice."""
        self._closed = True
        for work in tuple(self._open):
            work.cancel()
        async with self._starting:
            running, self._running = self._running, None
            if running is not None:
                await running.child.stop()

    def answered(self) -> None:
        """A whole answer was given, so crashes are counted from none again. Cutting a text into tokens is no answer:
        it works also for the prompt that crashes the model."""
        self._crashes = 0

    async def get(self, path: str) -> dict[str, Any]:
        """What the server answers, decoded. EngineError as for `_ask`."""
        return await self._ask("GET", path, b"")

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON object that answers. Raises EngineError."""
        return await self._ask("POST", path, as_bytes(body))

    @asynccontextmanager
    async def stream(self, path: str, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes that answer, as they come. A status that says no is raised, and so is a crash in between."""
        running = await self._ready()
        async with self._blaming(running):
            stream = self._calls.stream(
                "POST",
                running.address + path,
                running.headers,
                as_bytes(body),
                self._timeouts,
                repeatable=True,
            )
            opened = await self._closable(stream.__aenter__())
            try:
                if opened.status != 200:
                    raise self._refused(opened.status, await self._closable(opened.read(4096)))
                yield self._chunks(opened.chunks())
            finally:
                await stream.__aexit__(None, None, None)

    async def _chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            try:
                chunk = await self._closable(anext(chunks))
            except StopAsyncIteration:
                return
            yield chunk

    async def _ask(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        running = await self._ready()
        async with self._blaming(running):
            asking = self._calls.request(
                method, running.address + path, running.headers, body, self._timeouts, repeatable=True
            )
            response = await self._closable(asking)
        if response.status != 200:
            raise self._refused(response.status, response.body)
        try:
            return msgspec.json.decode(response.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadAnswer(f"{path} answered no JSON object: {error}", where=self._where) from error

    async def _closable(self, asking: Awaitable[T]) -> T:
        """Await, unless the engine is closed meanwhile."""
        work = asyncio.ensure_future(asking)
        self._open.add(work)
        try:
            return await work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and not (task is not None and task.cancelling()):
                raise self._was_closed() from None
            raise
        finally:
            self._open.discard(work)

    @asynccontextmanager
    async def _blaming(self, running: Running) -> AsyncIterator[None]:
        """Say that the engine crashed where that is why a call broke."""
        try:
            yield
        except (BackendRefused, CannotAsk):
            raise
        except EngineError as error:
            seen_s = SOON_S if isinstance(error, BadAnswer) else self._seen_s
            if self._closed or not await running.child.gone_within(seen_s):
                raise
            raise self._crashed(running.child, "while it was working on this call") from error

    async def _ready(self) -> Running:
        """The running process; a crashed one is started again, so often and not more."""
        running = self._running
        if running is not None and not running.child.ended:
            return running
        async with self._starting:
            if self._closed:
                raise self._was_closed()
            running = self._running
            if running is not None and not running.child.ended:
                return running
            if running is not None:
                await running.child.stop()
                self._crashes += 1
                if self._crashes > self._restarts:
                    raise self._given_up(running.child)
            try:
                return await self._start()
            except WeightsError as error:
                raise EngineCrashed(error.what, where=error.where, next_move=error.next_move) from error

    async def _start(self) -> Running:
        key = secrets.token_urlsafe(32)
        child = Child(self._argv)
        spec = {"weights": str(self._weights), "params": self._params, "key": key}
        try:
            report = await child.start(spec, self._start_timeout_s)
        except StartFailed as error:
            raise self._not_started(child, str(error)) from error
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._running = Running(child, report["address"], headers, report)
        self._on_start()
        return self._running

    def _not_started(self, child: Child, why: str) -> EngineError | WeightsError:
        said = child.stderr()
        for line in reversed(said.splitlines()):
            _, found, reason = line.partition("error loading model: ")
            if found:
                return WeightsError(
                    f"llama.cpp does not take these weights: {reason.strip()}",
                    where=str(self._weights),
                    next_move="Another file or variant of the model may do, or a newer xllamacpp.",
                )
        return EngineCrashed(
            f"the engine did not start: {why}{_tail(said)}",
            where=self._where,
            next_move="Less context_tokens or slots need less memory; `weighbridge doctor` checks the machine.",
        )

    def _crashed(self, child: Child, when: str) -> EngineCrashed:
        return EngineCrashed(f"the engine {child.how_it_ended()} {when}{_tail(child.stderr())}", where=self._where)

    def _given_up(self, child: Child) -> EngineCrashed:
        error = EngineCrashed(
            f"the engine crashed {self._crashes} times without an answer between and is not started again; "
            f"the last one {child.how_it_ended()}{_tail(child.stderr())}",
            where=self._where,
            next_move="Raise settings.restarts if it is worth more tries; less context_tokens needs less memory.",
        )
        error.retryable = False
        return error

    def _was_closed(self) -> EngineError:
        return BackendUnreachable("the engine was stopped while it was needed", where=self._where)

    def _refused(self, status: int, body: bytes) -> BackendRefused:
        """llama.cpp's own words, `{"error": {"message", "type"}}`, and what can be done."""
        message, kind = body[:500].decode(errors="replace"), ""
        try:
            said = msgspec.json.decode(body)["error"]
            message, kind = str(said["message"]), str(said.get("type", ""))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
            pass
        long = kind == "exceed_context_size_error"
        return BackendRefused(
            f"llama.cpp refused the call with status {status}: {message}",
            status=status,
            where=self._where,
            next_move="Raise settings.context_tokens, or shorten prompt or max_tokens." if long else None,
        )


def _tail(stderr: str) -> str:
    """The last lines of stderr, to be put at the end of a sentence."""
    lines = [line[:300] for line in stderr.splitlines() if line.strip()][-TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)
