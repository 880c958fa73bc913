"""A gateway on loopback in the test's own loop, and a client that speaks plain HTTP to it.

async with running(tmp_path, {"up": server}, routes=...) as gate:
    answer = await gate.post("/v1/chat/completions", {...})
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from fault_server import LOOPBACK, FaultServer
from patience import PATIENCE_S
from weighbridge.cli.compose_serve import make_parts
from weighbridge.dispatch.allowance import parse_allowance
from weighbridge.dispatch.policy import Policy
from weighbridge.gateway.app import Gateway
from weighbridge.gateway.books import Books
from weighbridge.gateway.config import read_config
from weighbridge.gateway.run import bind, listening
from weighbridge.ledger import CallRow
from weighbridge.ledger.connect import connect
from weighbridge.ledger.fold import fold
from weighbridge.ledger.keys import KeyRow, add_key, new_secret
from weighbridge.ledger.rows import COLUMNS
from weighbridge.settings import read_settings

ADMIN_KEY = "an-admin-key-of-some-length"
HELLO = {"model": "public", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 10}


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    chunks: list[bytes] = field(default_factory=list)
    whole: bool = True
    """The body came to the end its framing promised."""

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        """What a streamed chat answer says."""
        return "".join(
            choice["delta"].get("content") or "" for event in self.events for choice in event.get("choices", ())
        )

    @property
    def events(self) -> list[Any]:
        data = [part[6:] for part in self.body.split(b"\n\n") if part.startswith(b"data: ")]
        return [msgspec.json.decode(each) for each in data if each != b"[DONE]"]


@dataclass
class Gate:
    gateway: Gateway
    port: int
    data_dir: Path
    key: str | None = None

    async def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> Reply:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.send(request("POST", path, raw, key or self.key, headers))

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send(request("GET", path, b"", self.key, headers))

    async def chat(self, key: str | None = None, **changes: Any) -> Reply:
        return await self.post("/v1/chat/completions", {**HELLO, **changes}, key=key)

    async def send(self, raw: bytes) -> Reply:
        """Bytes as they are on a connection of their own, and what is answered."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        try:
            writer.write(raw)
            return await asyncio.wait_for(read_reply(reader), PATIENCE_S)
        finally:
            writer.close()

    def make_key(self, budget: str | None = None, **fields: Any) -> tuple[str, str]:
        """(id, key), as `weighbridge keys create` makes them."""
        return make_key(self.data_dir, budget, **fields)

    def calls(self) -> list[CallRow]:
        """What the ledger holds, journals folded in."""
        return calls(self.data_dir)


def make_key(data_dir: Path, budget: str | None = None, **fields: Any) -> tuple[str, str]:
    allowance = parse_allowance(budget) if budget else None
    name = f"key_{new_secret()[-8:]}"
    row = KeyRow(
        id=name,
        name="test",
        created_at=0.0,
        budget_usd=allowance.usd if allowance else None,
        budget_period=allowance.period if allowance else None,
        **fields,
    )
    secret = new_secret()
    db = connect(data_dir / "ledger.sqlite")
    add_key(db, row, secret)
    db.close()
    return name, secret


def calls(data_dir: Path) -> list[CallRow]:
    db = connect(data_dir / "ledger.sqlite")
    try:
        fold(db, data_dir)
        return [_row(values) for values in db.execute(f"SELECT {COLUMNS} FROM calls ORDER BY id")]
    finally:
        db.close()


def query(data_dir: Path, statement: str) -> list[Any]:
    db = sqlite3.connect(data_dir / "ledger.sqlite")
    try:
        return db.execute(statement).fetchall()
    finally:
        db.close()


def _row(values: Sequence[Any]) -> CallRow:
    return CallRow(**dict(zip(CallRow.__struct_fields__, values, strict=True)))


def config_of(
    servers: Mapping[str, FaultServer], *, server: str = "", route: str = "", price: str | None = "1.0", more: str = ""
) -> bytes:
    """A config with one route, `public`, to a model `private` on each server, in order."""
    parts = [f"[server]\nport = 0\n{server}\n"]
    parts += [
        f'[[backend]]\nname = "{name}"\nkind = "openai"\nbase_url = "{each.base_url}"\napi_key = "env:UP_KEY"\n'
        for name, each in servers.items()
    ]
    cost = f", price = {{ input = {price}, output = {price} }}" if price else ""
    to = ", ".join(f'{{ backend = "{name}", model = "private"{cost} }}' for name in servers)
    return "\n".join([*parts, f'[[route]]\nmodel = "public"\nto = [{to}]\n{route}\n{more}']).encode()


@asynccontextmanager
async def running(
    tmp_path: Path,
    servers: Mapping[str, FaultServer],
    *,
    config: bytes | None = None,
    key: bool = True,
    policy: Policy | None = None,
    **how: Any,
) -> AsyncIterator[Gate]:
    """The gateway over servers that run already; with `key`, calls are made with a key without limits."""
    data_dir = tmp_path / "data" / "weighbridge"
    text = config_of(servers, **how) if config is None else config
    read = read_config(text, tmp_path / "weighbridge.toml")
    settings = read_settings({"HOME": str(tmp_path), "UP_KEY": "sk-upstream-secret-0123", "ADMIN": ADMIN_KEY})
    parts = make_parts(read, settings)
    if policy is not None:
        parts = replace(parts, policy=policy)
    listener = bind(LOOPBACK, 0, shared=False)
    port = listener.getsockname()[1]
    secret = make_key(data_dir)[1] if key else None
    books = Books(data_dir)
    try:
        async with listening(parts, listener, books) as gateway:
            yield Gate(gateway, port, data_dir, secret)
    finally:
        books.close()


def request(method: str, path: str, body: bytes, key: str | None, headers: Mapping[str, str]) -> bytes:
    fields = {"host": "gate", "content-length": str(len(body))}
    if key is not None:
        fields["authorization"] = f"Bearer {key}"
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    while head.startswith("HTTP/1.1 1"):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    reply = Reply(int(first.split(" ")[1]), headers, b"")
    if headers.get("transfer-encoding") == "chunked":
        await _read_chunks(reader, reply)
    elif "content-length" in headers:
        reply.body = await reader.readexactly(int(headers["content-length"]))
    else:
        reply.body = await reader.read()
    return reply


async def _read_chunks(reader: asyncio.StreamReader, reply: Reply) -> None:
    try:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            reply.chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
    except asyncio.IncompleteReadError:
        reply.whole = False
    reply.body = b"".join(reply.chunks)
