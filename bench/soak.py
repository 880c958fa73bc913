"""Does a gateway that serves for a long time, in bad company, stay the size it was and forget no call?

Experiment: `weighbridge serve` with a key, a budget and its durable ledger, before a backend that answers well most of
the time and else cuts, stalls, floods with comments, answers garbage or errors, splits events at odd bytes, counts
wrongly, or never says how long its answer is; and clients of four dialects that read all, leave in the middle, read
slowly, send two requests at once, large ones, malformed ones, or with a wrong key. All on loopback, some calls a
second. Every ten seconds the resident memory and the open files of the gateway and its workers are noted.

The first third is warming up: buffers, pools and tables of what was seen reach their bounds, and are counted as what it
takes to serve, not as growth.

Claims, and what proves them wrong (exit 1):
    memory is flat         after the first third: the last third's median more than 5% above the middle third's, or a
                           slope (Theil and Sen's median of all pairs) that comes to more than 5% over both thirds
    nothing leaks          more open files than at the start, once the clients have left and idle connections are closed
    each call is recorded  the ledger's rows are not, one for one, the calls that were admitted
    money adds up          the budget's spending is not the sum of what the rows cost

    python bench/soak.py [--minutes 30] [--rate 25] [--workers 1] | tail -1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

HOST, UP, GATE = "127.0.0.1", 9290, 9291
GROWTH = 0.05
NOTE_S = 10.0
REST_S = 9.0
"""Long enough for idle connections to be let go (pool.IDLE_S) and `idle_s` of the config."""
ROUTE = {"first_piece_s": 1.0, "gap_s": 1.0, "total_s": 20.0, "retries": 1}

# --- the backend

Write = Callable[[bytes], Awaitable[None]]
WHOLE = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "private",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 20}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70},
}


def event(choices: list[Any], **more: Any) -> bytes:
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "private", "choices": choices, **more}
    return b"data: %b\n\n" % json.dumps(frame).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


WORD = event([{"index": 0, "delta": {"content": "word "}, "finish_reason": None}])
END = event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
COUNTS = event([], usage={"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70})
OPEN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CLOSE = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def whole(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


async def good(write: Write, stream: bool) -> None:
    if not stream:
        await write(whole(json.dumps(WHOLE).encode()))
        return
    await write(OPEN)
    for _ in range(20):
        await write(chunk(WORD))
        await asyncio.sleep(0.005)
    await write(chunk(END) + chunk(COUNTS) + CLOSE)


async def cuts(write: Write, stream: bool) -> None:
    await write(OPEN + chunk(WORD) + chunk(WORD)[:20] if stream else whole(json.dumps(WHOLE).encode())[:-30])
    raise ConnectionAbortedError


async def hangs_up(_write: Write, _stream: bool) -> None:
    raise ConnectionAbortedError


async def stalls(write: Write, stream: bool) -> None:
    if stream:
        await write(OPEN + chunk(WORD))
    await asyncio.sleep(4)


async def garbage(write: Write, stream: bool) -> None:
    await write(OPEN + chunk(b"data: {not json\n\n") if stream else whole(b"<html>no</html>"))


async def fails(write: Write, _stream: bool) -> None:
    await write(whole(b'{"error":{"message":"overloaded"}}', b"503 Service Unavailable"))


async def splits(write: Write, stream: bool) -> None:
    said = OPEN + b"".join([chunk(WORD)] * 3) + chunk(END) + chunk(COUNTS) + CLOSE if stream else whole(b"{}")
    for at in range(0, len(said), 17):
        await write(said[at : at + 17])
        await asyncio.sleep(0)


async def floods(write: Write, _stream: bool) -> None:
    await write(OPEN)
    for _ in range(200):
        await write(chunk(b": nothing yet\n\n" * 100))
    await write(chunk(WORD) + chunk(END) + chunk(COUNTS) + CLOSE)


async def miscounts(write: Write, stream: bool) -> None:
    wrong = {**WHOLE, "usage": {"prompt_tokens": -5, "completion_tokens": "many"}}
    if stream:
        await write(OPEN + chunk(WORD) + chunk(event([], usage=wrong["usage"])) + CLOSE)
    else:
        await write(whole(json.dumps(wrong).encode()))


async def endless(write: Write, _stream: bool) -> None:
    """No length, no chunks: the end of the connection ends it."""
    await write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + json.dumps(WHOLE).encode())
    raise ConnectionAbortedError


MANNERS = {
    each.__name__: each for each in (good, cuts, hangs_up, stalls, garbage, fails, splits, floods, miscounts, endless)
}


def manner_in(content: Any) -> str:
    """The first word of a message, as text or in parts."""
    text: str = content if isinstance(content, str) else content[0]["text"]
    return text.partition(" ")[0]


async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def write(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            at = head.lower().index(b"content-length:") + 15
            body = await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
            asked = json.loads(body)
            await MANNERS[manner_in(asked["messages"][0]["content"])](write, asked.get("stream") is True)
    writer.close()


# --- the clients


class Tally:
    """What was sent, and what came of it."""

    def __init__(self) -> None:
        self.sent = 0
        """Requests that were sent whole, and that a key may make."""
        self.ids: list[str] = []
        """Of answers to them."""
        self.statuses: Counter[int] = Counter()
        self.left = 0


def words_of(path: str, text: str, *, stream: bool) -> dict[str, Any]:
    """A request, as the dialect of that path says it."""
    asked: dict[str, Any] = {"model": "public", "stream": stream}
    if path == "/v1/responses":
        return {**asked, "input": text, "max_output_tokens": 64}
    asked["messages"] = [{"role": "user", "content": text}]
    return {**asked, **({"options": {"num_predict": 64}} if path == "/api/chat" else {"max_tokens": 64})}


PATHS = {"/v1/chat/completions": 60, "/v1/messages": 20, "/v1/responses": 10, "/api/chat": 10}
"""And how many of a hundred calls are made there."""


def request(key: str, path: str, asked: dict[str, Any]) -> bytes:
    body = json.dumps(asked).encode()
    return (
        f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


async def read_answer(reader: asyncio.StreamReader, *, slowly: bool) -> tuple[int, str, bool]:
    """Status, id, and whether the connection may be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    status = int(head.split(" ", 2)[1])
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    else:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await reader.readexactly(size + 2)
            if slowly:
                await asyncio.sleep(0.02)
        await reader.readuntil(b"\r\n")
    return status, fields["x-request-id"], fields.get("connection") != "close"


