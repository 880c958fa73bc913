"""A model server on loopback that answers well, or in whichever bad way a test asks for.

    async with FaultServer(answers(b'{"choices": ...}')) as server: ... server.base_url ...
    with serving(stalls()) as server: ...            # for tests without a loop: it runs in a thread

A behaviour is an async function of one Exchange; it writes what it likes. `script(a, b, c)` gives the first request to
`a`, the second to `b`, and all later ones to `c`.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from patience import PATIENCE_S

LOOPBACK = "127.0.0.1"


@dataclass
class Exchange:
    """One request as it came, and the pen to answer it with."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    write: Callable[[bytes], None]
    """Goes nowhere once the client has left."""
    drain: Callable[[], Awaitable[None]]
    """Wait until the client has taken most of what was written."""
    cut: Callable[[], None]
    """Close the connection without a word."""
    reset: Callable[[], None]
    """Close it the hard way: the client sees a reset, not an end."""
    left: asyncio.Event
    """Set once the client has closed the connection."""
    number: int
    """Counting all requests of the server, from 0."""

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


Behaviour = Callable[[Exchange], Awaitable[None]]


@dataclass
class FaultServer:
    behave: Behaviour
    tls: ssl.SSLContext | None = None
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{LOOPBACK}:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    async def __aenter__(self) -> FaultServer:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=self.tls, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in tuple(self.open):
            writer.transport.abort()
        while self.open:
            await asyncio.sleep(0.001)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open.discard(writer)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it; False once the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        left = asyncio.Event()

        def write(data: bytes) -> None:
            if not writer.transport.is_closing():
                writer.write(data)

        exchange = Exchange(
            method,
            target,
            headers,
            body,
            write=write,
            drain=writer.drain,
            cut=writer.close,
            reset=writer.transport.abort,
            left=left,
            number=len(self.requests),
        )
        self.requests.append(exchange)
        watcher = asyncio.ensure_future(_watch(reader, left))
        try:
            await self.behave(exchange)
            if not writer.transport.is_closing():
                await writer.drain()
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        return not writer.transport.is_closing() and not left.is_set()


async def _watch(reader: asyncio.StreamReader, left: asyncio.Event) -> None:
    """Notice that the client hangs up while it is being answered, without eating its next request."""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.002)
    left.set()


@contextmanager
def serving(behave: Behaviour) -> Iterator[FaultServer]:
    """The server in a thread of its own, for tests that do not run a loop."""
    server = FaultServer(behave)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with server:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE_S)
        loop.close()


# --- what is said


def response(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer; `retry_after="3"` becomes the field Retry-After."""
    fields = {"content-type": content_type, "content-length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1") + body


def chat_body(text: str | None = "hello", *, model: str = "served", finish: str = "stop", **message: Any) -> bytes:
    """The answer of a chat endpoint."""
    said = {"role": "assistant", "content": text, **message}
    return msgspec.json.encode(
        {
            "id": "x",
            "model": model,
            "choices": [{"index": 0, "message": said, "finish_reason": finish}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
    )


def chat_events(*texts: str, usage: bool = True, done: bool = True) -> list[bytes]:
    """The data of the events of a streamed chat answer."""
    deltas = [{"choices": [{"index": 0, "delta": {"content": text}}], "model": "served"} for text in texts]
    events = [*deltas, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    if usage:
        events.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
    return [msgspec.json.encode(event) for event in events] + ([b"[DONE]"] if done else [])


def sse(events: Sequence[bytes]) -> bytes:
    return b"".join(b"data: %b\n\n" % event for event in events)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# --- behaviours


def script(*behaviours: Behaviour) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await behaviours[min(exchange.number, len(behaviours) - 1)](exchange)

    return behave


def answers(body: bytes, status: int = 200, content_type: str = "application/json", **headers: str) -> Behaviour:
    """That body with that status; used for 401, 404, 429, 500, HTML, half a JSON and nothing as well."""

    async def behave(exchange: Exchange) -> None:
        exchange.write(response(status, body, content_type, **headers))

    return behave


def streams(events: Sequence[bytes], *, split: int = 0) -> Behaviour:
    """The events as a stream; with `split`, in chunks of so many bytes, each sent by itself."""

    async def behave(exchange: Exchange) -> None:
        data = sse(events)
        exchange.write(STREAM_HEAD)
        for start in range(0, len(data), split or len(data) or 1):
            exchange.write(chunked(data[start : start + (split or len(data))]))
            if split:
                await asyncio.sleep(0)
        exchange.write(LAST_CHUNK)

    return behave


def says(raw: bytes) -> Behaviour:
    """Those bytes and nothing else; the connection stays open."""

    async def behave(exchange: Exchange) -> None:
        exchange.write(raw)

    return behave


def says_and_cuts(raw: bytes = b"", *, hard: bool = False) -> Behaviour:
    """Those bytes, then the end of the connection."""

    async def behave(exchange: Exchange) -> None:
        if raw:
            exchange.write(raw)
            await asyncio.sleep(0.01)
        exchange.reset() if hard else exchange.cut()

    return behave


def stalls(raw: bytes = b"") -> Behaviour:
    """Those bytes, then silence until the client leaves."""

    async def behave(exchange: Exchange) -> None:
        exchange.write(raw)
        await exchange.left.wait()

    return behave


def floods(head: bytes, block: bytes, most: int = 1 << 28) -> Behaviour:
    """The head, then the block again and again until the client leaves or `most` bytes were sent."""

    async def behave(exchange: Exchange) -> None:
        exchange.write(head)
        sent = 0
        while not exchange.left.is_set() and sent < most:
            exchange.write(block)
            sent += len(block)
            await exchange.drain()
            await asyncio.sleep(0)

    return behave


def answers_then_closes_idle(body: bytes, after_s: float = 0.0) -> Behaviour:
    """A good answer that promises to keep the connection, which is then closed all the same."""

    async def behave(exchange: Exchange) -> None:
        exchange.write(response(200, body))
        if after_s:
            await asyncio.sleep(after_s)
        exchange.cut()

    return behave
