"""A slow backend is not waited for alone: a second one is asked, one of them is taken, both are paid."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gateway_running import running
from hypothesis import given
from hypothesis import strategies as st

from fault_server import (
    STREAM_HEAD,
    Behaviour,
    Exchange,
    FaultServer,
    answers,
    chat_body,
    chat_events,
    chunked,
    says_and_cuts,
    sse,
    stalls,
    streams,
)
from patience import NEVER_S, soon
from weighbridge.dispatch.hedging import BURST, Hedge, HedgeTable

AT_ONCE = "hedge = { after_s = 0, share = 1 }"
NEVER = f"hedge = {{ after_s = {NEVER_S} }}"
ROLE = sse([b'{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}'])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("is_begun", [False, True])
def test_the_first_to_answer_wins_and_the_other_is_cancelled_and_paid(
    tmp_path: Path, stream: bool, is_begun: bool
) -> None:
    """7 tokens in and 3 out of the answer at 1 dollar a million, and the prompt once more for the one that was
    dropped: nobody says what it will bill."""
    slow = stalls(STREAM_HEAD + chunked(ROLE)) if is_begun else stalls()
    fast = streams(chat_events("fi", "ne")) if stream else answers(chat_body("fine"))

    async def run() -> None:
        async with (
            FaultServer(slow) as first,
            FaultServer(fast) as second,
            running(tmp_path, {"first": first, "second": second}, route=AT_ONCE) as gate,
        ):
            reply = await gate.chat(stream=stream)

            said = reply.text if stream else reply.json()["choices"][0]["message"]["content"]
            assert (reply.status, said, reply.whole) == (200, "fine", True)
            await soon(lambda: first.requests[0].left.is_set())
            (row,) = gate.calls()
            assert (row.outcome, row.backend, row.attempts, row.flags) == (
                "ok",
                "second",
                2,
                "model-mismatch hedged",
            )
            events = 1 if stream and is_begun else 0
            assert (row.usd, row.usd_is) == (pytest.approx((10 + 7 + events) * 1e-6), "estimated")

    asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_may_win_all_the_same(tmp_path: Path, stream: bool) -> None:
    """The second one was asked and is silent; then the first answers."""

    async def run() -> None:
        asked = asyncio.Event()

        async def late(exchange: Exchange) -> None:
            await asked.wait()
            await (streams(chat_events("la", "te")) if stream else answers(chat_body("late")))(exchange)

        async def silent(exchange: Exchange) -> None:
            asked.set()
            await exchange.left.wait()

        async with (
            FaultServer(late) as first,
            FaultServer(silent) as second,
            running(tmp_path, {"first": first, "second": second}, route=AT_ONCE) as gate,
        ):
            reply = await gate.chat(stream=stream)

            assert (reply.text if stream else reply.json()["choices"][0]["message"]["content"]) == "late"
            await soon(lambda: second.requests[0].left.is_set())
            (row,) = gate.calls()
            assert (row.backend, row.usd) == ("first", pytest.approx(17e-6))
            assert all(aim.under_way == 0 for aim in gate.gateway.routes["public"].aims)

    asyncio.run(run())


def test_a_first_that_fails_leaves_the_call_to_the_second(tmp_path: Path) -> None:
    async def run() -> None:
        asked = asyncio.Event()

        async def fails(exchange: Exchange) -> None:
            await asked.wait()
            await answers(b"{}", 500)(exchange)

        async def second(exchange: Exchange) -> None:
            asked.set()
            await soon(lambda: gate.gateway.routes["public"].aims[0].failures)
            await answers(chat_body("fine"))(exchange)

        async with (
            FaultServer(fails) as first,
            FaultServer(second) as other,
            running(tmp_path, {"first": first, "second": other}, route=AT_ONCE) as gate,
        ):
            reply = await gate.chat()

            assert (reply.status, len(first.requests), len(other.requests)) == (200, 1, 1)
            assert gate.calls()[0].backend == "second"

    asyncio.run(run())


@pytest.mark.parametrize("bad", [answers(b"{}", 500), says_and_cuts(), answers(b"no json"), answers(b"{}", 400)])
def test_a_second_that_fails_changes_nothing(tmp_path: Path, bad: Behaviour) -> None:
    async def run() -> None:
        failed = asyncio.Event()

        async def first(exchange: Exchange) -> None:
            await failed.wait()
            await soon(lambda: not gate.gateway.routes["public"].aims[1].under_way)
            await answers(chat_body("fine"))(exchange)

        async def second(exchange: Exchange) -> None:
            await bad(exchange)
            failed.set()

        async with (
            FaultServer(first) as one,
            FaultServer(second) as other,
            running(tmp_path, {"first": one, "second": other}, route=AT_ONCE) as gate,
        ):
            assert (await gate.chat()).status == 200
            (row,) = gate.calls()
            assert (row.backend, row.outcome, row.usd) == ("first", "ok", pytest.approx(10e-6))

    asyncio.run(run())


def test_both_failing_is_told_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(b"{}", 500)) as one,
            FaultServer(answers(b"{}", 500)) as other,
            running(tmp_path, {"first": one, "second": other}, route=AT_ONCE + "\nretries = 1") as gate,
        ):
            assert (await gate.chat()).status == 502
            assert len(gate.calls()) == 1

    asyncio.run(run())


def test_a_quick_backend_is_asked_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body())) as first,
            FaultServer(answers(chat_body())) as second,
            running(tmp_path, {"first": first, "second": second}, route=NEVER) as gate,
        ):
            await gate.chat()

            assert (len(first.requests), len(second.requests)) == (1, 0)
            assert gate.calls()[0].usd == pytest.approx(10e-6)

    asyncio.run(run())


def test_what_is_held_covers_both(tmp_path: Path) -> None:
    """A body of some 100 bytes and 10 tokens at 1 dollar a million: one call may cost about 0.00018 dollars. A budget
    of 0.0003 has room for one backend, and none for two."""

    async def run() -> None:
        servers = {"a": FaultServer(answers(chat_body())), "b": FaultServer(answers(chat_body()))}
        async with servers["a"], servers["b"]:
            async with running(tmp_path / "one", servers) as gate:
                _, key = gate.make_key("0.0003/day")
                assert (await gate.chat(key=key)).status == 200
            async with running(tmp_path / "two", servers, route=NEVER) as gate:
                _, key = gate.make_key("0.0003/day")
                assert (await gate.chat(key=key)).json()["error"]["code"] == "insufficient_quota"

    asyncio.run(run())


def test_a_client_that_leaves_ends_both(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(stalls()) as first,
            FaultServer(stalls()) as second,
            running(tmp_path, {"first": first, "second": second}, route=AT_ONCE) as gate,
        ):
            call = asyncio.ensure_future(gate.chat())
            await soon(lambda: first.requests and second.requests)
            call.cancel()
            await soon(lambda: first.requests[0].left.is_set() and second.requests[0].left.is_set())
            await soon(gate.calls)

            assert gate.calls()[0].status == 499
            assert all(aim.under_way == 0 for aim in gate.gateway.routes["public"].aims)

    asyncio.run(run())


@given(st.lists(st.booleans(), max_size=300), st.floats(0.01, 1.0))
def test_no_more_than_the_share_is_asked_twice(slow: list[bool], share: float) -> None:
    hedge = Hedge(HedgeTable(share=share))
    twice = 0
    for is_slow in slow:
        hedge.called()
        twice += is_slow and hedge.may_ask()

    assert twice <= share * len(slow) + BURST


def test_the_delay_follows_what_calls_took() -> None:
    """The 95th of 100 times from 0.01 to 1.00 s is 0.95 s (nearest rank)."""
    hedge = Hedge(HedgeTable(after_s=9, percentile=95))
    assert hedge.delay_s == 9

    for hundredth in range(1, 101):
        hedge.measured(hundredth / 100)

    assert hedge.delay_s == 0.95