class Client:
    """One connection at a time, kept as long as it lasts."""

    def __init__(self, key: str, rng: Random, tally: Tally) -> None:
        self._key = key
        self._rng = rng
        self._tally = tally
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self) -> None:
        rng = self._rng
        how = rng.choices(
            ("reads", "leaves", "slowly", "twice", "malformed", "wrong_key", "large"), (70, 7, 5, 5, 3, 3, 7)
        )[0]
        manner = rng.choices(tuple(MANNERS), (60, 6, 4, 1, 4, 5, 8, 2, 5, 5))[0]
        words = 16_000 if how == "large" else rng.choice((5, 50, 400))
        path = rng.choices(tuple(PATHS), tuple(PATHS.values()))[0]
        asked = path, words_of(path, f"{manner} {'hello ' * words}", stream=rng.random() < 0.6)
        reader, writer = self._kept or await asyncio.open_connection(HOST, GATE)
        self._kept = None
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if await self._with(reader, writer, how, asked):
                self._kept = reader, writer
                return
        writer.close()

    async def _with(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, how: str, asked: tuple[str, dict[str, Any]]
    ) -> bool:
        """Whether the connection may be used again."""
        tally = self._tally
        if how == "malformed":
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
            )
            tally.statuses[int((await reader.readuntil(b"\r\n")).split()[1])] += 1
            return False
        if how == "wrong_key":
            writer.write(request("sk-wb-wrong", *asked))
            status, _, again = await read_answer(reader, slowly=False)
            tally.statuses[status] += 1
            return again
        times = 2 if how == "twice" else 1
        writer.write(request(self._key, *asked) * times)
        await writer.drain()
        if how == "leaves":
            await asyncio.sleep(0.03)
            tally.sent += 1
            tally.left += 1
            return False
        for _ in range(times):
            tally.sent += 1
            status, call_id, again = await read_answer(reader, slowly=how == "slowly")
            tally.statuses[status] += 1
            tally.ids.append(call_id)
            if not again:
                return False
        return True

    def leave(self) -> None:
        if self._kept is not None:
            self._kept[1].close()


async def clients(key: str, seconds: float, rate: float, tally: Tally, note: Callable[[], None]) -> None:
    """Calls at random times, `rate` a second, over some connections."""
    rng = Random(7)
    idle = [Client(key, rng, tally) for _ in range(40)]
    busy: set[asyncio.Task[None]] = set()
    began = noted = time.monotonic()

    async def one(client: Client) -> None:
        try:
            await client.call()
        finally:
            idle.append(client)

    while time.monotonic() - began < seconds:
        await asyncio.sleep(rng.expovariate(rate))
        if idle:
            task = asyncio.ensure_future(one(idle.pop(rng.randrange(len(idle)))))
            busy.add(task)
            task.add_done_callback(busy.discard)
        if time.monotonic() - noted >= NOTE_S:
            noted = time.monotonic()
            note()
    await asyncio.gather(*busy)
    for client in idle:
        client.leave()


# --- the gateway, and what is noted of it


def config(folder: Path, workers: int) -> Path:
    path = folder / "weighbridge.toml"
    route = "\n".join(f"{name} = {value}" for name, value in ROUTE.items())
    path.write_text(
        f'[server]\nport = {GATE}\nworkers = {workers}\n[[backend]]\nname = "up"\nkind = "openai"\nbase_url = "http://{HOST}:{UP}/v1"\n'
        f'[[route]]\nmodel = "public"\n{route}\n'
        'to = [{ backend = "up", model = "private", price = { input = 1.0, output = 2.0 } }]\n'
    )
    return path


