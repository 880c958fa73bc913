"""What a backend does wrong before the first piece, the client never sees."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gateway_running import running

from fault_server import (
    STREAM_HEAD,
    Behaviour,
    FaultServer,
    answers,
    answers_then_closes_idle,
    chat_body,
    chat_events,
    chunked,
    floods,
    says,
    says_and_cuts,
    script,
    sse,
    stalls,
    streams,
)

QUICK = "first_piece_s = 0.3\ngap_s = 0.3\n"
ROLE = sse([b'{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}'])

BAD = [
    pytest.param(answers(b"{}", 500), id="500"),
    pytest.param(answers(b"<html>", 502, "text/html"), id="html-502"),
    pytest.param(answers(b'{"error":{"message":"slow down"}}', 429), id="429"),
    pytest.param(answers(b'{"error":"bad key"}', 401), id="401"),
    pytest.param(says_and_cuts(), id="cut-at-once"),
    pytest.param(says_and_cuts(hard=True), id="reset"),
    pytest.param(says_and_cuts(b"HTTP/1.1 200 OK\r\ncontent-le"), id="cut-in-head"),
    pytest.param(says_and_cuts(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"), id="cut-in-body"),
    pytest.param(says(b"garbage\r\n\r\n"), id="garbage"),
    pytest.param(says(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), id="upgrade"),
    pytest.param(answers(b"not json at all"), id="no-json"),
    pytest.param(stalls(), id="stall"),
]
BAD_STREAMS = [
    *BAD[:-2],
    pytest.param(stalls(STREAM_HEAD + chunked(ROLE)), id="stall-after-role"),
    pytest.param(says_and_cuts(STREAM_HEAD + chunked(ROLE)), id="cut-after-role"),
    pytest.param(says_and_cuts(STREAM_HEAD + chunked(ROLE) + b"0\r\n\r\n"), id="empty-stream"),
    pytest.param(says(STREAM_HEAD + chunked(sse([b'{"error":{"message":"overloaded"}}']))), id="error-event"),
    pytest.param(says(STREAM_HEAD + chunked(sse([b"nonsense"]))), id="garbage-event"),
    pytest.param(floods(STREAM_HEAD, chunked(sse([b'{"choices":[]}']) * 2000)), id="flood-without-content"),
    pytest.param(floods(STREAM_HEAD, chunked(b"x" * 65536)), id="flood-without-event"),
]


@pytest.mark.parametrize("bad", BAD)
def test_a_whole_answer_comes_from_the_next_backend(tmp_path: Path, bad: Behaviour) -> None:
    async def run() -> None:
        async with (
            FaultServer(bad) as first,
            FaultServer(answers(chat_body("fine"))) as second,
            running(tmp_path, {"first": first, "second": second}, route=QUICK) as gate,
        ):
            reply = await gate.chat()

            assert (reply.status, reply.body) == (200, chat_body("fine"))
            (row,) = gate.calls()
            assert (row.outcome, row.backend, row.attempts) == ("ok", "second", 2)

    asyncio.run(run())


@pytest.mark.parametrize("bad", BAD_STREAMS)
def test_a_stream_comes_from_the_next_backend(tmp_path: Path, bad: Behaviour) -> None:
    async def run() -> None:
        async with (
            FaultServer(bad) as first,
            FaultServer(streams(chat_events("fi", "ne"))) as second,
            running(tmp_path, {"first": first, "second": second}, route=QUICK) as gate,
        ):
            reply = await gate.chat(stream=True)

            assert (reply.status, reply.text, reply.whole) == (200, "fine", True)
            assert all("error" not in event for event in reply.events)

    asyncio.run(run())


def test_one_backend_is_asked_again_after_a_failure_that_may_pass(tmp_path: Path) -> None:
    async def run() -> None:
        server = FaultServer(script(answers(b"{}", 503), answers(chat_body("fine"))))
        async with server as up, running(tmp_path, {"up": up}) as gate:
            assert (await gate.chat()).status == 200
            assert gate.calls()[0].attempts == 2

    asyncio.run(run())


def test_a_stale_connection_is_no_failure_the_client_sees(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers_then_closes_idle(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            assert [(await gate.chat()).status for _ in range(3)] == [200] * 3

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "told", "calls"),
    [(400, 400, 1), (422, 422, 1), (404, 404, 1), (401, 502, 1), (429, 429, 3), (500, 502, 3), (503, 503, 3)],
)
def test_what_no_attempt_mends_is_told_with_the_right_status_and_no_secret(
    tmp_path: Path, status: int, told: int, calls: int
) -> None:
    body = b'{"error":{"message":"no: Incorrect API key sk-upstream-secret-0123"}}'

    async def run() -> None:
        async with FaultServer(answers(body, status)) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.chat()

            assert (reply.status, len(up.requests)) == (told, calls)
            assert reply.json()["error"]["message"]
            assert b"sk-upstream" not in reply.body
            (row,) = gate.calls()
            assert (row.outcome, row.reason, row.status, row.usd) == ("failed", f"status {status}", told, 0.0)
            assert "sk-upstream" not in (row.error or "")

    asyncio.run(run())


def test_a_backend_that_is_not_there_is_a_502_that_names_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(b"")) as gone:
            pass
        async with running(tmp_path, {"gone": gone}) as gate:
            reply = await gate.chat()

            assert reply.status == 502
            assert "no connection" in reply.json()["error"]["message"]
            assert gate.calls()[0].usd == 0.0

    asyncio.run(run())


def test_silence_after_the_first_piece_is_an_error_in_band(tmp_path: Path) -> None:
    begun = sse(chat_events("a", done=False)[:1])

    async def run() -> None:
        async with (
            FaultServer(stalls(STREAM_HEAD + chunked(begun))) as up,
            running(tmp_path, {"up": up}, route=QUICK) as gate,
        ):
            reply = await gate.chat(stream=True)

            assert (reply.text, reply.whole) == ("a", True)
            assert "silent" in reply.events[-1]["error"]["message"]
            assert b"[DONE]" not in reply.body

    asyncio.run(run())


def test_a_backend_that_keeps_failing_is_left_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(b"{}", 500)) as first,
            FaultServer(answers(chat_body("fine"))) as second,
            running(tmp_path, {"first": first, "second": second}) as gate,
        ):
            for _ in range(12):
                assert (await gate.chat()).status == 200

            assert len(first.requests) == 5, "after five failures in a row nobody asks it for a while"
            assert len(second.requests) == 12

    asyncio.run(run())


def test_a_fast_backend_does_not_fill_the_memory_for_a_slow_client(tmp_path: Path) -> None:
    """Back-pressure: what the client does not read, the backend cannot go on sending."""
    sent = 0
    block = chunked(sse([b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % (b"x" * 8000)]) * 8)

    async def run() -> None:
        nonlocal sent

        async def flood(exchange: object) -> None:
            nonlocal sent
            exchange.write(STREAM_HEAD)  # type: ignore[attr-defined]
            while not exchange.left.is_set() and sent < 1 << 28:  # type: ignore[attr-defined]
                exchange.write(block)  # type: ignore[attr-defined]
                sent += len(block)
                await exchange.drain()  # type: ignore[attr-defined]

        async with FaultServer(flood) as up, running(tmp_path, {"up": up}) as gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port, limit=1024)
            body = b'{"model":"public","messages":[],"stream":true}'
            auth = f"authorization: Bearer {gate.key}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + auth + body)
            await reader.readexactly(100)
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.3)

            assert sent < 40 << 20, "sockets hold a few megabytes, the gateway a quarter of one"
            writer.close()

    asyncio.run(run())
