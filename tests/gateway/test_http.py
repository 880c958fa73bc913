"""Framing, limits and manners of the HTTP side; nothing doubtful is let through to be read differently elsewhere."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from gateway_running import HELLO, read_reply, request, running
from hypothesis import given
from hypothesis import strategies as st

from fault_server import FaultServer, answers, chat_body
from patience import PATIENCE_S, soon
from weighbridge.gateway.client import LEAST_PART_BYTES
from weighbridge.gateway.head import BadRequest, Heads, read_head
from weighbridge.gateway.tending import check_clients

BODY = b'{"model":"public","messages":[{"role":"user","content":"hello"}]}'
START = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"content-length: 5\r\ntransfer-encoding: chunked\r\n", id="length-and-chunked"),
        pytest.param(b"transfer-encoding: chunked\r\ncontent-length: 5\r\n", id="chunked-and-length"),
        pytest.param(b"content-length: 5\r\ncontent-length: 6\r\n", id="two-lengths"),
        pytest.param(b"content-length: 5\r\ncontent-length: 5\r\n", id="twice-the-same-length"),
        pytest.param(b"content-length: 5, 5\r\n", id="list-of-lengths"),
        pytest.param(b"content-length: +5\r\n", id="signed-length"),
        pytest.param(b"content-length: 0x5\r\n", id="hexadecimal-length"),
        pytest.param(b"content-length: -5\r\n", id="negative-length"),
        pytest.param(b"content-length : 5\r\n", id="space-before-colon"),
        pytest.param(b" content-length: 5\r\n", id="folded"),
        pytest.param(b"x: a\r\n b\r\ncontent-length: 5\r\n", id="folded-value"),
        pytest.param(b"transfer-encoding: xchunked\r\n", id="unknown-coding"),
        pytest.param(b"transfer-encoding: chunked, identity\r\n", id="coding-after-chunked"),
        pytest.param(b"transfer-encoding: gzip, chunked\r\n", id="coding-before-chunked"),
        pytest.param(b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", id="chunked-twice"),
        pytest.param(b"host: y\r\ncontent-length: 5\r\n", id="two-hosts"),
        pytest.param(b"a: b\rc: d\r\ncontent-length: 5\r\n", id="bare-cr"),
        pytest.param(b"a: b\nc: d\r\ncontent-length: 5\r\n", id="bare-lf"),
        pytest.param(b"a: b\x00c\r\ncontent-length: 5\r\n", id="nul"),
        pytest.param(b"authorization: Bearer a\r\nauthorization: Bearer b\r\n", id="two-keys"),
    ],
)
def test_a_request_that_two_servers_could_read_differently_is_refused(tmp_path: Path, head: bytes) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.send(START + head + b"\r\n" + b"hello")

            assert reply.status in (400, 411)
            assert reply.headers["connection"] == "close"
            assert not up.requests

    asyncio.run(run())


@pytest.mark.parametrize("split", [1, 3, 1000])
def test_requests_may_come_in_any_pieces_and_ahead_of_their_turn(tmp_path: Path, split: int) -> None:
    """Three requests in one go: with a length, in chunks, with a length again; three answers in order."""

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            auth = f"authorization: Bearer {gate.key}\r\n".encode()
            chunks = b"%x\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\n\r\n" % (10, BODY[:10], len(BODY) - 10, BODY[10:])
            counted = START + auth + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
            chunked = START + auth + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            data = counted + counted + chunked
            for start in range(0, len(data), split):
                writer.write(data[start : start + split])
                await asyncio.sleep(0)

            replies = [await read_reply(reader) for _ in range(3)]
            writer.close()
            assert [reply.status for reply in replies] == [200, 200, 200]
            assert [exchange.json()["messages"] for exchange in up.requests] == [HELLO["messages"]] * 3

    asyncio.run(run())


def test_what_follows_a_chunked_body_at_once_is_not_answered(tmp_path: Path) -> None:
    """Who sends on after chunks may be smuggling; its connection ends with the answer to the first request."""

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            auth = f"authorization: Bearer {gate.key}\r\n".encode()
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
            first = START + auth + b"transfer-encoding: chunked\r\n\r\n" + body
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            writer.write(first + b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")

            assert (await read_reply(reader)).status == 200
            assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", 404, id="nothing-there"),
        pytest.param(b"GET /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n", 405, id="wrong-method"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n\r\n", 400, id="no-host"),
        pytest.param(b"GET http://evil/ HTTP/1.1\r\nhost: x\r\n\r\n", 400, id="absolute-target"),
        pytest.param(b"CONNECT evil:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400, id="connect"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="http2-preface"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="tls-hello"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 40_000 + b"\r\n\r\n", 431, id="long-head"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431, id="many-fields"),
        pytest.param(b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414, id="long-target"),
        pytest.param(START + b"content-length: 99999999999\r\n\r\n", 413, id="huge-length"),
        pytest.param(START + b"expect: magic\r\ncontent-length: 1\r\n\r\nx", 417, id="unknown-expectation"),
        pytest.param(b"\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 200, id="empty-lines-first"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", 200, id="h2c"),
    ],
)
def test_every_request_gets_the_status_it_deserves(tmp_path: Path, raw: bytes, status: int) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=b"") as gate:
            assert (await gate.send(raw)).status == status

    asyncio.run(run())


def test_a_client_that_expects_100_continue_is_told_to(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            writer.write(
                request("POST", "/v1/chat/completions", BODY, gate.key, {"expect": "100-continue"})[: -len(BODY)]
            )
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(BODY)
            assert (await read_reply(reader)).status == 200
            writer.close()

    asyncio.run(run())


def test_room_for_a_body_is_made_as_it_comes_not_as_it_is_announced(tmp_path: Path) -> None:
    """Else a few thousand connections, each with one line that costs nothing, would take gigabytes."""
    clients, announced = 40, 30_000_000

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            tracemalloc.start()
            try:
                writers = []
                for _ in range(clients):
                    _, writer = await asyncio.open_connection("127.0.0.1", gate.port)
                    writer.write(
                        b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: %d\r\n\r\n{" % announced
                    )
                    writers.append(writer)
                await soon(lambda: sum(not each.is_idle for each in gate.gateway.clients) == clients)
                taken, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert taken < clients * 3 * LEAST_PART_BYTES
            for writer in writers:
                writer.close()

    asyncio.run(run())


def test_http_1_0_is_answered_without_chunks_and_closed(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=b"") as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")

            assert (await read_reply(reader)).status == 200
            assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


def test_clients_that_take_too_long_are_let_go(tmp_path: Path) -> None:
    """Half a head, half a body, nothing at all: each has its own patience."""
    server = b"[server]\nhead_s = 0.2\nbody_s = 0.2\nidle_s = 0.2\n"

    async def run() -> None:
        async with running(tmp_path, {}, config=server) as gate:
            head = await gate.send(b"GET /healthz HTT")
            body = await gate.send(START + b"content-length: 100\r\n\r\nabc")
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)

            assert (head.status, body.status) == (408, 408)
            assert await asyncio.wait_for(reader.read(), 60) == b""
            writer.close()

    asyncio.run(run())


def test_a_head_that_trickles_in_gets_no_more_time(tmp_path: Path) -> None:
    """A client that sends a few bytes again and again would keep its connection for ever."""

    async def run() -> None:
        async with running(tmp_path, {}, config=b"[server]\nhead_s = 0.3\n") as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            answer = asyncio.ensure_future(reader.readuntil(b"\r\n"))
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")

            def trickle() -> None:
                if not answer.done():
                    writer.write(b"x: y\r\n")
                    asyncio.get_running_loop().call_later(0.05, trickle)

            trickle()

            assert (await asyncio.wait_for(answer, PATIENCE_S)).startswith(b"HTTP/1.1 408 ")
            writer.close()

    asyncio.run(run())


def test_a_request_that_waits_for_its_turn_is_not_late(tmp_path: Path) -> None:
    """It was sent before the answer to the one before it: its time begins when that one has ended."""

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            gateway = gate.gateway
            append = gateway.books.append

            def append_and_look(lines: Sequence[tuple[Any, ...]]) -> None:
                append(lines)
                asyncio.get_running_loop().call_soon(check_clients, gateway, gateway.now)

            gateway.books.append = append_and_look  # type: ignore[method-assign]
            raw = request("POST", "/v1/chat/completions", BODY, gate.key, {})
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            writer.write(raw + raw)

            assert [(await read_reply(reader)).status for _ in range(2)] == [200, 200]
            writer.close()

    asyncio.run(run())


def test_more_connections_than_allowed_are_told_so(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=b"[server]\nconnections = 2\n") as gate:
            kept = [await asyncio.open_connection("127.0.0.1", gate.port) for _ in range(2)]
            await asyncio.sleep(0.01)

            assert (await gate.get("/healthz")).status == 503
            for _, writer in kept:
                writer.close()

    asyncio.run(run())


def test_a_web_page_cannot_call_a_gateway_that_wants_no_keys(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, key=False) as gate:
            page = await gate.post("/v1/chat/completions", HELLO, origin="https://evil.example")

            assert page.status == 403
            assert "access-control-allow-origin" not in page.headers
            assert (await gate.chat()).status == 200

    asyncio.run(run())


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_a_refusal(data: bytes) -> None:
    try:
        reader = read_head(data + b"\r\n\r\n")
    except BadRequest as refused:
        status = refused.status
    else:
        status = 200
        assert reader.head.path.startswith("/")
    assert status == 200 or 400 <= status < 600


NAMES = st.sampled_from(["Content-Length", "content-length", "Transfer-Encoding", "Host", "X-A", "Content-length"])
VALUES = st.sampled_from(["5", "0", "05", "chunked", "a", "x\tb", "7 ", "999"])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_a_head_from_memory_is_the_head_llhttp_would_read(
    first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    """Whatever was remembered before, a head is found in memory only with what reading it anew would say."""
    heads = Heads()
    for fields in (first, second):
        data = ("POST /a HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n").encode()
        end = data.find(b"\r\n\r\n")
        known = heads.find(data, end)
        try:
            reader = read_head(data)
        except BadRequest:
            assert known is None
            continue
        if known is not None:
            head, length = known
            assert length == (reader.length or 0)
            assert (head.method, head.path, head.fields | {"content-length": ""}) == (
                reader.head.method,
                reader.head.path,
                reader.head.fields | {"content-length": ""},
            )
        heads.keep(data, end, reader.head)