def family(pid: int) -> list[int]:
    """The process and its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def resident_kb(pid: int) -> int:
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def open_files(pid: int) -> int:
    return sum(1 for each in family(pid) for _ in Path(f"/proc/{each}/fd").iterdir())


async def listening(port: int) -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            return
        await asyncio.sleep(0.05)


async def soak(minutes: float, rate: float, workers: int, folder: Path) -> dict[str, Any]:
    weighbridge = str(Path(sys.executable).with_name("weighbridge"))
    environ = {**os.environ, "XDG_DATA_HOME": str(folder / "data")}
    made = subprocess.run(
        [weighbridge, "keys", "create", "--name", "soak", "--budget", "1000000/day", "--json"],
        env=environ,
        check=True,
        capture_output=True,
    )
    key = json.loads(made.stdout)["key"]
    server = await asyncio.start_server(backend, HOST, UP, limit=1 << 20)
    with (folder / "serve.log").open("wb") as log:
        gateway = subprocess.Popen(
            [weighbridge, "serve", "--config", str(config(folder, workers))], env=environ, stdout=log, stderr=log
        )
    try:
        await listening(GATE)
        return await watch(gateway, key, minutes * 60, rate, folder)
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(30)
        server.close()


async def watch(
    gateway: subprocess.Popen[bytes], key: str, seconds: float, rate: float, folder: Path
) -> dict[str, Any]:
    tally, kilobytes = Tally(), list[int]()
    await asyncio.sleep(1)
    files_before = open_files(gateway.pid)

    def note() -> None:
        kilobytes.append(resident_kb(gateway.pid))
        print(
            f"{len(kilobytes) * NOTE_S:5.0f} s  {tally.sent:6} calls  {kilobytes[-1]:6} kB  "
            f"{open_files(gateway.pid):3} files",
            flush=True,
        )

    await clients(key, seconds, rate, tally, note)
    await asyncio.sleep(REST_S)
    files_after = open_files(gateway.pid)
    gateway.send_signal(signal.SIGTERM)
    gateway.wait(30)
    return verdict(tally, kilobytes, files_before, files_after, folder / "data" / "weighbridge" / "ledger.sqlite")


def verdict(tally: Tally, kilobytes: list[int], before: int, after: int, ledger: Path) -> dict[str, Any]:
    db = sqlite3.connect(ledger)
    ids = [row[0] for row in db.execute("SELECT id FROM calls")]
    costs = db.execute("SELECT total(usd) FROM calls").fetchone()[0]
    spent = db.execute("SELECT total(usd) FROM spent WHERE scope = 'key'").fetchone()[0]
    under_way = db.execute("SELECT count(*) FROM under_way").fetchone()[0]
    leased = db.execute("SELECT count(*) FROM leases").fetchone()[0]
    third = max(1, len(kilobytes) // 3)
    middle, last = (statistics.median(each) for each in (kilobytes[third : 2 * third] or kilobytes, kilobytes[-third:]))
    warm = kilobytes[third:]
    rise = slope(warm) * len(warm)
    claims = {
        "memory is flat": last <= middle * (1 + GROWTH) and rise <= middle * GROWTH,
        "nothing leaks": after <= before,
        "each call is recorded": len(ids) == tally.sent and set(tally.ids) <= set(ids) and not under_way,
        "no answer's id twice": len(set(tally.ids)) == len(tally.ids),
        "money adds up": abs(costs - spent) <= 1e-6 and not leased,
    }
    return {
        "minutes": round(len(kilobytes) * NOTE_S / 60, 1),
        "calls": tally.sent,
        "rows": len(ids),
        "clients_that_left": tally.left,
        "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
        "outcomes": dict(db.execute("SELECT outcome, count(*) FROM calls GROUP BY outcome").fetchall()),
        "resident_kb_by_third": [statistics.median(kilobytes[:third]), middle, last],
        "resident_kb_most": max(kilobytes),
        "growth": round(last / middle - 1, 4),
        "rise_by_slope": round(rise / middle, 4),
        "open_files_before": before,
        "open_files_after": after,
        "usd": round(costs, 6),
        "claims": claims,
    }


def slope(values: list[int]) -> float:
    """A step's, as the median over all pairs (Theil 1950, Sen 1968): a few high notes do not turn it."""
    pairs = [(b - a) / (j - i) for i, a in enumerate(values) for j, b in enumerate(values) if j > i]
    return statistics.median(pairs or [0.0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=25.0, help="Calls a second.")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(soak(given.minutes, given.rate, given.workers, Path(folder)))
    print(json.dumps(found))
    raise SystemExit(0 if all(found["claims"].values()) else 1)


if __name__ == "__main__":
    main()
