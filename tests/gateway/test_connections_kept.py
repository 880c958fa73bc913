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

from fault_server import LOOPBACK, Behaviour, Exchange, FaultServer, answers, chat_body, chat_events, script, streams
from fault_server import says_and_cuts as cuts
from patience import PATIENCE_S, soon
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
