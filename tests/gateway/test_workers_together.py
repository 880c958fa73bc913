"""What several workers count, they count together: limits a minute, metrics."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import tracemalloc
from pathlib import Path

import pytest
from gateway_running import config_of, make_key, read_reply, request
from hypothesis import given
from hypothesis import strategies as st
from test_crash import ask, process

from fault_server import answers, chat_body, serving
from patience import PATIENCE_S, eventually
from weighbridge.dispatch.rate import Limit, Rate, Taken
from weighbridge.dispatch.shared_rate import STEP_S, SharedMinutes, SharedRate
from weighbridge.errors import UsageError
from weighbridge.gateway.run import bind_all

MINUTES = SharedMinutes()
NAMES = itertools.count()
WORKERS = ("--workers", "3")


def test_a_limit_a_minute_holds_over_all_workers_exactly(tmp_path: Path) -> None:
    """Ten a minute, sixty asked at once of three workers: ten, where a share each would let twelve through, and the
    whole limit each thirty."""
    with serving(answers(chat_body())) as up:
        _, key = make_key(tmp_path / "data" / "weighbridge", rpm=10)
        with process(tmp_path, config_of({"up": up}), *WORKERS) as (_, port):

            async def run() -> list[int]:
                return await asyncio.gather(*(ask(port, key) for _ in range(60)))

            statuses = asyncio.run(run())

    assert (statuses.count(200), statuses.count(429)) == (10, 50)
    assert len(up.requests) == 10


def test_metrics_are_those_of_all_workers_whoever_answers(tmp_path: Path) -> None:
    with serving(answers(chat_body())) as up:
        _, key = make_key(tmp_path / "data" / "weighbridge")
        with process(tmp_path, config_of({"up": up}), *WORKERS) as (gateway, port):

            async def asked() -> None:
                assert await asyncio.gather(*(ask(port, key) for _ in range(30))) == [200] * 30

            async def read() -> str:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request("GET", "/metrics", b"", key, {}))
                reply = await read_reply(reader)
                writer.close()
                return reply.body.decode()

            def counted() -> set[int]:
                texts = [asyncio.run(read()) for _ in range(4)]
                return {int(re.findall(r"weighbridge_calls_total\{.*\} (\d+)", text)[0]) for text in texts}

            asyncio.run(asked())
            eventually(lambda: counted() == {30})
            victim = children(gateway.pid)[0]
            os.kill(victim, signal.SIGKILL)
            eventually(lambda: victim not in children(gateway.pid))
            eventually(lambda: len(children(gateway.pid)) == 3)
            eventually(lambda: counted() == {30})
            asyncio.run(asked())
            eventually(lambda: counted() == {60})
            gateway.terminate()
            gateway.wait(PATIENCE_S)
    assert up.connections > 0


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


CALLS = st.lists(st.tuples(st.floats(0, 20), st.integers(1, 12), st.integers(0, 2)), max_size=40)


@given(calls=CALLS, limit=st.integers(1, 10))
def test_no_minute_holds_more_than_the_limit_whoever_counts(calls: list[tuple[float, int, int]], limit: int) -> None:
    """Three processes' views of one limit; what is let through in any 60 seconds, an amount above the limit alone."""
    rates = [SharedRate(MINUTES, f"{next(NAMES)} {limit}", limit)]
    rates += [SharedRate(MINUTES, rates[0].name, limit) for _ in range(2)]
    now, taken = 1000.0, []
    for wait, amount, who in calls:
        now += wait
        got = rates[who].admit(now, amount)
        if isinstance(got, Taken):
            taken.append((now, amount))
        else:
            assert 0 < got <= 60 + STEP_S

    for start, _ in taken:
        within = [amount for at, amount in taken if start <= at < start + 60]
        assert sum(within) <= limit or len(within) == 1


@pytest.mark.parametrize("make", [lambda: Rate(5), lambda: SharedRate(MINUTES, f"{next(NAMES)}", 5)])
def test_what_was_taken_back_is_free_again_and_a_wait_is_as_long_as_it_says(make: object) -> None:
    rate: Limit = make()  # type: ignore[operator]
    taken = [rate.admit(100.0) for _ in range(5)]
    wait = rate.admit(130.0)

    assert isinstance(wait, float)
    assert 30.0 <= wait <= 30.0 + STEP_S
    assert isinstance(rate.admit(100.0 + 30.0 + wait), Taken)
    other = make()  # type: ignore[operator]
    one = other.admit(100.0, 5)
    other.correct(one, 2)
    assert isinstance(other.admit(101.0, 3), Taken)
    assert isinstance(other.admit(102.0, 1), float)
    assert all(isinstance(each, Taken) for each in taken)


def test_thousands_of_limits_find_a_place_of_their_own() -> None:
    minutes = SharedMinutes()
    for number in range(3000):
        assert isinstance(SharedRate(minutes, f"key {number}", 1).admit(1000.0), Taken)
    for number in range(3000):
        assert isinstance(SharedRate(minutes, f"key {number}", 1).admit(1001.0), float)
    minutes.close()


def test_a_second_gateway_does_not_share_the_port_of_the_first() -> None:
    """The kernel would give each of them some of the connections, with other keys and another ledger."""
    first = bind_all("127.0.0.1", 0, 2)
    port = first[0].getsockname()[1]
    try:
        assert {listener.getsockname()[1] for listener in first} == {port}
        for listener in first:
            listener.listen()
        for workers in (1, 2):
            with pytest.raises(UsageError, match=str(port)):
                bind_all("127.0.0.1", port, workers)
    finally:
        for listener in first:
            listener.close()


def test_a_limit_takes_no_more_memory_the_more_it_lets_through() -> None:
    """Twenty calls in each tick of the gateway's clock, for two minutes, would be remembered one by one otherwise."""
    rate = Rate(10**9)

    tracemalloc.start()
    for tick in range(2400):
        for _ in range(20):
            rate.admit(tick * 0.05, 50)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken < 500_000
    assert rate.wait_s(2399 * 0.05) == 0.0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.integers(0, 12)), max_size=80))
def test_a_limit_counted_in_sums_lets_through_what_one_counted_call_by_call_does(
    steps: list[tuple[int, int, int]],
) -> None:
    """Ten seconds a step of the first number; the third is what a call turned out to be, some time later."""
    rate, log, now = Rate(20), list[list[float]](), 0.0
    held: list[tuple[Taken, list[float]]] = []
    for wait, amount, real in steps:
        now += wait * 10 if wait < 8 else 0.0
        got = rate.admit(now, amount)
        recent = sum(each[1] for each in log if now - each[0] < 60.0)
        assert isinstance(got, Taken) == (recent + amount <= 20)
        if isinstance(got, Taken):
            log.append([now, amount])
            held.append((got, log[-1]))
        if real % 3 == 0 and held:
            taken, counted = held.pop(real % len(held))
            rate.correct(taken, real)
            counted[1] = real
