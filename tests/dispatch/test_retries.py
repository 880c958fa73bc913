"""What may pass is tried again, politely; what will not pass is a reason at once."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import DONE, make_call, make_record, open_door

from weighbridge.chat import Piece
from weighbridge.dispatch.backoff import LONGEST_S, PATIENCE_S, wait_s
from weighbridge.errors import BackendRefused, BackendUnreachable, BadAnswer, CannotAsk, EngineCrashed, StreamCut


@pytest.mark.parametrize(
    "error",
    [
        BackendUnreachable("refused"),
        BackendRefused("busy", status=429),
        BackendRefused("oops", status=500),
        BadAnswer("half a JSON"),
        StreamCut("broke"),
        EngineCrashed("gone"),
    ],
    ids=lambda error: error.reason,
)
def test_what_may_pass_is_tried_again(tmp_path: Path, error: Exception) -> None:
    with open_door(tmp_path, [error], [error], [DONE]) as (door, engine, clock):  # type: ignore[list-item]
        outcome = asyncio.run(door.ask(make_call()))
        (row,) = door.ledger.calls("run-1")

    assert outcome.answer is not None
    assert (outcome.attempts, row.attempts, engine.calls, len(clock.slept)) == (3, 3, 3, 2)


@pytest.mark.parametrize("error", [BackendRefused("no", status=401), BackendRefused("no", status=404), CannotAsk("no")])
def test_what_will_not_pass_is_not_tried_again(tmp_path: Path, error: Exception) -> None:
    with open_door(tmp_path, [error]) as (door, engine, clock):  # type: ignore[list-item]
        asyncio.run(door.ask(make_call()))

    assert (engine.calls, clock.slept) == (1, [])


def test_giving_up_says_how_often_and_how_long_it_was_tried(tmp_path: Path) -> None:
    with open_door(tmp_path, [BackendRefused("status 500", status=500)], record=make_record(retries=2)) as opened:
        outcome = asyncio.run(opened[0].ask(make_call()))

    assert outcome.attempts == 3
    assert "Tried 3 times in " in (outcome.error or "")


def test_retry_after_is_honoured_by_every_call_to_the_backend(tmp_path: Path) -> None:
    """The second call was told nothing, but the backend said that it wants none."""
    busy = BackendRefused("busy", status=429, retry_after_s=12.0)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await woken.wait()
        clock.at += seconds

    async def two() -> int:
        tasks = []
        for text in "ab":
            tasks.append(asyncio.create_task(door.ask(make_call(text))))
            while len(waits) < len(tasks):
                await asyncio.sleep(0)
        asked_while_paused = engine.calls
        woken.set()
        await asyncio.gather(*tasks)
        return asked_while_paused

    woken = asyncio.Event()
    with open_door(tmp_path, [busy], [DONE], concurrency=2, sleep=sleep) as (door, engine, clock):
        engine_calls = asyncio.run(two())

    assert engine_calls == 1
    assert waits == [12.0, 12.0]


def test_a_backend_that_asks_for_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    with open_door(tmp_path, [BackendRefused("quota", status=429, retry_after_s=3600.0)]) as (door, engine, clock):
        outcome = asyncio.run(door.ask(make_call()))

    assert (engine.calls, clock.slept, outcome.reason) == (1, [], "status 429")
    assert "asked us to wait 1 h 0 min" in (outcome.error or "")


@given(
    st.integers(1, 10_000),
    st.integers(),
    st.none() | st.floats(allow_nan=True, allow_infinity=True),
    st.integers(0, 99),
)
def test_waits_are_bounded_and_never_shorter_than_asked(
    attempt: int, status: int, asked: float | None, seed: int
) -> None:
    wait = wait_s(BackendRefused("x", status=status, retry_after_s=asked), attempt, Random(seed))

    if asked is not None and asked > PATIENCE_S:
        assert wait is None
    else:
        assert wait is not None
        assert 0.5 <= wait <= max(LONGEST_S, PATIENCE_S)
        assert not (asked is not None and asked > wait)


def test_waits_double_and_differ_between_calls() -> None:
    """Calls that failed together must not come back together."""
    waits = [wait_s(BadAnswer("x"), attempt, Random(1)) for attempt in (1, 2, 3, 4, 5, 6, 7, 8)]
    others = [wait_s(BadAnswer("x"), attempt, Random(2)) for attempt in (1, 2, 3, 4, 5, 6, 7, 8)]

    ratios = [after / before for before, after in pairwise(waits)]  # type: ignore[operator]
    assert ratios[:5] == pytest.approx([2.0] * 5)
    assert max(wait for wait in waits if wait) <= LONGEST_S
    assert waits != others


def test_an_answer_that_takes_too_long_is_given_up_and_not_paid_for_twice(tmp_path: Path) -> None:
    hang = asyncio.Event()

    with open_door(tmp_path, [Piece(text="slow"), hang], record=make_record(timeout_s=0.05)) as (door, engine, _):
        outcome = asyncio.run(door.ask(make_call()))

    assert (outcome.reason, engine.calls, engine.under_way) == ("timed out", 1, 0)
    assert "within 0.05 s" in (outcome.error or "")


def test_a_very_long_error_is_cut(tmp_path: Path) -> None:
    with open_door(tmp_path, [BackendRefused("<html>" * 10_000, status=404)]) as (door, _, _):
        outcome = asyncio.run(door.ask(make_call()))

    assert len(outcome.error or "") == 2000
