"""What does one request to a model cost this process, beside the least it could cost and beside urllib3?

Question: CPU microseconds a request (700 B there, 600 B back) and a streamed chunk (one SSE event), client side only.
Ceiling: `raw`, an asyncio.Protocol that writes ready-made bytes and counts the bytes that come back; it parses
nothing, knows no time-outs and no errors. Peer: `urllib3`, the synchronous pool most Python clients stand on, one
thread. The server is another process, so its CPU is not counted. Method: rounds of each in turn, so that drift hits
all alike; the first round is thrown away; medians of rounds, process CPU time, not wall time.
It would prove us wrong if `calls` cost more than urllib3, or more than four times `raw`.

    python bench/calls.py | tail -1 > bench/results/calls.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import urllib3
import uvloop

from weighbridge.net.calls import Calls
from weighbridge.net.sse import SseParser

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 640 + b'"}]}'
HEADERS = (("authorization", "Bearer key"), ("content-type", "application/json"))
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"' + b"y" * 500 + b'"},"finish_reason":"stop"}]}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
EVENTS = 200
"""In one streamed answer."""


class Server(asyncio.Protocol):
    """Answers every request with the same bytes; `/stream` with EVENTS chunks, each written by itself."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            head = self.held[:end].lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
            if len(self.held) < end + 4 + length:
                return
            self.held = self.held[end + 4 + length :]
            if b"/stream " in head:
                self.task = asyncio.ensure_future(self.stream())
            else:
                self.transport.write(RESPONSE)

    async def stream(self) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(EVENTS):
            self.transport.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
            await asyncio.sleep(0)
        self.transport.write(b"0\r\n\r\n")


RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


def serve() -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    uvloop.run(run())


class Raw(asyncio.Protocol):
    """The least a client can do on this loop."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.left = 0

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left == 0:
            self.waiter.set_result(None)

    async def ask(self, request: bytes) -> None:
        self.left = len(RESPONSE)
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.waiter


async def cpu_us(work: Callable[[], Awaitable[None]], count: int) -> float:
    started = time.process_time()
    await work()
    return (time.process_time() - started) / count * 1e6


async def measure_async(port: int, count: int, rounds: int) -> dict[str, list[float]]:
    url, found = f"http://127.0.0.1:{port}/v1/chat/completions", {"raw": [], "calls": [], "calls_64": [], "chunk": []}
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + fields
    request = head + b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
    transport, raw = await asyncio.get_running_loop().create_connection(Raw, "127.0.0.1", port)
    async with Calls(environ={}) as calls:

        async def ask_raw() -> None:
            for _ in range(count):
                await raw.ask(request)

        async def ask_calls(times: int = count) -> None:
            for _ in range(times):
                answer = await calls.request("POST", url, HEADERS, BODY)
                assert len(answer.body) == len(ANSWER)

        async def ask_calls_64() -> None:
            await asyncio.gather(*[ask_calls(count // 64) for _ in range(64)])

        async def stream() -> None:
            for _ in range(count // EVENTS):
                parser, events = SseParser(), 0
                async with calls.stream("POST", f"http://127.0.0.1:{port}/stream", HEADERS, BODY) as answer:
                    async for chunk in answer.chunks():
                        events += len(parser.feed(chunk))
                assert events == EVENTS

        for _ in range(rounds + 1):
            found["raw"].append(await cpu_us(ask_raw, count))
            found["calls"].append(await cpu_us(ask_calls, count))
            found["calls_64"].append(await cpu_us(ask_calls_64, count // 64 * 64))
            found["chunk"].append(await cpu_us(stream, count // EVENTS * EVENTS))
    transport.close()
    return found


def measure_urllib3(port: int, count: int, rounds: int) -> list[float]:
    url, found = f"http://127.0.0.1:{port}/v1/chat/completions", []
    with urllib3.PoolManager() as pool:
        for _ in range(rounds + 1):
            started = time.process_time()
            for _ in range(count):
                answer = pool.request("POST", url, body=BODY, headers=dict(HEADERS))
                assert len(answer.data) == len(ANSWER)
            found.append((time.process_time() - started) / count * 1e6)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000, help="requests a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help="be the server (started by the benchmark itself)")
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE)
    try:
        port = int(server.stdout.readline())
        found = uvloop.run(measure_async(port, options.count, options.rounds))
        found["urllib3"] = measure_urllib3(port, options.count // 4, options.rounds)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    us = {name: round(statistics.median(values[1:]), 2) for name, values in found.items()}
    spread = {name: [round(min(values[1:]), 2), round(max(values[1:]), 2)] for name, values in found.items()}
    for name, value in us.items():
        print(f"{name:10} {value:8.1f} us CPU   {spread[name]}")
    print(
        json.dumps(
            {
                "bench": "calls",
                "cpu_us": us,
                "spread_us": spread,
                "times_raw": round(us["calls"] / us["raw"], 2),
                "share_of_urllib3": round(us["calls"] / us["urllib3"], 3),
                "count": options.count,
                "rounds": options.rounds,
                "python": platform.python_version(),
                "machine": platform.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
