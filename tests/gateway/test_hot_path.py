"""Short ways that most calls take must not be ways around a check."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from gateway_running import HELLO, read_reply, request, running

from fault_server import STREAM_HEAD, Exchange, FaultServer, answers, chat_body, chunked, sse
from patience import PATIENCE_S

ROLE = chunked(sse([b'{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}']))


def test_a_backend_that_keeps_saying_nothing_is_given_up_in_time(tmp_path: Path) -> None:
    """Events without content are no sign that an answer has begun."""

    async def drips(exchange: Exchange) -> None:
        exchange.write(STREAM_HEAD)
        while not exchange.left.is_set():
            exchange.write(ROLE)
            await asyncio.sleep(0.005)

    async def run() -> None:
        route = "retries = 0\nfirst_piece_s = 0.2\ngap_s = 60\ntotal_s = 100"
        async with FaultServer(drips) as up, running(tmp_path, {"up": up}, route=route) as gate:
            answer = await asyncio.wait_for(gate.chat(stream=True), PATIENCE_S)

            assert answer.status == 502
            assert "no content in 0.2 s" in answer.json()["error"]["message"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(b"content-length: 5\r\ncontent-length: 6\r\n", id="two-lengths"),
        pytest.param(b"content-length: 5\r\ntransfer-encoding: chunked\r\n", id="length-and-chunked"),
        pytest.param(b"content-length: 5 \r\n x: y\r\n", id="folded"),
        pytest.param(b"content-length: -5\r\n", id="negative"),
        pytest.param(b"content-length: 0000000000000000005\r\n", id="endless-digits"),
        pytest.param(b"content-length: \r\n", id="no-digits"),
    ],
)
def test_a_head_known_on_this_connection_lets_no_other_one_through(tmp_path: Path, fields: bytes) -> None:
    """The last head is recognised by its bytes around the length; whatever differs is read in full again."""

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            for text in ("hello", "a longer one", "hello"):
                body = msgspec.json.encode({**HELLO, "messages": [{"role": "user", "content": text}]})
                writer.write(request("POST", "/v1/chat/completions", body, gate.key, {}))
                assert (await read_reply(reader)).status == 200
            good = request("POST", "/v1/chat/completions", b"hello", gate.key, {})
            at = good.lower().index(b"content-length:")
            writer.write(good[:at] + fields + good[good.index(b"\r\n", at) + 2 :])

            assert (await read_reply(reader)).status == 400
            assert await reader.read() == b""  # closed: what follows could be anything
            writer.close()

    asyncio.run(run())


def test_requests_on_one_connection_differ_in_body_and_head(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            sent = []
            for number in range(12):
                text = "x" * number * 3001
                body = msgspec.json.encode({**HELLO, "messages": [{"role": "user", "content": text}]})
                more = {"x-number": str(number)} if number % 3 == 2 else {}
                writer.write(request("POST", "/v1/chat/completions", body, gate.key, more))
                assert (await read_reply(reader)).status == 200
                sent.append(text)
            writer.close()

            assert [each.json()["messages"][0]["content"] for each in up.requests] == sent

    asyncio.run(run())


@pytest.mark.parametrize("size", [9_000, 70_000, 300_000, 2_500_000])
@pytest.mark.parametrize("pieces", [1, 3, 7])
def test_a_large_body_ends_where_its_length_says_and_the_next_request_begins_there(
    tmp_path: Path, size: int, pieces: int
) -> None:
    """However it is cut up on its way, and whatever follows it in the same packet."""

    async def run() -> None:
        texts = [letter * size for letter in "abc"] + ["small"]
        bodies = [msgspec.json.encode({**HELLO, "messages": [{"role": "user", "content": text}]}) for text in texts]
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            sent = b"".join(request("POST", "/v1/chat/completions", body, gate.key, {}) for body in bodies)
            step = len(sent) // pieces + 1
            for start in range(0, len(sent), step):
                writer.write(sent[start : start + step])
                await asyncio.sleep(0)

            assert [(await read_reply(reader)).status for _ in bodies] == [200] * 4
            writer.close()
            assert [each.json()["messages"][0]["content"] for each in up.requests] == texts

    asyncio.run(run())
