"""Connections to backends that are kept for the next call, closed too early, or never made."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway_running import HELLO, request, running

from fault_server import (
    LOOPBACK,
    Behaviour,
    Exchange,
    FaultServer,
    answers,
    chat_body,
    chat_events,
    script,
    stalls,
    streams,
)
from fault_server import says as says_raw
from fault_server import says_and_cuts as cuts
from patience import PATIENCE_S, settled, soon
from weighbridge.gateway.attempts import RACE_S

ONCE = "retries = 0"


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_a_kept_connection_that_was_being_closed_costs_no_attempt_and_is_no_failure(
    tmp_path: Path, hard: bool, stream: bool
) -> None:
    """The backend never saw the request, so that it is neither its fault nor a retry."""

    async def run() -> None:
        good = streams(chat_events(["Hel", "lo"])) if stream else answers(chat_body())
        behave = script(good, cuts(hard=hard), good)
        async with FaultServer(behave) as up, running(tmp_path, {"up": up}, route=ONCE) as gate:
            replies = [await gate.chat(stream=stream) for _ in range(2)]

            assert [each.status for each in replies] == [200, 200]
            assert (len(up.requests), up.connections) == (3, 2)
            (aim,) = gate.gateway.routes["public"].aims
            assert (aim.failures, aim.under_way) == (0, 0)
            assert [(row.outcome, row.attempts) for row in gate.calls()] == [("ok", 1)] * 2

    asyncio.run(run())


def test_a_second_backend_whose_kept_connection_was_being_closed_is_asked_on_a_new_one(tmp_path: Path) -> None:
    """It is no failure of that backend, and the call is not left to the slow one alone."""

    async def run() -> None:
        fast = script(answers(chat_body("fine")), cuts(), answers(chat_body("fine")))
        hedged = "hedge = { after_s = 0, share = 1 }"
        async with (
            FaultServer(stalls()) as slow,
            FaultServer(fast) as second,
            running(tmp_path, {"slow": slow, "second": second}, route=hedged) as gate,
        ):
            replies = [await gate.chat() for _ in range(2)]

            assert [each.json()["choices"][0]["message"]["content"] for each in replies] == ["fine"] * 2
            assert (len(second.requests), second.connections) == (3, 2)
            assert [(aim.failures, aim.under_way) for aim in gate.gateway.routes["public"].aims] == [(0, 0), (0, 0)]
            assert [(row.backend, row.attempts) for row in gate.calls()] == [("second", 2)] * 2

    asyncio.run(run())


async def dies_later(exchange: Exchange) -> None:
    """As a backend that is killed in the middle of its work."""
    await asyncio.sleep(RACE_S + 0.1)
    exchange.cut()


@pytest.mark.parametrize(
    ("bad", "requests"),
    [
        pytest.param(cuts(b"H"), 2, id="a-byte-came"),
        pytest.param(cuts(b"HTTP/1.1 103 Early Hints\r\n\r\n"), 2, id="an-interim-answer-came"),
        pytest.param(dies_later, 2, id="not-at-once"),
        pytest.param(cuts(), 3, id="on-a-new-connection-too"),
    ],
)
def test_what_may_have_been_answered_is_sent_again_only_as_a_retry(
    tmp_path: Path, bad: Behaviour, requests: int
) -> None:
    """Sent twice, a call may be paid for twice; a route without retries asked for that not to happen."""

    async def run() -> None:
        behave = script(answers(chat_body()), bad, bad, answers(chat_body()))
        async with FaultServer(behave) as up, running(tmp_path, {"up": up}, route=ONCE) as gate:
            assert (await gate.chat()).status == 200

            assert (await gate.chat()).status == 502
            assert len(up.requests) == requests
            (aim,) = gate.gateway.routes["public"].aims
            assert (aim.failures, aim.under_way) == (1, 0)

    asyncio.run(run())


@dataclass
class Deaf:
    """Something at an address that takes no connection, and refuses none."""

    base_url: str


@contextmanager
def deaf() -> Iterator[Deaf]:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        place = listener.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(place)
            yield Deaf(f"http://{LOOPBACK}:{place[1]}/v1")
        finally:
            for each in waiting:
                each.close()


def test_a_client_that_leaves_while_its_backend_is_dialled_leaves_nothing_behind(tmp_path: Path) -> None:
    """What is counted at a target and never counted off would keep calls from it for ever."""

    async def run() -> None:
        with deaf() as up:
            async with running(tmp_path, {"up": up}, route="connect_s = 60") as gate:  # type: ignore[dict-item]
                (aim,) = gate.gateway.routes["public"].aims
                _, writer = await asyncio.open_connection(LOOPBACK, gate.port)
                body = b'{"model":"public","messages":[{"role":"user","content":"hello"}]}'
                writer.write(request("POST", "/v1/chat/completions", body, gate.key, {}))
                await soon(lambda: aim.under_way == 1)
                writer.close()

                await soon(lambda: not gate.gateway.calls_under_way)
                assert aim.under_way == 0
                await soon(lambda: [row.status for row in gate.calls()] == [499])

    asyncio.run(run())


def test_a_call_whose_time_is_up_while_it_waits_for_its_next_attempt_ends_once(tmp_path: Path) -> None:
    async def run() -> None:
        route = "retries = 9\ntotal_s = 0.4"  # over while it waits, for the third time, to try again
        async with FaultServer(answers(b"{}", 503)) as up, running(tmp_path, {"up": up}, route=route) as gate:
            reply = await asyncio.wait_for(gate.chat(**HELLO), PATIENCE_S)

            assert reply.status == 504
            (aim,) = gate.gateway.routes["public"].aims
            assert (aim.under_way, aim.failures) == (0, len(up.requests))
            assert [row.status for row in gate.calls()] == [504]

    asyncio.run(run())


def answer_of(body: bytes, *, length: int | None = None, more: bytes = b"") -> bytes:
    known = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nserver: s\r\n" % (
        len(body) if length is None else length
    )
    return known + more + b"\r\n" + body


SHORT, LONG = chat_body("short"), chat_body("a longer answer than that")


@pytest.mark.parametrize(
    ("parts", "status", "body"),
    [
        pytest.param([answer_of(LONG)], 200, LONG, id="another-length"),
        pytest.param([answer_of(LONG)[:60], answer_of(LONG)[60:]], 200, LONG, id="in-two-reads"),
        pytest.param([answer_of(LONG)[:-9], answer_of(LONG)[-9:]], 200, LONG, id="a-body-in-two-reads"),
        pytest.param([answer_of(LONG, more=b"x: y\r\n")], 200, LONG, id="another-field"),
        pytest.param([answer_of(LONG, more=b"connection: close\r\n")], 200, LONG, id="closing"),
        pytest.param([answer_of(LONG, length=len(LONG) + 5)], 502, None, id="a-body-too-short"),
        pytest.param([answer_of(LONG, more=b"content-length: 3\r\n")], 502, None, id="two-lengths"),
        pytest.param([answer_of(LONG, more=b"transfer-encoding: chunked\r\n")], 502, None, id="length-and-chunks"),
        pytest.param([answer_of(LONG).replace(b"200 OK", b"500 NO", 1)], 502, None, id="another-status"),
    ],
)
def test_an_answer_whose_head_looks_like_the_last_one_is_what_its_own_head_says(
    tmp_path: Path, parts: list[bytes], status: int, body: bytes | None
) -> None:
    """Heads are known again by their bytes; what differs in any is read in full."""

    async def says_in_parts(exchange: Exchange) -> None:
        if exchange.number < 2:
            exchange.write(answer_of(SHORT))
            return
        for part in parts:
            exchange.write(part)
            await exchange.drain()
            await settled(3)
        if status != 200:
            exchange.cut()

    async def run() -> None:
        async with FaultServer(says_in_parts) as up, running(tmp_path, {"up": up}, route=ONCE) as gate:
            replies = [await gate.chat() for _ in range(3)]

            assert [each.status for each in replies] == [200, 200, status]
            assert [each.body for each in replies[:2]] == [SHORT, SHORT]
            assert body is None or replies[2].body == body
            assert up.connections == 1

    asyncio.run(run())


def test_bytes_behind_an_answer_belong_to_no_later_call(tmp_path: Path) -> None:
    """A backend that answers twice would otherwise have its second answer given to somebody else."""

    async def run() -> None:
        twice = says_raw(answer_of(SHORT) + answer_of(LONG))
        behave = script(says_raw(answer_of(SHORT)), twice, says_raw(answer_of(SHORT)))
        async with FaultServer(behave) as up, running(tmp_path, {"up": up}) as gate:
            replies = [await gate.chat() for _ in range(3)]

            assert LONG not in [each.body for each in replies]

    asyncio.run(run())
